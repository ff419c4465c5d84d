// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/error.hpp>
#include <lit/core/hooks.hpp>
#include <lit/module/module.hpp>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <map>
#include <string>
#include <type_traits>
#include <utility>

namespace lit {

/// Adds up the gradients of more or fewer batches as training goes on:
/// `lit::GradientAccumulationScheduler{{0, 8}, {4, 4}, {8, 1}}`, or with a `std::map` that was made at run time.
///
/// Units   {epoch, micro-batches}: from that epoch on, counted from 0; before the first one 1. The factor changes when
///         an epoch begins; the rest of one that a checkpoint had broken off is trained with that epoch's.
/// Errors  ConfigError on construction: nothing given, an epoch below 0 or given twice, a factor below 1; when training
///         begins: another component accumulates too, or an earlier fit of this trainer ended with another factor than 1.
///         With a module that optimizes by hand it does not compile.
/// Source  Lightning `GradientAccumulationScheduler`; like there, it has no state in checkpoints.
class GradientAccumulationScheduler {
 public:
    using Role = role::gradient_accumulation;

    explicit GradientAccumulationScheduler(std::map<std::int64_t, std::int64_t> scheduling)
        : scheduling_(std::move(scheduling)) {
        if (scheduling_.empty()) {
            throw ConfigError(
                "GradientAccumulationScheduler: no epoch was given. Write GradientAccumulationScheduler{{4, "
                "2}} for "
                "windows of 2 batches from epoch 4 on.");
        }
        for (const auto& [epoch, batches] : scheduling_) {
            if (epoch < 0) {
                throw ConfigError("GradientAccumulationScheduler: found epoch " + std::to_string(epoch) +
                                  ", expected 0 or more. Epochs are counted from 0.");
            }
            if (batches < 1) {
                throw ConfigError("GradientAccumulationScheduler: found " + std::to_string(batches) +
                                  " batches from epoch " + std::to_string(epoch) +
                                  " on, expected 1 or more.");
            }
        }
        scheduling_.emplace(0, 1);
    }
    GradientAccumulationScheduler(
        std::initializer_list<std::pair<const std::int64_t, std::int64_t>> scheduling)
        : GradientAccumulationScheduler(without_repetition(scheduling)) {}

    /// What holds now; 1 before the first epoch begins.
    [[nodiscard]] std::int64_t accumulate_grad_batches() const { return current_; }
    /// What holds in an epoch.
    [[nodiscard]] std::int64_t accumulate_grad_batches(std::int64_t epoch) const {
        return epoch < 0 ? 1 : std::prev(scheduling_.upper_bound(epoch))->second;
    }
    /// Whether any epoch adds up gradients at all.
    [[nodiscard]] bool going_to_accumulate_grad_batches() const {
        return std::ranges::any_of(scheduling_, [](const auto& entry) { return entry.second > 1; });
    }

    void on_train_start(auto& trainer, auto& module) {
        using Module = std::remove_cvref_t<decltype(module)>;
        if constexpr (!automatic_optimization<Module>) {
            throw ConfigError(
                "GradientAccumulationScheduler: this module optimizes by hand (automatic_optimization = "
                "false), so the "
                "trainer has no gradients to add up. Leave the component out and count batches in "
                "training_step.");
        }
        if constexpr (hooks::optimizer_step::names<Module> || hooks::optimizer_zero_grad::names<Module>) {
            if (going_to_accumulate_grad_batches()) {
                trainer.warn(
                    "GradientAccumulationScheduler: the module's optimizer_step and optimizer_zero_grad are "
                    "called for "
                    "each update, not for each batch.");
            }
        }
        if (const std::int64_t found = trainer.accumulate_grad_batches(); found != 1) {
            throw ConfigError(
                "GradientAccumulationScheduler: found accumulate_grad_batches = " + std::to_string(found) +
                " before training, expected 1. Either GradientAccumulation was given too: keep one of "
                "them; or an earlier fit of this trainer ended with that factor: use a new trainer.");
        }
        if (trainer.resumes_epoch()) {
            current_ = accumulate_grad_batches(trainer.current_epoch());
        }
    }
    void on_train_epoch_start(auto& trainer, auto& /*module*/) {
        current_ = accumulate_grad_batches(trainer.current_epoch());
    }

    /// What the types of a fit get wrong; called when `fit` is compiled.
    template <class Module, class Configured>
    static constexpr void check_fit() {
        static_assert(
            automatic_optimization<Module>,
            "lit: GradientAccumulationScheduler needs automatic optimization; this module optimizes by hand, "
            "where training_step itself decides when to step. Leave the component out.");
    }

 private:
    static std::map<std::int64_t, std::int64_t> without_repetition(
        std::initializer_list<std::pair<const std::int64_t, std::int64_t>> given) {
        std::map<std::int64_t, std::int64_t> all;
        for (const auto& entry : given) {
            if (!all.insert(entry).second) {
                throw ConfigError("GradientAccumulationScheduler: epoch " + std::to_string(entry.first) +
                                  " was given twice. Give each epoch one factor.");
            }
        }
        return all;
    }

    std::map<std::int64_t, std::int64_t> scheduling_;
    std::int64_t current_ = 1;
};

}  // namespace lit
