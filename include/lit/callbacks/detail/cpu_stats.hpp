// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

namespace lit::detail {

/// The machine's load, read from /proc: what Python's psutil computes from the same files.
class CpuStats {
 public:
    struct Values {
        double vm_percent = 0.0;  ///< of the memory: what is not available
        double percent = 0.0;  ///< of all processors, since the last reading (the first time: since `begin`)
        double swap_percent = 0.0;  ///< 0 without swap space
    };

    /// From here the first `percent` counts.
    void begin() { last_ = read_times(); }

    /// Units   percent, rounded to one digit as psutil does; 0 where the system does not say.
    [[nodiscard]] Values read() {
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

 private:
    struct Times {
        double all = 0.0;
        double busy = 0.0;
    };
    using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

    [[nodiscard]] static File open(const char* path) { return {std::fopen(path, "re"), &std::fclose}; }
    [[nodiscard]] static double rounded(double percent) { return std::round(percent * 10.0) / 10.0; }

    [[nodiscard]] static std::optional<Times> read_times() {
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
    [[nodiscard]] static Values read_memory() {
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

    std::optional<Times> last_{};
};

}  // namespace lit::detail
