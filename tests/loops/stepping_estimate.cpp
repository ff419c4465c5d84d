// SPDX-License-Identifier: Apache-2.0
#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/data/loader.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace {

using Steps = std::optional<std::int64_t>;

/// Asks for the length where a schedule needs it, and has loaders of its own.
struct Asks : probe::LineBase<Asks> {
    Steps in_setup{};
    Steps in_configure{};
    int loaders = 0;
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    std::vector<at::Tensor> train_dataloader() {
        ++loaders;
        return probe::batches(7);
    }
    void setup() { in_setup = estimated_stepping_batches(); }
    auto configure_optimizers() {
        in_configure = estimated_stepping_batches();
        return lit::SGD{parameters(), {.lr = 0.1}};
    }
};

struct StopsAtOnce {
    void on_train_start(auto& trainer, auto& /*module*/) const { trainer.request_stop(); }
};

/// A loader that does not know its size.
struct Unsized {
    std::vector<at::Tensor> all = probe::batches(3);
    struct Position {
        std::vector<at::Tensor>::const_iterator at;
        const at::Tensor& operator*() const { return *at; }
        Position& operator++() {
            ++at;
            return *this;
        }
        bool operator!=(const Position& other) const { return at != other.at; }
        bool operator==(const Position& other) const { return at == other.at; }
    };
    [[nodiscard]] Position begin() const { return {all.begin()}; }
    [[nodiscard]] Position end() const { return {all.end()}; }
};
static_assert(!lit::SizedLoader<Unsized>);

}  // namespace

TEST_SUITE("loops/stepping_estimate") {
    // The numbers are those of Lightning 2.6.6's Trainer.estimated_stepping_batches with a loader of 7 batches.
    TEST_CASE("a fit's optimizer steps are known before it begins, and its loader is asked for once") {
        struct Row {
            lit::TrainerOptions options;
            std::int64_t window;
            Steps steps;
            const char* why;
        };
        for (const Row& row : {Row{{.max_epochs = 3}, 1, 21, "batches times epochs"},
                               Row{{.max_epochs = 3}, 2, 12, "windows, the last of an epoch short"},
                               Row{{.max_epochs = 3, .max_steps = 5}, 1, 5, "cut at max_steps"},
                               Row{{.max_epochs = 3, .limit_train_batches = 0.5}, 1, 9, "of a part of the batches"},
                               Row{{.max_epochs = 0}, 1, 7, "as of one epoch"},
                               Row{{.max_epochs = -1, .max_steps = 9}, 1, 9, "no end but max_steps"},
                               Row{{.max_steps = 9}, 1, 9, "the same without max_epochs"}}) {
            CAPTURE(row.why);
            Asks module;
            auto trainer = probe::trainer(row.options, lit::GradientAccumulation{row.window});
            const auto result = trainer.fit(module);
            CHECK(module.in_setup == row.steps);
            CHECK(module.in_configure == row.steps);
            CHECK(module.loaders == 1);
            if (row.options.max_epochs != 0) {
                CHECK(result.global_step == row.steps);
            }
            CHECK_FALSE(module.estimated_stepping_batches().has_value());  // outside of a fit
        }
    }

    TEST_CASE("where there is no end, or no size, max_steps is all that is known") {
        Asks endless;
        auto trainer = probe::trainer({.max_epochs = -1}, StopsAtOnce{});
        trainer.fit(endless);
        CHECK_FALSE(endless.in_configure.has_value());

        Unsized loader;
        Asks unsized;
        auto two_epochs = probe::trainer({.max_epochs = 2});
        two_epochs.fit(unsized, loader);
        CHECK_FALSE(unsized.in_configure.has_value());
        auto four_steps = probe::trainer({.max_epochs = 2, .max_steps = 4});
        four_steps.fit(unsized, loader);
        CHECK(unsized.in_configure == 4);
    }
}
