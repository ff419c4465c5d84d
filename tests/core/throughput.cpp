// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/throughput.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace {

using lit::Throughput;

std::string names(const std::vector<std::pair<std::string, double>>& metrics) {
    std::string all;
    for (const auto& [name, value] : metrics) {
        all += (all.empty() ? "" : " ") + name;
    }
    return all;
}
double value_of(const std::vector<std::pair<std::string, double>>& metrics, const std::string& wanted) {
    for (const auto& [name, value] : metrics) {
        if (name == wanted) {
            return value;
        }
    }
    return -1.0;
}
lit::ThroughputUpdate step(std::int64_t i) {
    return {.time = 0.5 * static_cast<double>(i),
            .batches = i,
            .samples = 3 * i,
            .lengths = 12 * i,
            .flops = 100.0};
}

}  // namespace

TEST_SUITE("core/throughput") {
    // The numbers are those of Lightning 2.6.6: Throughput(window_size=3, world_size=2, available_flops=1000.0), updated
    // with the same totals. (Its flops are given per device and summed over the ranks, as here.)
    TEST_CASE("totals come at once, rates when the window is full") {
        Throughput throughput{{.available_flops = 1000.0, .world_size = 2, .window_size = 3}};
        throughput.update(step(1));
        CHECK(names(throughput.compute()) == "time batches samples lengths");
        throughput.update(step(2));
        CHECK(value_of(throughput.compute(), "samples") == 6.0);
        for (const std::int64_t i : {3, 4, 5, 6, 7}) {
            throughput.update(step(i));
            const auto metrics = throughput.compute();
            CHECK(metrics.size() == 13);
            CHECK(value_of(metrics, "time") == 0.5 * static_cast<double>(i));
            CHECK(value_of(metrics, "lengths") == 12.0 * static_cast<double>(i));
            CHECK(value_of(metrics, "device/batches_per_sec") == 2.0);
            CHECK(value_of(metrics, "device/samples_per_sec") == 6.0);
            CHECK(value_of(metrics, "device/items_per_sec") == 24.0);
            CHECK(value_of(metrics, "batches_per_sec") == 4.0);
            CHECK(value_of(metrics, "samples_per_sec") == 12.0);
            CHECK(value_of(metrics, "items_per_sec") == 48.0);
            CHECK(value_of(metrics, "device/flops_per_sec") == 200.0);
            CHECK(value_of(metrics, "flops_per_sec") == 400.0);
            CHECK(value_of(metrics, "device/mfu") == 0.2);
        }
        CHECK(throughput.last_time() == 3.5);
        throughput.reset();
        CHECK(throughput.last_time() == 0.0);
        throughput.update(step(1));
        CHECK(throughput.compute().size() == 4);
    }
    TEST_CASE("one rank has no rates of all, and the rate is that of the window alone") {
        Throughput throughput{{.window_size = 2, .separator = "|"}};
        throughput.update({.time = 1.0, .batches = 1, .samples = 1});
        throughput.update({.time = 2.0, .batches = 2, .samples = 2});
        throughput.update({.time = 2.5, .batches = 3, .samples = 10});
        CHECK(names(throughput.compute()) ==
              "time batches samples device|batches_per_sec device|samples_per_sec");
        CHECK(value_of(throughput.compute(), "device|batches_per_sec") == 2.0);
        CHECK(value_of(throughput.compute(), "device|samples_per_sec") == 16.0);
    }
    TEST_CASE("flops that change count where they were spent") {
        Throughput throughput{{.window_size = 2}};
        throughput.update({.time = 1.0, .batches = 1, .samples = 1, .flops = 7.0});
        throughput.update({.time = 3.0, .batches = 2, .samples = 2, .flops = 10.0});
        CHECK(value_of(throughput.compute(), "device/flops_per_sec") == 5.0);
        throughput.update({.time = 4.0, .batches = 3, .samples = 3});
        CHECK(value_of(throughput.compute(), "device/flops_per_sec") == -1.0);
    }
    TEST_CASE("totals that do not grow or do not fit together are refused") {
        const auto broken = [](const lit::ThroughputUpdate& second, const char* what) {
            Throughput throughput;
            throughput.update({.time = 1.0, .batches = 2, .samples = 4});
            CHECK_THROWS_WITH_AS(throughput.update(second), doctest::Contains(what), lit::Error);
        };
        broken({.time = 1.0, .batches = 3, .samples = 6}, "time went from");
        broken({.time = 2.0, .batches = 2, .samples = 6}, "batches went from");
        broken({.time = 2.0, .batches = 3, .samples = 4}, "samples went from");
        broken({.time = 2.0, .batches = 3, .samples = 6, .lengths = 6}, "given in some updates");
        broken({.time = 2.0, .batches = 7, .samples = 6}, "6 samples are less than 7 batches");
        Throughput throughput;
        CHECK_THROWS_WITH_AS(throughput.update({.time = 1.0, .batches = 1, .samples = 2, .lengths = 1}),
                             doctest::Contains("1 lengths are less than 2 samples"), lit::Error);
        CHECK_THROWS_AS(static_cast<void>(throughput.compute()), lit::Error);
    }
    TEST_CASE("settings that make no rate are refused") {
        CHECK_THROWS_WITH_AS((Throughput{{.window_size = 1}}), doctest::Contains("window_size = 1"),
                             lit::ConfigError);
        CHECK_THROWS_WITH_AS((Throughput{{.world_size = 0}}), doctest::Contains("world_size = 0"),
                             lit::ConfigError);
        CHECK_THROWS_WITH_AS((Throughput{{.available_flops = 0.0}}), doctest::Contains("available_flops"),
                             lit::ConfigError);
    }
}
