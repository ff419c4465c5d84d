// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/detail/allocator_stats.hpp>
#include <lit/callbacks/detail/cpu_stats.hpp>
#include <lit/core/error.hpp>
#include <lit/core/stage.hpp>
#include <lit/loggers/logger.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lit {

struct DeviceStatsMonitorOptions {
    std::optional<bool> cpu_stats{};  ///< the processors too: none: when the device is one; false: never
};

/// Logs what the device does before and after each batch of training, validation and test, every `log_every_n_steps`.
///
/// Names   `DeviceStatsMonitor.<hook>/<stat>`. On the CPU cpu_vm_percent, cpu_percent and cpu_swap_percent, of the whole
///         machine; elsewhere all that the caching allocator counts, under the names of `torch.cuda.memory_stats`.
/// Units   percent; bytes and counts.
/// Errors  ConfigError when a fit begins without a logger.
/// Cost    when a row is due two small files of /proc are read, and rows of 3 (CPU) or about 120 numbers written.
/// Source  Lightning `DeviceStatsMonitor`, where psutil reads the same files.
class DeviceStatsMonitor {
 public:
    explicit DeviceStatsMonitor(DeviceStatsMonitorOptions options = {}) : options_(options) {}

    void setup(auto& trainer, auto& /*module*/, Stage stage) {
        if (stage != Stage::fit) {
            return;
        }
        if (!trainer.has_loggers()) {
            throw ConfigError(
                "DeviceStatsMonitor: this trainer has no logger, so its rows would go nowhere. Add a logger "
                "(lit::CSVLogger{}, lit::TensorBoardLogger{}), or leave the monitor out.");
        }
        cpu_.begin();
    }
    void on_train_batch_start(auto& trainer, auto& /*module*/) { send(trainer, Place::train_start); }
    void on_train_batch_end(auto& trainer, auto& /*module*/) { send(trainer, Place::train_end); }
    void on_validation_batch_start(auto& trainer, auto& /*module*/) {
        send(trainer, Place::validation_start);
    }
    void on_validation_batch_end(auto& trainer, auto& /*module*/) { send(trainer, Place::validation_end); }
    void on_test_batch_start(auto& trainer, auto& /*module*/) { send(trainer, Place::test_start); }
    void on_test_batch_end(auto& trainer, auto& /*module*/) { send(trainer, Place::test_end); }

 private:
    enum class Place : std::uint8_t {
        train_start,
        train_end,
        validation_start,
        validation_end,
        test_start,
        test_end
    };
    static constexpr std::array<std::string_view, 6> hooks = {
        "on_train_batch_start",    "on_train_batch_end",  "on_validation_batch_start",
        "on_validation_batch_end", "on_test_batch_start", "on_test_batch_end"};

    void send(auto& trainer, Place place) {
        if (!trainer.should_update_logs() || !trainer.is_global_zero()) {
            return;
        }
        const at::Device device = trainer.device();
        if (device.is_cpu() && options_.cpu_stats == false) {
            return;
        }
        values_.clear();
        std::vector<std::string>& names = names_[static_cast<std::size_t>(place)];
        const bool name_them = names.empty();
        const auto add = [&](std::string_view stat, double value) {
            if (name_them) {
                names.push_back("DeviceStatsMonitor." + std::string(hooks[static_cast<std::size_t>(place)]) +
                                "/" + std::string(stat));
            }
            values_.push_back(value);
        };
        if (!device.is_cpu()) {
            detail::for_each_allocator_stat(device, add);
        }
        if (device.is_cpu() || options_.cpu_stats == true) {
            const detail::CpuStats::Values cpu = cpu_.read();
            add("cpu_vm_percent", cpu.vm_percent);
            add("cpu_percent", cpu.percent);
            add("cpu_swap_percent", cpu.swap_percent);
        }
        row_.clear();
        for (std::size_t i = 0; i < values_.size(); ++i) {
            row_.push_back({names[i], values_[i]});
        }
        trainer.log_metrics(row_);
    }

    DeviceStatsMonitorOptions options_;
    detail::CpuStats cpu_;
    std::array<std::vector<std::string>, hooks.size()> names_{};
    std::vector<double> values_{};
    std::vector<Scalar> row_{};
};

}  // namespace lit
