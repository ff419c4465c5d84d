// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/freed_memory.hpp>
#include <lit/module/nn/detail/layers_fit.hpp>
#include <lit/module/nn/detail/own_pass.hpp>
#include <lit/module/nn/layer.hpp>
#include <lit/module/nn/losses.hpp>

#include <ATen/autocast_mode.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <sstream>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit::nn {

/// The loss of a step of a static network: what `training_step` returns. The trainer computes the gradients when it is time.
template <class Network, class Head>
class StaticLoss {
 public:
    StaticLoss(Network& network, at::Tensor value, std::int64_t number)
        : loss(std::move(value)), network_(&network), number_(number) {}

    at::Tensor loss;  ///< 0-dim, of no graph

    /// Writes `scale` times the gradients of the loss into the parameters' `grad`, or adds them to what is there. Once, and before
    /// the network's next step, which uses the buffers again. A module that optimizes by hand calls `trainer.manual_backward(step)`
    /// instead, which calls the hooks too, and exchanges the gradients between ranks.
    /// Errors  ConfigError for a second time, and after the network's next step.
    void backward(double scale = 1.0) const { network_->template back<Head>(number_, scale); }

 private:
    Network* network_;
    std::int64_t number_;  ///< of the step
};

/// See `Sequential`.
template <class Kernels, class Input, class... Layers>
class SequentialImpl : public torch::nn::Module {
 public:
    static constexpr std::size_t layer_count = sizeof...(Layers);

    SequentialImpl() : layers_(make(std::make_index_sequence<layer_count>{})) {
        lit::detail::keep_freed_memory();
    }

    /// Shapes  [batch, input...] to [batch, output...]; recorded for autograd where gradients are.
    at::Tensor forward(at::Tensor x) {
        std::apply([&](auto&... layer) { ((x = layer->forward(x)), ...); }, layers_);
        return x;
    }

    /// A training step as far as the loss: `step<lit::nn::CrossEntropy>(x, target)`.
    template <class Head>
    [[nodiscard]] StaticLoss<SequentialImpl, Head> step(const at::Tensor& x, const at::Tensor& target) {
        static_assert(first_that_learns < layer_count,
                      "lit: no layer of this lit::nn::Sequential has parameters, so there is no step to "
                      "take. Call forward(x).");
        check(x, target);
        target_.reset();
        ++number_;
        between_.fill({});  // layers that cannot keep their memory free it before they allocate it again
        between_[0] = x.is_contiguous() ? x : x.contiguous();
        auto& head = std::get<typename Head::State>(heads_);
        if constexpr (own_kernels) {
            own_step_ = false;
            if (x.device().is_cpu() && x.scalar_type() == at::kFloat && detail::holds_numbers(x)) {
                at::Tensor& y = output_.sized(output_sizes(x.size(0)), x);
                if (head.owns(y, target)) {
                    own_step_ = true;
                    between_[layer_count] = y;
                    own_.run(layers_, static_cast<const float*>(between_[0].const_data_ptr()),
                             y.template mutable_data_ptr<float>(), x.size(0));
                    return computed<Head>(head.template own<out::numel>(y, target), target);
                }
            }
        }
        const at::NoGradGuard no_graph;
        const at::AutoDispatchBelowADInplaceOrView straight;
        run(std::make_index_sequence<layer_count>{});
        return computed<Head>(head.run(output(), target), target);
    }
    /// What the network gave in the last step, for accuracies; the next one overwrites it, so that one takes none but a clone of it.
    [[nodiscard]] const at::Tensor& output() const { return between_[layer_count]; }

