// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"  // LibTorch defines CHECK and LOG; this drops them, then includes doctest

#include <lit/core/number_text.hpp>

#include <bit>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>

namespace {
TEST_SUITE("core/number_text") {
    // Reference: repr() of Python 3.11.
    TEST_CASE("floats are written as Python's repr writes them") {
        struct Row {
            double value;
            const char* text;
        };
        for (const Row& row :
             {Row{0.0, "0.0"}, Row{-0.0, "-0.0"}, Row{1.0, "1.0"}, Row{1.5, "1.5"}, Row{0.1, "0.1"},
              Row{static_cast<double>(0.1F), "0.10000000149011612"}, Row{1e-4, "0.0001"},
              Row{9.9e-5, "9.9e-05"}, Row{1e-5, "1e-05"}, Row{1e15, "1000000000000000.0"}, Row{1e16, "1e+16"},
              Row{1.25e100, "1.25e+100"}, Row{-2.5e-300, "-2.5e-300"}, Row{5e-324, "5e-324"},
              Row{123456789.125, "123456789.125"}, Row{std::numeric_limits<double>::infinity(), "inf"},
              Row{-std::numeric_limits<double>::infinity(), "-inf"},
              Row{std::numeric_limits<double>::quiet_NaN(), "nan"}}) {
            std::string text;
            lit::detail::append_float(text, row.value);
            CHECK(text == row.text);
        }
    }
    TEST_CASE("every float reads back to itself") {
        std::mt19937_64 bits(1);
        for (int i = 0; i < 2000; ++i) {
            const auto value = std::bit_cast<double>(bits());
            if (value != value) {
                continue;
            }
            std::string text;
            lit::detail::append_float(text, value);
            CHECK(std::strtod(text.c_str(), nullptr) == value);
        }
    }
}
}  // namespace
