// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/detail/held_callable.hpp>
#include <lit/callbacks/detail/weight_averager.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

namespace lit {

/// One step of an average: `f(averaged, current, n_averaged)` returns the new average of a tensor, or nothing when it
/// wrote it into the first. `n_averaged` weights are in the average already, one at least.
template <class F>
concept AveragesWeights = std::invocable<F&, at::Tensor&, const at::Tensor&, std::int64_t> &&
    (std::is_void_v<std::invoke_result_t<F&, at::Tensor&, const at::Tensor&, std::int64_t>> ||
     std::convertible_to<std::invoke_result_t<F&, at::Tensor&, const at::Tensor&, std::int64_t>, at::Tensor>);
/// Whether it is time: `f(step_idx, epoch_idx)`, one of which is given, counted from 0.
template <class F>
concept DecidesOnUpdate = std::predicate<F&, std::optional<std::int64_t>, std::optional<std::int64_t>>;

/// The mean of all weights so far.
///
/// Source  `torch.optim.swa_utils.get_swa_avg_fn`, on a GPU `get_swa_multi_avg_fn`: bit-equal to them. Integers (the
///         counter of a batch norm) are rounded towards zero, as there.
struct EqualAverage {
    void operator()(at::Tensor& averaged, const at::Tensor& current, std::int64_t n_averaged) const {
        const bool real = averaged.is_floating_point() || averaged.is_complex();
        if (real && averaged.is_cuda()) {
            averaged.lerp_(current, static_cast<double>(1.0F / static_cast<float>(n_averaged + 1)));
        } else if (real) {
            averaged.add_((current - averaged).div_(n_averaged + 1));
        } else {
            averaged.copy_(averaged + (current - averaged) / (n_averaged + 1));
        }
    }
};
/// `decay` of the average and `1 - decay` of the weights.
///
/// Source  `torch.optim.swa_utils.get_ema_avg_fn`; bit-equal to it.
struct ExponentialAverage {
    double decay = 0.999;  ///< from 0 (the weights themselves) to 1 (the first weights for ever)

    void operator()(at::Tensor& averaged, const at::Tensor& current, std::int64_t /*n_averaged*/) const {
        if (averaged.is_floating_point() || averaged.is_complex()) {
            averaged.mul_(decay).add_(current * (1 - decay));
        } else {
            averaged.copy_(averaged * decay + current * (1 - decay));
        }
    }
};
/// After each step of the optimizer.
struct UpdateEveryStep {
    bool operator()(std::optional<std::int64_t> step_idx, std::optional<std::int64_t> /*epoch_idx*/) const {
        return step_idx.has_value();
    }
};

struct WeightAveragingOptions {
    std::optional<at::Device> device{};  ///< where the average is kept; none: where the module is trained
    bool use_buffers = true;             ///< average buffers too; otherwise they follow the module's
};

/// Keeps an average of the weights, and has it stand in for them where they are used: `lit::WeightAveraging{}`, or with
/// functions of your own `lit::WeightAveraging{{.use_buffers = false}, average, should_update}`.
///
/// The average is brought up to date after a batch on which the optimizer stepped and after an epoch, whenever
/// `should_update` says so. It stands in during each validation, also that of the sanity check and of `validate` after
/// the fit, and it is what the module has when training is over.
/// Counts  in checkpoints `state_dict` is the average; `current_model_state` are the weights that training goes on with.
///         A file that was saved without averaging gives both. `save_weights_only` saves the weights themselves.
/// Errors  lit::Error for a module that has other parameters than the one it was set up for.
/// Cost    a second set of weights; one pass over them per update, two copies per validation.
/// Source  Lightning `WeightAveraging`, same state. There the average of a model that is still on the CPU in `setup` stays on
///         the CPU; here it is kept where the model is trained, as is documented there.
template <class Average = EqualAverage, class ShouldUpdate = UpdateEveryStep>
class WeightAveraging : public detail::WeightAverager<WeightAveraging<Average, ShouldUpdate>> {
    static_assert(
        AveragesWeights<Average>,
        "lit: the averaging function of WeightAveraging is called as f(at::Tensor& averaged, const "
        "at::Tensor& "
        "current, std::int64_t n_averaged) and returns the new average, or nothing when it wrote it into "
        "`averaged`.");
    static_assert(
        DecidesOnUpdate<ShouldUpdate>,
        "lit: should_update of WeightAveraging is called as f(std::optional<std::int64_t> step_idx, "
        "std::optional<std::int64_t> epoch_idx) and returns a bool.");

 public:
    explicit WeightAveraging(WeightAveragingOptions options = {}, Average average = {},
                             ShouldUpdate should_update = {})
        : detail::WeightAverager<WeightAveraging>(options.device, options.use_buffers),
          average_(std::move(average)),
          should_update_(std::move(should_update)) {}

    [[nodiscard]] bool should_update(std::optional<std::int64_t> step_idx,
                                     std::optional<std::int64_t> epoch_idx) {
        return should_update_(step_idx, epoch_idx);
    }
    [[nodiscard]] static constexpr const char* state_key() { return "WeightAveraging"; }

 private:
    friend detail::WeightAverager<WeightAveraging>;
    decltype(auto) average(at::Tensor& averaged, const at::Tensor& current, std::int64_t n_averaged) {
        return average_(averaged, current, n_averaged);
    }

    [[no_unique_address]] detail::HeldCallable<Average> average_;
    [[no_unique_address]] detail::HeldCallable<ShouldUpdate> should_update_;
};

}  // namespace lit
