// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <cstdint>
#include <string>

namespace lit {

/// How batch sizes are tried: doubled until one fails; or then bisected down to the largest that fits.
enum class BatchSizeMode : std::uint8_t { power, binsearch };

/// What BatchSizeFinder and `Tuner::scale_batch_size` are told; Lightning's names and defaults.
struct BatchSizeFinderOptions {
    BatchSizeMode mode = BatchSizeMode::power;
    std::int64_t steps_per_trial = 3;  ///< optimizer steps, or batches of an evaluation, with each size
    std::int64_t init_val = 2;         ///< first size that is tried
    std::int64_t max_trials = 25;
    std::string batch_arg_name{};  ///< of the field that holds the size; empty: `batch_size`
    double margin = 0.05;          ///< of `binsearch`: this part of the size that was found is left free
    std::int64_t max_val =
        8192;  ///< a size that has reached it is not tried; of `binsearch` also the largest result

    /// Errors  ConfigError that names the setting.
    void check() const {
        const auto require = [](bool fine, const char* name, const std::string& found, const char* expected) {
            if (!fine) {
                throw ConfigError("BatchSizeFinder: " + std::string(name) + " = " + found + ", expected " +
                                  expected + ".");
            }
        };
        require(steps_per_trial >= 1, "steps_per_trial", std::to_string(steps_per_trial), "1 or more");
        require(init_val >= 1, "init_val", std::to_string(init_val), "1 or more");
        require(max_trials >= 1, "max_trials", std::to_string(max_trials), "1 or more");
        require(margin >= 0.0 && margin < 1.0, "margin", std::to_string(margin), "0 or more and less than 1");
        require(max_val >= 1, "max_val", std::to_string(max_val), "1 or more");
    }
};

}  // namespace lit
