// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/cpu_stats.hpp>
#include <lit/core/compiled.hpp>

#include <array>
#include <cstdio>
#include <cstring>
#include <optional>

namespace lit::detail {

LIT_INLINE CpuStats::Values CpuStats::read() {
    Values values = read_memory();
    const std::optional<Times> now = read_times();
    if (now && last_) {
        const double all = now->all - last_->all;
        const double busy = now->busy - last_->busy;
        values.percent = all > 0.0 && busy > 0.0 ? rounded(100.0 * busy / all) : 0.0;
    }
    last_ = now;
    return values;
}

LIT_INLINE std::optional<CpuStats::Times> CpuStats::read_times() {
    const File file = open("/proc/stat");
    // user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice
    std::array<double, 10> t{};
    if (!file || std::fscanf(file.get(), "cpu %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf", &t[0], &t[1],
                             &t[2], &t[3], &t[4], &t[5], &t[6], &t[7], &t[8], &t[9]) < 4) {
        return std::nullopt;
    }
    // Time of guests is counted in user and nice already.
    const double all = t[0] + t[1] + t[2] + t[3] + t[4] + t[5] + t[6] + t[7];
    return Times{all, all - t[3] - t[4]};
}

LIT_INLINE CpuStats::Values CpuStats::read_memory() {
    double total = 0.0;
    double available = 0.0;
    double swap = 0.0;
    double swap_free = 0.0;
    if (const File file = open("/proc/meminfo")) {
        char name[64];
        double value = 0.0;
        char line[256];
        while (std::fgets(line, sizeof line, file.get()) != nullptr) {
            if (std::sscanf(line, "%63[^:]: %lf", name, &value) != 2) {
                continue;
            }
            if (std::strcmp(name, "MemTotal") == 0) {
                total = value;
            } else if (std::strcmp(name, "MemAvailable") == 0) {
                available = value;
            } else if (std::strcmp(name, "SwapTotal") == 0) {
                swap = value;
            } else if (std::strcmp(name, "SwapFree") == 0) {
                swap_free = value;
            }
        }
    }
    return {.vm_percent = total > 0.0 ? rounded(100.0 * (total - available) / total) : 0.0,
            .swap_percent = swap > 0.0 ? rounded(100.0 * (swap - swap_free) / swap) : 0.0};
}

}  // namespace lit::detail
