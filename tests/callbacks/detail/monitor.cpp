// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/callbacks/detail/monitor.hpp>
#include <lit/loops/trainer_options.hpp>

#include <chrono>
#include <string>
#include <type_traits>

namespace {

using lit::detail::MonitorName;

// A name that the compiler knows weighs nothing.
static_assert(std::is_empty_v<MonitorName<"val_loss">>);
static_assert(!MonitorName<"val_loss">::empty());

}  // namespace

TEST_SUITE("callbacks/detail/monitor") {
    TEST_CASE("a name is the same number whether the type or the settings give it") {
        const MonitorName<"val_loss"> fixed("Who", "");
        const MonitorName<""> chosen("Who", "val_loss");
        CHECK(fixed.name() == "val_loss");
        CHECK(chosen.name() == "val_loss");
        CHECK(chosen.id() == fixed.id());
        CHECK_FALSE(chosen.empty());
        CHECK(MonitorName<"">("Who", "").empty());
        CHECK_NOTHROW(MonitorName<"val_loss">("Who", "val_loss"));
    }
    TEST_CASE("two different names are refused with both of them") {
        CHECK_THROWS_WITH_AS(
            MonitorName<"val_loss">("Who", "val_acc"),
            "Who: monitor = \"val_acc\", but the type says <\"val_loss\">. Leave .monitor out, or "
            "write Who<>{{.monitor = \"val_acc\"}}.",
            lit::ConfigError);
    }
    TEST_CASE("what is missing is said with what there is and what to do") {
        CHECK(
            lit::detail::missing_monitor("Who", "a", "b, c") ==
            "Who: no logged value \"a\". Known: b, c. Log it with log(\"a\", ...), or correct the monitor.");
    }
    TEST_CASE("a state's key begins as in Python") {
        CHECK(lit::detail::monitor_key("Who", "a", lit::Mode::maximize) ==
              "Who{'monitor': 'a', 'mode': 'max'");
        CHECK(lit::detail::monitor_key("Who", "", lit::Mode::minimize) ==
              "Who{'monitor': None, 'mode': 'min'");
    }
    TEST_CASE("one validation per epoch: no interval, 1.0, and, as in Python, 1 batch") {
        using lit::detail::validates_once_per_epoch;
        using Options = lit::TrainerOptions;
        CHECK(validates_once_per_epoch(Options{}));
        CHECK(validates_once_per_epoch(Options{.val_check_interval = 1.0}));
        CHECK(validates_once_per_epoch(Options{.val_check_interval = 1}));
        CHECK_FALSE(validates_once_per_epoch(Options{.val_check_interval = 2}));
        CHECK_FALSE(validates_once_per_epoch(Options{.val_check_interval = 0.5}));
        CHECK_FALSE(validates_once_per_epoch(Options{.val_check_interval = std::chrono::seconds(1)}));
    }
}
