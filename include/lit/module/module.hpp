// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/fixed_string.hpp>
#include <lit/core/hparams.hpp>
#include <lit/core/run_state.hpp>
#include <lit/module/log_calls.hpp>

#include <torch/nn/module.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace lit {

namespace detail {
struct ModuleAccess;
}

/// What is learnt: parameters, the steps, the optimizers. Derive with yourself and your hyperparameters.
///
/// Write `training_step(batch)` or `(batch, batch_idx)`, which returns the loss: a 0-dim tensor, an
/// `std::optional` of one (nothing: the batch is skipped), or a struct with a member `loss`;
/// `validation_step`, `test_step`, `predict_step` taking `(batch)`, `(batch, batch_idx)` or `(batch, batch_idx,
/// dataloader_idx)`; `configure_optimizers()`; and any hook of Lightning's with Lightning's arguments, with
/// `auto& trainer` before them where the trainer is needed. No base declares them: what you do not write is not
/// called.
///
/// Errors  a hook that cannot be called with its arguments does not compile; hyperparameters that a checkpoint cannot
///         hold do not compile.
/// Source  Lightning `LightningModule`. `static constexpr bool automatic_optimization = false;` is its property.
template <class Self, class HParams = NoHParams>
class Module : public LogCalls<torch::nn::Module, Module<Self, HParams>, Self> {
    static_assert(std::is_aggregate_v<HParams>,
                  "lit: the hyperparameters of a module have to be an aggregate: a struct with public fields and "
                  "default values, without constructors. Write struct HParams { double lr = 1e-3; };");
    static_assert(!std::is_aggregate_v<HParams> || detail::storable<HParams>(),
                  "lit: these hyperparameters cannot be stored in a checkpoint. Fields may be numbers, bool, enums, "
                  "std::string, std::filesystem::path, std::optional, std::vector and std::array of these, and "
                  "aggregates of these. Keep anything else in the module itself.");

 public:
    using hparams_type = HParams;

    explicit Module(HParams given = {}) : hparams(std::move(given)) {}

    /// Saved in checkpoints, written by the loggers, given back to the constructor by `load_from_checkpoint`.
    HParams hparams;

    /// Epochs that are over; 0 without a trainer.
    [[nodiscard]] std::int64_t current_epoch() const { return run_ != nullptr ? run_->current_epoch() : 0; }
    /// Optimizer steps that were made, over the whole run; 0 without a trainer.
    [[nodiscard]] std::int64_t global_step() const { return run_ != nullptr ? run_->global_step() : 0; }
    /// Optimizer steps that the fit in work will make, as far as can be told: of all epochs and of accumulated batches,
    /// cut at max_steps. For a schedule's length, so in configure_optimizers too: there it asks for the training loader,
    /// which is not asked for again. Empty where there is no end, the loader does not know its size, and outside of fit.
    /// Source  Lightning `Trainer.estimated_stepping_batches`.
    [[nodiscard]] std::optional<std::int64_t> estimated_stepping_batches() const {
        return run_ != nullptr && run_->stepping_estimate.ask != nullptr
                   ? run_->stepping_estimate.ask(run_->stepping_estimate.fit)
                   : std::nullopt;
    }
    [[nodiscard]] bool sanity_checking() const { return run_ != nullptr && run_->sanity_checking(); }
    [[nodiscard]] bool should_stop() const { return run_ != nullptr && run_->should_stop; }
    /// Asks the trainer to end after this batch, with a validation if one is due. No effect without a trainer.
    void request_stop(std::string_view reason = "requested by the module") {
        if (run_ != nullptr) {
            run_->request_stop(reason);
        }
    }

    // What a module has in Lightning and stands elsewhere here says where.
    template <class M = Self, class... Given>
    void save_hyperparameters(Given&&... /*given*/) {
        static_assert(std::is_void_v<M>,
                      "lit: hyperparameters are saved without being asked for: they are the struct in the brackets of "
                      "lit::Module<Net, HParams>, and stand in hparams. Leave save_hyperparameters() out.");
    }
    template <class M = Self>
    M& optimizers() {
        static_assert(std::is_void_v<M>,
                      "lit: optimizers() is the trainer's. Write training_step(auto& trainer, const Batch& batch), and there "
                      "auto& optimizer = trainer.optimizers().");
        return static_cast<M&>(*this);
    }
    template <class M = Self>
    void manual_backward(const at::Tensor& /*loss*/) {
        static_assert(std::is_void_v<M>,
                      "lit: manual_backward(loss) is the trainer's. Write training_step(auto& trainer, const Batch& batch), "
                      "and there trainer.manual_backward(loss).");
    }
    template <class M = Self, class Optimizer>
    void toggle_optimizer(Optimizer& /*optimizer*/) {
        static_assert(std::is_void_v<M>,
                      "lit: toggle_optimizer(optimizer) is the trainer's. Write training_step(auto& trainer, const Batch& "
                      "batch), and there trainer.toggle_optimizer(optimizer).");
    }
    template <class M = Self, class Optimizer, class... Given>
    void clip_gradients(Optimizer& /*optimizer*/, Given... /*given*/) {
        static_assert(std::is_void_v<M>,
                      "lit: clip_gradients(optimizer, value) is the trainer's. Write training_step(auto& trainer, const "
                      "Batch& batch), and there trainer.clip_gradients(optimizer, value).");
    }

 private:
    friend struct detail::ModuleAccess;
    friend LogCalls<torch::nn::Module, Module<Self, HParams>, Self>;

    [[nodiscard]] RunState* log_state() const { return run_; }
    [[nodiscard]] bool owns(const void* metric) const {
        return detail::lies_within(static_cast<const Self&>(*this), metric);
    }
    template <FixedString Name>
    static consteval void check_declared() {
        if constexpr (requires { typename Self::Logs; }) {
            static_assert(Self::Logs::contains(Name.view()),
                          "lit: log: this name is not in the module's Logs. Add it to `using Logs = lit::Logs<...>`, or "
                          "correct it.");
        }
    }

    RunState* run_ = nullptr;
};

namespace detail {

/// Ties a module to a run, and unties it.
struct ModuleAccess {
    template <class Self, class HParams>
    static RunState*& run(Module<Self, HParams>& module) {
        return module.run_;
    }
    template <class Self, class HParams>
    static Module<Self, HParams> base_of(const Module<Self, HParams>&);
};

}  // namespace detail

/// A type derived from lit::Module.
template <class M>
concept ModulePolicy = std::derived_from<M, torch::nn::Module> && requires(M& module) {
    typename M::hparams_type;
    { detail::ModuleAccess::run(module) } -> std::same_as<RunState*&>;
};

/// Lightning's switch; true unless the module says otherwise.
template <class M>
inline constexpr bool automatic_optimization = [] {
    if constexpr (requires { M::automatic_optimization; }) {
        return static_cast<bool>(M::automatic_optimization);
    } else {
        return true;
    }
}();

}  // namespace lit
