// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/callbacks/detail/python_text.hpp>
#include <lit/core/error.hpp>

#include <chrono>
#include <limits>
#include <string>
#include <string_view>

namespace {

using lit::detail::FormatSpec;
using lit::detail::python_repr;

}  // namespace

// The expected texts are what CPython 3.11's repr() and format() gave.
TEST_SUITE("callbacks/detail/python_text") {
    TEST_CASE("numbers, strings and durations are Python's repr") {
        using namespace std::chrono_literals;
        CHECK(python_repr(std::string_view("val/loss")) == "'val/loss'");
        CHECK(python_repr(std::string_view("a'b")) == "\"a'b\"");
        CHECK(python_repr(std::chrono::milliseconds(60005)) ==
              "datetime.timedelta(seconds=60, microseconds=5000)");
        CHECK(python_repr(std::chrono::milliseconds(48h)) == "datetime.timedelta(days=2)");
        CHECK(python_repr(std::chrono::milliseconds(0)) == "datetime.timedelta(0)");
        CHECK(python_repr(1e16) == "1e+16");
        CHECK(python_repr(123456789012345680.0) == "1.2345678901234568e+17");
        CHECK(python_repr(100000.0) == "100000.0");
        CHECK(python_repr(1e-4) == "0.0001");
        CHECK(python_repr(1e-5) == "1e-05");
        CHECK(python_repr(-0.0) == "-0.0");
        CHECK(python_repr(0.1) == "0.1");
        CHECK(python_repr(-std::numeric_limits<double>::infinity()) == "-inf");
    }

    TEST_CASE("a format specification gives what Python's format gives") {
        struct Row {
            const char* format;
            double value;
            bool whole;
            const char* text;
        };
        constexpr double nan = std::numeric_limits<double>::quiet_NaN();
        for (const Row& row :
             {Row{",.1f", 1234567, false, "1,234,567.0"}, Row{".0%", 0.5, false, "50%"},
              Row{"+08.2f", -3, false, "-0003.00"}, Row{"^7.1f", 3, false, "  3.0  "},
              Row{"g", 1e-5, false, "1e-05"}, Row{".1", 12, false, "1e+01"}, Row{"<4d", 3, true, "3   "},
              Row{"_d", 1234567, true, "1_234_567"}, Row{"08.2f", nan, false, "00000nan"},
              Row{"=+5d", -7, true, "-   7"}, Row{"*=5d", 7, true, "****7"}, Row{"", 3, true, "3"},
              Row{"", 3, false, "3.0"}}) {
            CAPTURE(row.format);
            CHECK(FormatSpec::parse(row.format, "test")(row.value, row.whole) == row.text);
        }
    }

    TEST_CASE("a text that is no specification is refused with who gave it") {
        for (const char* format : {"x", ".", "5.f", "1000d", ".-1f", "d3"}) {
            CAPTURE(format);
            CHECK_THROWS_WITH_AS(static_cast<void>(FormatSpec::parse(format, "somebody")),
                                 doctest::Contains("somebody: \""), lit::ConfigError);
        }
    }
}
