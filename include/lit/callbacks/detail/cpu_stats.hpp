// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdio>
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
    [[nodiscard]] Values read();

 private:
    struct Times {
        double all = 0.0;
        double busy = 0.0;
    };
    using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

    [[nodiscard]] static File open(const char* path) { return {std::fopen(path, "re"), &std::fclose}; }
    [[nodiscard]] static double rounded(double percent) { return std::round(percent * 10.0) / 10.0; }

    [[nodiscard]] static std::optional<Times> read_times();
    [[nodiscard]] static Values read_memory();

    std::optional<Times> last_{};
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/callbacks/impl/cpu_stats.hpp>
#endif