    template <class Head>
    void back(std::int64_t number, double scale) {
        if (number != number_) {
            throw ConfigError(
                "lit::nn::Sequential: backward() of an earlier step was called; expected the last one, whose "
                "activations are kept alone. Call backward() before the next step(), or give the network "
                "both batches "
                "as one.");
        }
        if (!target_.defined()) {
            throw ConfigError(
                "lit::nn::Sequential: the gradients of this step were computed already. Compute step() again "
                "before another backward().");
        }
        if (changes_ != changes()) {
            throw ConfigError(
                "lit::nn::Sequential: a parameter, the batch, its target or the output was changed in place after "
                "step(), and backward() needs them as they were. Change them afterwards, or change a clone.");
        }
        const at::NoGradGuard no_graph;
        const at::AutoDispatchBelowADInplaceOrView straight;
        auto& head = std::get<typename Head::State>(heads_);
        const at::Tensor target = std::exchange(target_, {});
        if constexpr (own_kernels) {
            if (own_step_) {
                head.template own_back<out::numel>(output(), target, scale, own_.by_output());
                own_.back(layers_, between_[0].size(0));
                return;
            }
        }
        back_through(std::make_index_sequence<layer_count>{}, head.back(output(), target, scale));
    }

 private:
    using shapes = typename detail::Shapes<Input, Layers...>::type;
    template <std::size_t I>
    using state_t =
        typename std::tuple_element_t<I,
                                      std::tuple<Layers...>>::template State<std::tuple_element_t<I, shapes>>;
    template <std::size_t... I>
    static auto states_of(std::index_sequence<I...>) -> std::tuple<std::unique_ptr<state_t<I>>...>;
    using States = decltype(states_of(std::make_index_sequence<layer_count>{}));

    /// `layer_count` if none has parameters.
    static constexpr std::size_t first_that_learns = [] {
        constexpr std::array<bool, layer_count> learns{Learns<Layers>...};
        return static_cast<std::size_t>(std::ranges::find(learns, true) - learns.begin());
    }();
    static constexpr bool own_kernels = std::is_same_v<Kernels, OwnKernels>;
    using out = std::tuple_element_t<layer_count, shapes>;
    template <std::size_t... I>
    static consteval bool all_have_own(std::index_sequence<I...> /*each*/) {
        return (detail::HasOwnKernels<state_t<I>> && ...);
    }
    static_assert(
        !own_kernels || all_have_own(std::make_index_sequence<layer_count>{}),
        "lit: a layer of this lit::nn::Sequential has no kernels of its own. Leave "
        "lit::nn::OwnKernels out, or give the layer's State own() and own_back(), as lit/module/nn/layer.hpp "
        "tells; all layers of lit have them.");
    template <std::size_t... I>
    static auto own_pass(std::index_sequence<I...>)
        -> detail::OwnPass<States, first_that_learns, std::tuple_element_t<I, shapes>::numel...>;
    struct None {};
    struct MakeOwnPass {
        using type = decltype(own_pass(std::make_index_sequence<layer_count + 1>{}));
    };
    using Own = typename std::conditional_t<own_kernels, MakeOwnPass, std::type_identity<None>>::type;

    static auto output_sizes(std::int64_t batch) {
        std::array<std::int64_t, out::sizes.size() + 1> sizes{batch};
        std::ranges::copy(out::sizes, sizes.begin() + 1);
        return sizes;
    }

    /// In the place of a layer that LibTorch's is not needed for.
    struct Part : torch::nn::Module {};

    template <std::size_t... I>
    States make(std::index_sequence<I...> /*each*/) {
        States all;  // made in their order, since each draws its first weights
        ((std::get<I>(all) = make_layer<I>()), ...);
        return all;
    }
    template <std::size_t I>
    std::unique_ptr<state_t<I>> make_layer() {
        using Layer = std::tuple_element_t<I, std::tuple<Layers...>>;
        if constexpr (Learns<Layer>) {
            return std::make_unique<state_t<I>>(register_module(std::to_string(I), Layer::make()));
        } else {
            return std::make_unique<state_t<I>>(
                *register_module(std::to_string(I), std::make_shared<Part>()));
        }
    }

