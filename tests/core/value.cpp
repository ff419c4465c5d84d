// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/fixed_string.hpp>
#include <lit/core/value.hpp>

#include <ATen/ops/ones.h>

#include <cstdint>
#include <optional>
#include <string>

static_assert(lit::FixedString("abc").size() == 3 && lit::FixedString("abc") == lit::FixedString("abc"));
static_assert(!(lit::FixedString("abc") == lit::FixedString("abcd")) && lit::FixedString("").empty());

TEST_SUITE("core/value") {
    TEST_CASE("holds Python's plain data and tensors, and gives them back as what they are") {
        const lit::Value none;
        CHECK(none.is_none());
        CHECK(lit::Value(true).to_bool());
        CHECK(lit::Value(7).to_int() == 7);
        CHECK(lit::Value(std::uint8_t{7}).is<std::int64_t>());
        CHECK(lit::Value(2.5).to_double() == 2.5);
        CHECK(lit::Value(7).to_double() == 7.0);
        CHECK(lit::Value("text").string() == "text");
        CHECK(lit::Value(at::ones({2})).tensor().size(0) == 2);
        CHECK(lit::Value(std::optional<double>()).is_none());
        CHECK(lit::Value(std::optional<double>(1.5)).to_double() == 1.5);
        CHECK(lit::Value(lit::Tuple{{1, 2}}).items().size() == 2);
        CHECK(lit::Value(lit::List{1, 2, 3}).items().size() == 3);
    }
    TEST_CASE("a dict keeps the order of insertion and replaces equal keys") {
        lit::Dict dict{{"b", 1}, {"a", 2}};
        dict["c"] = 3;
        dict.set("b", 4);
        dict.set(std::int64_t{0}, "zero");
        std::string order;
        for (const auto& [key, value] : dict) {
            order += key.is<std::string>() ? key.string() : std::to_string(key.to_int());
        }
        CHECK(order == "bac0");
        CHECK(dict.at("b").to_int() == 4);
        CHECK(dict.find(std::int64_t{0})->string() == "zero");
        CHECK(dict.erase("a"));
        CHECK(!dict.contains("a"));
        CHECK(dict.size() == 3);
    }
    TEST_CASE("a wrong type and an unknown key say what was found and what is known") {
        CHECK_THROWS_WITH_AS(static_cast<void>(lit::Value(1).tensor()),
                             "Value: found a int where a Tensor was expected. The file was written by something else, or "
                             "is damaged.",
                             lit::CheckpointError);
        const lit::Dict dict{{"one", 1}, {"two", 2}};
        CHECK_THROWS_WITH_AS(static_cast<void>(dict.at("three")), "Dict: no key \"three\". Known: one, two.",
                             lit::CheckpointError);
    }
}
