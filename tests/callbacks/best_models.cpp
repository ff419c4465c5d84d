// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/callbacks/best_models.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using lit::BestModels;
using lit::Mode;

static_assert(!std::is_polymorphic_v<BestModels>);

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// What ModelCheckpoint does with the table: a file that comes in may push another out.
struct Books {
    BestModels best;
    std::vector<std::string> removed{};

    bool save(const std::string& path, float score) {
        if (!best.has_room() && !best.beats_worst(score)) {
            return false;
        }
        if (const std::string gone = best.make_room(); !gone.empty()) {
            removed.push_back(gone);
        }
        best.add(path, score);
        return true;
    }
    [[nodiscard]] std::string paths() const {
        std::string text;
        for (const BestModels::Entry& entry : best.entries()) {
            text += entry.path;
        }
        return text;
    }
};

}  // namespace

TEST_SUITE("callbacks/best_models") {
    TEST_CASE("keeps the k best, and an equal score does not push another out") {
        for (const bool maximize : {false, true}) {
            Books books{BestModels(maximize ? Mode::maximize : Mode::minimize, 2)};
            const float sign = maximize ? -1.0F : 1.0F;
            CHECK(books.save("a", sign * 3));
            CHECK(books.best.worst_path().empty());  // not full: nothing is the worst yet
            CHECK(books.save("b", sign * 5));
            CHECK(books.best.worst_path() == "b");
            CHECK_FALSE(books.save("c", sign * 5));
            CHECK_FALSE(books.save("d", sign * 6));
            CHECK(books.save("e", sign * 4));
            CHECK(books.paths() == "ae");
            CHECK(books.removed == std::vector<std::string>{"b"});
            CHECK(books.best.best_path() == "a");
            CHECK(books.best.best_score() == static_cast<double>(sign * 3));
            CHECK(books.best.worst_path() == "e");
            CHECK(books.best.worst_score() == static_cast<double>(sign * 4));
            CHECK(books.best.current_score() == static_cast<double>(sign * 4));
        }
    }

    TEST_CASE("of equals the one saved first is the best, and the first to go") {
        Books books{BestModels(Mode::minimize, 2)};
        books.save("a", 5);
        books.save("b", 5);
        CHECK(books.best.best_path() == "a");
        CHECK(books.best.worst_path() == "a");
        books.save("c", 4);
        CHECK(books.paths() == "bc");
    }

    TEST_CASE("nan is the worst there is, and the first finite score replaces it") {
        Books books{BestModels(Mode::maximize, 1)};
        CHECK(books.save("a", not_a_number));
        CHECK(books.best.worst_score() == -infinity);
        CHECK(books.best.current_score() == -infinity);
        CHECK_FALSE(books.save("b", not_a_number));
        CHECK(books.save("c", -1e30F));
        CHECK(books.paths() == "c");
    }

    TEST_CASE("-1 keeps all, 0 has room for none") {
        Books all{BestModels(Mode::minimize, -1)};
        for (const char* path : {"a", "b", "c"}) {
            CHECK(all.save(path, 1.0F));
        }
        CHECK(all.paths() == "abc");
        CHECK(all.removed.empty());
        const BestModels none(Mode::minimize, 0);
        CHECK_FALSE(none.has_room());
    }

    TEST_CASE("a path that is saved again gets the new score and keeps its place") {
        Books books{BestModels(Mode::minimize, 3)};
        books.save("a", 5);
        books.save("b", 4);
        books.best.add("a", 1);
        CHECK(books.paths() == "ab");
        CHECK(books.best.best_path() == "a");
        CHECK(books.best.best_score() == 1.0);
    }

    TEST_CASE("before the first save there is no score, and its state says so") {
        const BestModels best(Mode::minimize, 1);
        CHECK_FALSE(best.best_score().has_value());
        CHECK_FALSE(best.current_score().has_value());
        CHECK(best.worst_score() == infinity);
        lit::Dict state;
        best.store(state, "folder");
        CHECK(state.at("best_model_score").is_none());
        CHECK(state.at("current_score").is_none());
    }

    TEST_CASE("its state has Lightning's names in Lightning's order, and 32-bit scores") {
        Books books{BestModels(Mode::minimize, 2)};
        books.save("a", 0.1F);
        books.save("b", 0.2F);
        lit::Dict state;
        books.best.store(state, "folder");
        std::string keys;
        for (const auto& [key, value] : state) {
            keys += key.string() + " ";
        }
        CHECK(keys ==
              "best_model_score best_model_path current_score dirpath best_k_models kth_best_model_path "
              "kth_value ");
        CHECK((state.at("kth_value").tensor().scalar_type() == at::kFloat));

        BestModels same(Mode::minimize, 2);
        same.load(state, true);
        CHECK(same.best_path() == "a");
        CHECK(same.worst_path() == "b");
        CHECK(same.entries().size() == 2);
        CHECK_FALSE(same.beats_worst(0.2F));
        CHECK(same.beats_worst(0.15F));
        CHECK(same.current_score() == books.best.current_score());  // not in Lightning: a resumed run is the same run

        BestModels elsewhere(Mode::minimize, 2);
        elsewhere.load(state, false);
        CHECK(elsewhere.best_path() == "a");
        CHECK(elsewhere.entries().empty());
        CHECK_FALSE(elsewhere.best_score().has_value());
    }
}