    template <std::size_t... I>
    void run(std::index_sequence<I...> /*each*/) {
        (run_layer<I>(), ...);
    }
    template <std::size_t I>
    void run_layer() {
        auto& layer = *std::get<I>(layers_);
        constexpr bool may_write = [] {
            if constexpr (I > 0) {
                return state_t<I - 1>::gives_away;
            }
            return false;  // the caller's batch
        }();
        if constexpr (may_write) {
            between_[I + 1] = layer.run(between_[I]);
        } else {
            between_[I + 1] = layer.run(std::as_const(between_[I]));
        }
    }
    template <std::size_t... I>
    void back_through(std::index_sequence<I...> /*each*/, at::Tensor& gradient) {
        at::Tensor* by_output = &gradient;
        (back_layer<layer_count - 1 - I>(by_output), ...);
    }
    template <std::size_t I>
    void back_layer(at::Tensor*& by_output) {
        [[maybe_unused]] auto& layer = *std::get<I>(layers_);
        if constexpr (I == first_that_learns) {  // nobody asks for a gradient further up
            layer.back(between_[I], between_[I + 1], *by_output, nullptr);
        } else if constexpr (I > first_that_learns) {
            at::Tensor& by_input = layer.gradient_of_input(between_[I], *by_output);
            layer.back(between_[I], between_[I + 1], *by_output, &by_input);
            by_output = &by_input;
        }
    }

    template <class Head>
    StaticLoss<SequentialImpl, Head> computed(at::Tensor loss, const at::Tensor& target) {
        detail::changed(output());
        target_ = target;
        changes_ = changes();
        return {*this, std::move(loss), number_};
    }
    /// Of all that the gradients are computed from; it only grows.
    [[nodiscard]] std::uint64_t changes() const {
        std::uint64_t sum = detail::changes(between_[0]) + detail::changes(target_) + detail::changes(output());
        for (const at::Tensor& parameter : parameters_) {
            sum += detail::changes(parameter);
        }
        return sum;
    }

    void check(const at::Tensor& x, const at::Tensor& target) {
        if (parameters_.empty()) {
            parameters_ = parameters();
        }
        const at::Tensor& kind = parameters_.front();
        if (x.dim() != 1 + static_cast<std::int64_t>(Input::sizes.size()) ||
            !std::ranges::equal(x.sizes().slice(1), Input::sizes) || x.scalar_type() != kind.scalar_type() ||
            x.device() != kind.device()) {
            refuse(x);
        }
        if ((x.requires_grad() || target.requires_grad()) && at::GradMode::is_enabled()) {
            throw ConfigError(
                "lit::nn::Sequential: found a batch or a target that requires a gradient; expected none, since step() "
                "computes those of the network's parameters alone. Train with forward() and a loss of LibTorch's, or "
                "detach it.");
        }
        if (output().defined() && (x.is_alias_of(output()) || target.is_alias_of(output()))) {
            throw ConfigError(
                "lit::nn::Sequential: found a batch or a target in the memory of output(), which this step writes to. "
                "Give step() a clone of it.");
        }
        if (at::autocast::is_autocast_enabled(x.device().type())) {
            throw ConfigError(
                "lit::nn::Sequential: step() computes in the parameters' type, and autocast is on "
                "(Bf16Mixed). Train with Fp32, or with forward() and a loss of LibTorch's.");
        }
    }
    [[noreturn]] void refuse(const at::Tensor& x) const {
        std::ostringstream text;
        text << "lit::nn::Sequential: found a batch of the sizes " << x.sizes() << ", " << x.scalar_type()
             << ", on " << x.device() << "; expected [batch";
        for (const std::int64_t size : Input::sizes) {
            text << ", " << size;
        }
        text << "], " << parameters_.front().scalar_type() << ", on " << parameters_.front().device()
             << ". Convert the batch, or move the module.";
        throw ConfigError(text.str());
    }

    States layers_;
    std::tuple<CrossEntropy::State, MSELoss::State> heads_;
    std::array<at::Tensor, layer_count + 1> between_;  ///< the batch, and what each layer gave
    [[no_unique_address]] Own own_;
    detail::Buffer output_;    ///< of own_
    bool own_step_ = false;    ///< whether the last step was taken by own_
    at::Tensor target_;        ///< until the gradients were computed
    std::int64_t number_ = 0;  ///< of the last step
    std::uint64_t changes_ = 0;           ///< when it was taken
    std::vector<at::Tensor> parameters_;  ///< the type and device of the first are the batch's
};

