// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/fixed_string.hpp>
#include <lit/core/hparams.hpp>
#include <lit/core/log_options.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/number.hpp>
#include <lit/core/run_state.hpp>

#include <torch/nn/module.h>

#include <concepts>
#include <cstdint>
#include <initializer_list>
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
class Module : public torch::nn::Module {
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

    /// Records a value under a name known to the compiler: no string, no look-up.
    ///
    /// Errors  a name that the module's `Logs` lacks does not compile; lit::Error in a hook that may not log.
    /// Cost    a CPU scalar is read through its pointer; one on another device stays there until it is needed.
    /// Source  Lightning `LightningModule.log`; without a trainer nothing happens, as there.
    template <FixedString Name, class V>
    void log(const V& value, const LogOptions& options = {}) {
        check_declared<Name>();
        static_assert(Name.view().find("/dataloader_idx_") == std::string_view::npos,
                      "lit: log: a name may not contain \"/dataloader_idx_\": it is appended by itself.");
        static_assert(std::convertible_to<const V&, Number>,
                      "lit: log takes a number or a tensor of one element. Reduce the value first, or call .item().");
        if (run_ != nullptr) {
            run_->log(MetricSlot<Name>::id, value, options);
        }
    }
    /// The same for a name that is known only at run time: one look-up.
    void log(std::string_view name, const Number& value, const LogOptions& options = {}) {
        check_at_run_time(name);
        if (run_ != nullptr) {
            run_->log(MetricNames::intern(name), value, options);
        }
    }
    /// Logs each pair with the same options.
    void log_dict(std::initializer_list<std::pair<std::string_view, Number>> values, const LogOptions& options = {}) {
        for (const auto& [name, value] : values) {
            log(name, value, options);
        }
    }

    /// Epochs that are over; 0 without a trainer.
    [[nodiscard]] std::int64_t current_epoch() const { return run_ != nullptr ? run_->current_epoch() : 0; }
    /// Optimizer steps that were made, over the whole run; 0 without a trainer.
    [[nodiscard]] std::int64_t global_step() const { return run_ != nullptr ? run_->global_step() : 0; }
    [[nodiscard]] bool sanity_checking() const { return run_ != nullptr && run_->sanity_checking(); }
    [[nodiscard]] bool should_stop() const { return run_ != nullptr && run_->should_stop; }
    /// Asks the trainer to end after this batch, with a validation if one is due. No effect without a trainer.
    void request_stop(std::string_view reason = "requested by the module") {
        if (run_ != nullptr) {
            run_->request_stop(reason);
        }
    }

 private:
    friend struct detail::ModuleAccess;

    template <FixedString Name>
    static consteval void check_declared() {
        if constexpr (requires { typename Self::Logs; }) {
            static_assert(Self::Logs::contains(Name.view()),
                          "lit: log: this name is not in the module's Logs. Add it to `using Logs = lit::Logs<...>`, or "
                          "correct it.");
        }
    }
    static void check_at_run_time(std::string_view name) {
        if (name.find("/dataloader_idx_") != std::string_view::npos) {
            throw ConfigError("log: \"" + std::string(name) +
                              "\" contains \"/dataloader_idx_\". It is appended by itself when there are several loaders.");
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
