// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/detail/weight_averager.hpp>
#include <lit/callbacks/weight_averaging.hpp>
#include <lit/core/error.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <string>

namespace lit {

struct EMAWeightAveragingOptions {
    std::optional<at::Device> device{};     ///< where the average is kept; none: where the module is trained
    bool use_buffers = true;                ///< average buffers too; otherwise they follow the module's
    double decay = 0.999;                   ///< share of the average that stays at each update, from 0 to 1
    std::int64_t update_every_n_steps = 1;  ///< on steps 0, n, 2n, ...; 0 or less: not by steps
    std::optional<std::int64_t> update_starting_at_step{};  ///< counted from 0; none: from the first on
    std::optional<std::int64_t>
        update_starting_at_epoch{};  ///< after each epoch from this on; none: not by epochs
};

/// Keeps an exponential moving average of the weights: `lit::EMAWeightAveraging{{.decay = 0.99}}`. What it does with it:
/// see WeightAveraging.
///
/// Units   optimizer steps and epochs. Steps and epochs are independent of each other: with both, both update.
/// Errors  ConfigError on construction: `decay` outside of 0 to 1.
/// Source  Lightning `EMAWeightAveraging`, same defaults and same state.
class EMAWeightAveraging : public detail::WeightAverager<EMAWeightAveraging> {
 public:
    explicit EMAWeightAveraging(EMAWeightAveragingOptions options = {})
        : WeightAverager(options.device, options.use_buffers), options_(options), average_{options.decay} {
        if (!(options.decay >= 0.0 && options.decay <= 1.0)) {
            throw ConfigError("EMAWeightAveraging: decay = " + std::to_string(options.decay) +
                              ", expected a number from 0 to 1: the share of the average that stays.");
        }
    }

    [[nodiscard]] bool should_update(std::optional<std::int64_t> step_idx,
                                     std::optional<std::int64_t> epoch_idx) const {
        if (step_idx && options_.update_every_n_steps > 0 && *step_idx % options_.update_every_n_steps == 0 &&
            *step_idx >= options_.update_starting_at_step.value_or(*step_idx)) {
            return true;
        }
        return epoch_idx && options_.update_starting_at_epoch &&
               *epoch_idx >= *options_.update_starting_at_epoch;
    }
    [[nodiscard]] static constexpr const char* state_key() { return "EMAWeightAveraging"; }

 private:
    friend detail::WeightAverager<EMAWeightAveraging>;
    void average(at::Tensor& averaged, const at::Tensor& current, std::int64_t n_averaged) const {
        average_(averaged, current, n_averaged);
    }

    EMAWeightAveragingOptions options_;
    ExponentialAverage average_;
};

}  // namespace lit