namespace detail {

template <bool Fits, class Kernels, class Input, class... Layers>
struct Network {
    using type = SequentialImpl<Kernels, Input, Layers...>;
};
/// In the place of a network that was refused, lest its users be refused for that.
struct Refused : torch::nn::Module {
    at::Tensor forward(const at::Tensor& x);
    template <class Head>
    StaticLoss<Refused, Head> step(const at::Tensor& x, const at::Tensor& target);
    template <class Head>
    void back(std::int64_t number, double scale);
    [[nodiscard]] const at::Tensor& output() const;
};
template <class Kernels, class Input, class... Layers>
struct Network<false, Kernels, Input, Layers...> {
    using type = Refused;
};

template <class Kernels, class First, class... Rest>
struct SequentialWith {
    static_assert(
        requires { typename First::input; },
        "lit: the shape of the batch is not known to the first layer of this lit::nn::Sequential. Write it "
        "before: lit::nn::Sequential<lit::nn::Shape<1, 28, 28>, lit::nn::Flatten, ...>.");
    using type = typename Network<layers_fit<0, typename First::input, First, Rest...>(), Kernels, typename First::input, First,
                                  Rest...>::type;
};
template <class Kernels, std::int64_t... Sizes, class... Layers>
struct SequentialWith<Kernels, Shape<Sizes...>, Layers...> {
    using type = typename Network<layers_fit<0, Shape<Sizes...>, Layers...>(), Kernels, Shape<Sizes...>, Layers...>::type;
};
template <class... Layers>
struct SequentialOf : SequentialWith<AtenKernels, Layers...> {};
template <class... Layers>
struct SequentialOf<AtenKernels, Layers...> : SequentialWith<AtenKernels, Layers...> {};
template <class... Layers>
struct SequentialOf<OwnKernels, Layers...> : SequentialWith<OwnKernels, Layers...> {};

}  // namespace detail

/// A network whose layers are types: `lit::nn::Sequential<lit::nn::Linear<784, 64>, lit::nn::ReLU, lit::nn::Linear<64, 10>>`; where
/// the first layer takes several shapes, that of a sample stands before it: `Sequential<Shape<1, 28, 28>, Flatten, ...>`. Sizes that
/// do not fit do not compile.
///
/// `net->forward(x)` is differentiable like any module's, and the `state_dict` is that of `torch::nn::Sequential` of the same layers.
/// `net->step<lit::nn::CrossEntropy>(x, target)`, returned from `training_step`, is the step that needs no autograd: forward, loss
/// and, when the trainer asks for them, gradients are straight calls of ATen's kernels into buffers that are kept. On the CPU the
/// numbers are those of autograd, bit for bit; with `OwnKernels` written first they are so to some ulps, and a tiny network several
/// times as fast.
///
/// Shapes  x [batch, input...], in the parameters' type.
/// Errors  ConfigError for a batch of another shape, type or device, one that requires a gradient or lies in `output()`, and under
///         autocast; of backward() for what was changed in place after the step.
/// Cost    the activations and the gradients are kept, for one size of batch at a time; the loss too, unless the last one is still in
///         use. glibc is made to keep up to 64 MiB of freed memory in the process, for the layers that ATen allocates for. With
///         `OwnKernels` a step allocates nothing, but for what LibTorch's generator does for a Dropout.
/// Ranks   any: DDP exchanges the gradients when the last of them is there, not while they are computed.
template <class... Layers>
class Sequential : public torch::nn::ModuleHolder<typename detail::SequentialOf<Layers...>::type> {
 public:
    using torch::nn::ModuleHolder<typename detail::SequentialOf<Layers...>::type>::ModuleHolder;
};

}  // namespace lit::nn
