// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/base_finetuning.hpp>
#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/detail/held_callable.hpp>
#include <lit/callbacks/detail/python_text.hpp>
#include <lit/core/error.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/optimizer.hpp>

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace lit {

struct BackboneFinetuningOptions {
    std::int64_t unfreeze_backbone_at_epoch = 10;  ///< counted from 0
    double backbone_initial_ratio_lr = 0.1;        ///< of the first group's rate at that epoch
    std::optional<double> backbone_initial_lr{};   ///< in place of that ratio
    bool should_align = true;        ///< the backbone's rate stays at the first group's once it would pass it
    double initial_denom_lr = 10.0;  ///< Lightning's; without effect there too, as the rate is always given
    bool train_bn = true;            ///< false: the backbone's batch norms are not added to the optimizer
    bool verbose = false;            ///< prints both rates at the begin of each epoch
    int rounding = 12;               ///< decimals of the printed rates
};

/// By how much the backbone's rate grows from epoch to epoch: twofold.
struct Twofold {
    double operator()(std::int64_t /*epoch*/) const { return 2.0; }
};

/// Trains a module's head alone at first, then its `backbone` too, at a rate of its own that grows epoch by epoch:
/// `lit::BackboneFinetuning{{.unfreeze_backbone_at_epoch = 5}, [](std::int64_t epoch) { return 1.5; }}`.
///
/// The module has a member `backbone`: a module, or a holder or pointer of one. It is frozen, but for its batch norms,
/// before `configure_optimizers`, which should hand over only what requires a gradient. At the epoch the rest of it
/// becomes a parameter group of every optimizer; from the next epoch on that group's rate is the last one times
/// `lambda_func(epoch + 1)`, whatever a schedule has made of it, and at most the first group's if `should_align`.
///
/// Errors  a module without `backbone` does not compile; ConfigError on construction for an epoch below 0, a ratio or
///         rate that is negative or not a number, or a `rounding` outside 0 to 17.
/// Source  Lightning `BackboneFinetuning`, same defaults, same rates, same state; see BaseFinetuning for what differs.
template <class Schedule = Twofold>
requires std::move_constructible<Schedule>
class BackboneFinetuning : public BaseFinetuning<BackboneFinetuning<Schedule>> {
    static_assert(
        std::convertible_to<std::invoke_result_t<Schedule&, std::int64_t>, double>,
        "lit: BackboneFinetuning's lambda_func takes an epoch (std::int64_t) and returns a factor (double).");
    using Base = BaseFinetuning<BackboneFinetuning<Schedule>>;

 public:
    explicit BackboneFinetuning(BackboneFinetuningOptions options = {}, Schedule lambda_func = {})
        : options_(options), lambda_func_(std::move(lambda_func)) {
        const auto require = [](bool fine, const char* what, double found, const char* expected) {
            if (!fine) {
                throw ConfigError(std::string("BackboneFinetuning: ") + what + " = " +
                                  detail::python_repr(found) + ", expected " + expected + ".");
            }
        };
        require(options.unfreeze_backbone_at_epoch >= 0, "unfreeze_backbone_at_epoch",
                static_cast<double>(options.unfreeze_backbone_at_epoch), "0 or more");
        require(options.backbone_initial_ratio_lr >= 0.0, "backbone_initial_ratio_lr",
                options.backbone_initial_ratio_lr, "0 or more");
        require(options.backbone_initial_lr.value_or(0.0) >= 0.0, "backbone_initial_lr",
                options.backbone_initial_lr.value_or(0.0), "0 or more");
        require(options.initial_denom_lr > 0.0, "initial_denom_lr", options.initial_denom_lr, "more than 0");
        require(options.rounding >= 0 && options.rounding <= 17, "rounding", options.rounding, "0 to 17");
    }

    /// Asked at the trainer's door.
    template <class Module, class Configured>
    static consteval void check_fit() {
        static_assert(
            requires(Module& module) { module.backbone; },
            "lit: BackboneFinetuning freezes module.backbone, which this module does not have (or which is "
            "private). Name the part so, or derive from lit::BaseFinetuning.");
    }

    void freeze_before_training(auto& module) { Base::freeze(module.backbone); }
    void on_fit_start(auto& trainer, auto& module) {
        if (!Base::is_restarting()) {
            previous_.reset();  // the backbone is frozen again, and the optimizer is new
        }
        Base::on_fit_start(trainer, module);
    }
    void finetune_function(auto& trainer, auto& module, std::int64_t epoch, auto& optimizer) {
        if (epoch < options_.unfreeze_backbone_at_epoch) {
            return;
        }
        const double head = learning_rate(optimizer);
        if (epoch == options_.unfreeze_backbone_at_epoch) {
            previous_ = options_.backbone_initial_lr.value_or(head * options_.backbone_initial_ratio_lr);
            Base::unfreeze_and_add_param_group(module.backbone, optimizer,
                                               {.lr = previous_,
                                                .initial_denom_lr = options_.initial_denom_lr,
                                                .train_bn = options_.train_bn});
        } else {
            if (!previous_) {
                throw ConfigError(
                    "BackboneFinetuning: epoch " + std::to_string(epoch) +
                    " is past unfreeze_backbone_at_epoch = " +
                    std::to_string(options_.unfreeze_backbone_at_epoch) +
                    ", but the backbone was not unfrozen in this fit: it is a second one, or goes on from a "
                    "checkpoint that was written without this callback. Choose an epoch that is still to come.");
            }
            const double grown = static_cast<double>(lambda_func_(epoch + 1)) * *previous_;
            previous_ = options_.should_align && grown > head ? head : grown;
            set_learning_rate(optimizer, group_count(optimizer) - 1, *previous_);
        }
        if (options_.verbose) {
            trainer.print("Current lr: " + rounded(head) + ", Backbone lr: " + rounded(*previous_));
        }
    }

    /// The backbone's rate as set last; none before it was unfrozen.
    [[nodiscard]] std::optional<double> backbone_lr() const { return previous_; }

    [[nodiscard]] Dict state_dict() const {
        Dict state = Base::state_dict();
        state.set("previous_backbone_lr", previous_ ? Value(*previous_) : Value());
        return state;
    }
    void load_state_dict(const Dict& state) {
        const Value& previous = state.at("previous_backbone_lr");
        previous_ = previous.is_none() ? std::nullopt : std::optional(previous.to_double());
        Base::load_state_dict(state);
    }

 private:
    [[nodiscard]] std::string rounded(double lr) const {
        const double scale = std::pow(10.0, options_.rounding);
        return detail::python_repr(std::round(lr * scale) / scale);
    }

    BackboneFinetuningOptions options_;
    detail::HeldCallable<Schedule> lambda_func_;
    std::optional<double> previous_;
};

}  // namespace lit
