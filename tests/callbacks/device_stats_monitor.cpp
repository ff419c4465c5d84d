// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/rows.hpp"
#include "callbacks/scripted.hpp"

#include <lit/callbacks/device_stats_monitor.hpp>

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using lit::DeviceStatsMonitor;
using scripted::KeptRows;
using scripted::Script;
using Texts = std::vector<std::string>;

static_assert(lit::CallbackPolicy<DeviceStatsMonitor>);
static_assert(!std::is_polymorphic_v<DeviceStatsMonitor>);

/// "step hook stats" of each row.
Texts lines(const KeptRows& kept) {
    Texts all;
    for (const auto& row : kept.rows) {
        const std::string first = row.values.front().first;
        const auto slash = first.find('/');
        std::string line =
            std::to_string(row.step) + " " + first.substr(first.find('.') + 1, slash - first.find('.') - 1);
        for (const auto& [name, value] : row.values) {
            line += " " + name.substr(slash + 1);
        }
        all.push_back(line);
    }
    return all;
}

}  // namespace

TEST_SUITE("callbacks/device_stats_monitor") {
    TEST_CASE("logs around the batches for which a row is due, under Lightning's names") {
        // Lightning 2.6.6, the same loaders and options, with psutil's three functions replaced.
        auto trainer = scripted::trainer_on_the_cpu({.max_epochs = 2, .num_sanity_val_steps = 1, .log_every_n_steps = 2},
                                                    DeviceStatsMonitor{}, KeptRows{"DeviceStats"});
        Script module;
        trainer.fit(module, scripted::batches(4), scripted::batches(2));
        const std::string stats = " cpu_vm_percent cpu_percent cpu_swap_percent";
        CHECK(lines(trainer.get<KeptRows>()) ==
              Texts{"1 on_train_batch_start" + stats, "1 on_train_batch_end" + stats,
                    "3 on_train_batch_start" + stats, "3 on_train_batch_end" + stats,
                    "3 on_validation_batch_start" + stats, "3 on_validation_batch_end" + stats,
                    "5 on_train_batch_start" + stats, "5 on_train_batch_end" + stats,
                    "7 on_train_batch_start" + stats, "7 on_train_batch_end" + stats,
                    "7 on_validation_batch_start" + stats, "7 on_validation_batch_end" + stats});
        for (const auto& row : trainer.get<KeptRows>().rows) {
            for (const auto& [name, value] : row.values) {
                CAPTURE(name);
                CHECK(value >= 0.0);
                CHECK(value <= 100.0);
            }
            CHECK(row.values.front().second > 0.0);  // some memory is always in use
        }
        // A test has its own count of batches.
        trainer.get<KeptRows>().rows.clear();
        trainer.test(module, scripted::batches(3), {.verbose = false});
        CHECK(lines(trainer.get<KeptRows>()) ==
              Texts{"8 on_test_batch_start" + stats, "8 on_test_batch_end" + stats});
    }
    TEST_CASE("on the CPU false means never, true and nothing mean once") {
        for (const auto cpu_stats : {std::optional<bool>(), std::optional(true), std::optional(false)}) {
            auto trainer =
                scripted::trainer_on_the_cpu({.max_epochs = 1, .log_every_n_steps = 1},
                                             DeviceStatsMonitor{{.cpu_stats = cpu_stats}}, KeptRows{"DeviceStats"});
            Script module;
            trainer.fit(module, scripted::batches(1));
            const auto& rows = trainer.get<KeptRows>().rows;
            CHECK(rows.size() == (cpu_stats == false ? 0U : 2U));
            CHECK((rows.empty() || rows.front().values.size() == 3));
        }
    }
    TEST_CASE("reads the load of the machine between two readings") {
        lit::detail::CpuStats stats;
        CHECK(stats.read().percent == 0.0);  // nothing to compare with
        stats.begin();
        volatile double sum = 0.0;
        for (int i = 0; i < 40'000'000; ++i) {
            sum = sum + i;
        }
        const auto busy = stats.read();
        CHECK(busy.percent > 0.0);
        CHECK(busy.percent <= 100.0);
        CHECK(busy.vm_percent > 0.0);
        CHECK(busy.vm_percent < 100.0);
    }
    TEST_CASE("a trainer without a logger is refused when training begins, and only then") {
        Script module;
        auto trainer = scripted::trainer_on_the_cpu({.max_epochs = 1}, DeviceStatsMonitor{});
        CHECK_THROWS_WITH_AS(trainer.fit(module, scripted::batches(1)),
                             doctest::Contains("DeviceStatsMonitor: this trainer has no logger"),
                             lit::ConfigError);
        CHECK_NOTHROW(trainer.validate(module, scripted::batches(1), {.verbose = false}));
    }
}
