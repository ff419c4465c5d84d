// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/callbacks/checkpoint_name.hpp>
#include <lit/core/error.hpp>

#include <limits>
#include <map>
#include <string>
#include <string_view>

namespace {

using Values = std::map<std::string, lit::CheckpointName::Shown, std::less<>>;

std::string name(std::string_view pattern, const Values& values, bool auto_insert = true) {
    return lit::CheckpointName(pattern, auto_insert)([&](std::string_view key, lit::MetricId) {
        const auto found = values.find(key);
        return found == values.end() ? lit::CheckpointName::Shown{} : found->second;
    });
}
lit::CheckpointName::Shown real(double value) {
    return {static_cast<double>(static_cast<float>(value)), false};
}
lit::CheckpointName::Shown whole(double value) { return {value, true}; }

}  // namespace

TEST_SUITE("callbacks/checkpoint_name") {
    TEST_CASE("fills in values as Lightning does") {
        const Values values{
            {"epoch", whole(3)}, {"step", whole(10)}, {"val/f1", real(0.942)}, {"v", real(2.0)}};
        CHECK(name("", values) == "epoch=3-step=10");
        CHECK(name("{epoch:02d}-{v}", values) == "epoch=03-v=2.0");
        CHECK(name("e={epoch}-f={val/f1:.3f}", values, false) == "e=3-f=0.942");
        CHECK(name("{epoch}-{val/f1:.3f}", values) == "epoch=3-val/f1=0.942");
        CHECK(name("{epoch}{epoch_v}", values, false) == "30");
        CHECK(name("{nobody:.2f}-{nobody}", values) == "nobody=0.00-nobody=0");
        CHECK(name("fixed", values) == "fixed");
    }

    // Printed by Lightning 2.6.6 on Python 3.11 for the same patterns and float32 tensors.
    TEST_CASE("prints numbers with Python's formats") {
        const double infinity = std::numeric_limits<double>::infinity();
        CHECK(name("{v}-{w:.3f}-{x:g}-{y:e}-{z:>8.2f}-{q:+.1%}-{r:,}", {{"v", real(2.0)},
                                                                        {"w", real(.12345)},
                                                                        {"x", real(1e-7)},
                                                                        {"y", real(12.5)},
                                                                        {"z", real(3.14159)},
                                                                        {"q", real(.5)},
                                                                        {"r", real(123456.0)}}) ==
              "v=2.0-w=0.123-x=1e-07-y=1.250000e+01-z=    3.14-q=+50.0%-r=123,456.0");
        CHECK(name("{v}-{w}-{x}-{y:.2}-{z:08.3f}-{epoch:.2f}", {{"epoch", whole(3)},
                                                                {"v", real(.1)},
                                                                {"w", real(1e20)},
                                                                {"x", real(infinity)},
                                                                {"y", real(1234.5)},
                                                                {"z", real(-3.14159)}}) ==
              "v=0.10000000149011612-w=1.0000000200408773e+20-x=inf-y=1.2e+03-z=-003.142-epoch=3.00");
    }

    TEST_CASE("refuses a pattern that cannot be filled in") {
        for (const char* pattern : {"{epoch", "epoch}", "{}", "{:02d}", "{epoch:02q}", "{val_loss:d}",
                                    "{{epoch}}", "{v:.}", "{v:999999999999}", "{v:.999f}"}) {
            CAPTURE(pattern);
            CHECK_THROWS_AS(lit::CheckpointName{pattern}, lit::ConfigError);
        }
        CHECK_THROWS_WITH(lit::CheckpointName{"{val_loss:d}"},
                          doctest::Contains("the format d for a logged value, which is no whole number"));
    }
}
