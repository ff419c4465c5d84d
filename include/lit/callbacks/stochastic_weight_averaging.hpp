// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/detail/batch_norms.hpp>
#include <lit/callbacks/detail/held_callable.hpp>
#include <lit/callbacks/detail/swa_schedule.hpp>
#include <lit/callbacks/detail/weights_copy.hpp>
#include <lit/callbacks/weight_averaging.hpp>
#include <lit/checkpoint/schema.hpp>
#include <lit/core/error.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/optimizer.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace lit {

namespace detail {

/// Schedulers that the type of a configuration promises; those that may be absent do not count.
template <class Slot>
inline constexpr bool is_scheduler_slot = requires(Slot& slot) {
    slot.scheduler;
};
template <class Slots>
inline constexpr std::size_t certain_slots = 0;
template <class... Slots>
inline constexpr std::size_t certain_slots<std::tuple<Slots...>> =
    (std::size_t{0} + ... + static_cast<std::size_t>(is_scheduler_slot<Slots>));
template <class Entries>
inline constexpr std::size_t certain_schedulers = 0;
template <class... Entry>
inline constexpr std::size_t certain_schedulers<std::tuple<Entry...>> =
    (std::size_t{0} + ... + certain_slots<decltype(Entry::slots)>);

}  // namespace detail

/// The mean of all weights so far, written as in the paper.
///
/// Source  Lightning `StochasticWeightAveraging.avg_fn`; bit-equal to it.
struct RunningAverage {
    void operator()(at::Tensor& averaged, const at::Tensor& current, std::int64_t n_averaged) const {
        averaged.add_((current - averaged).div_(n_averaged + 1));
    }
};

struct StochasticWeightAveragingOptions {
    std::variant<double, std::vector<double>> swa_lrs{
        0.0};  ///< the rate aimed at: one for all groups, or one for each
    /// An epoch counted from 1, or with a point (`0.8`) a share of `max_epochs`.
    std::variant<double, std::int64_t> swa_epoch_start{0.8};
    std::int64_t annealing_epochs = 10;  ///< epochs in which the rate goes over into `swa_lrs`; 0: at once
    AnnealingStrategy annealing_strategy = AnnealingStrategy::cos;
    std::optional<at::Device> device =
        at::Device(at::kCPU);  ///< of the average; none: where the module is trained
};

/// Averages the weights that the last epochs begin with, at a learning rate of its own:
/// `lit::StochasticWeightAveraging{{.swa_lrs = 0.05, .swa_epoch_start = 5}}`, or with an averaging function as a second
/// argument.
///
/// From its first epoch on its schedule takes the place of the module's. When training has reached `max_epochs` the
/// parameters are the average. Of a module with batch norms the fit has one epoch more then, which goes through the
/// training batches with the averaged weights and without gradients, so that the norms' statistics fit them.
/// Counts  the weights at the beginning of each epoch are averaged, so that the last epoch's outcome is not among them.
///         The epoch for the statistics counts as an epoch and, as in Lightning, ends in a step of the optimizer: without a
///         validation after the epoch before, that step uses the last batch's gradients once more.
/// Errors  ConfigError on construction: a rate that is not above 0, a start below 1 or a share outside of 0 to 1, a
///         negative number of epochs; when the fit begins: more than one optimizer or scheduler (does not compile where the
///         types tell), a share of `max_epochs = -1`; later: other numbers of rates and parameter groups, batch norms with a
///         loader that does not know its size.
/// Cost    a second set of weights, one pass over it per epoch; nothing per batch.
/// Source  Izmailov et al. 2018; Lightning `StochasticWeightAveraging`, same defaults and same state.
template <class Average = RunningAverage>
class StochasticWeightAveraging {
    static_assert(
        AveragesWeights<Average>,
        "lit: the averaging function of StochasticWeightAveraging is called as f(at::Tensor& averaged, const "
        "at::Tensor& current, std::int64_t n_averaged) and returns the new average, or nothing when it wrote "
        "it "
        "into `averaged`.");

 public:
    explicit StochasticWeightAveraging(StochasticWeightAveragingOptions options, Average average = {})
        : options_(std::move(options)), average_(std::move(average)) {
        check_rates();
        check_start();
        if (options_.annealing_epochs < 0) {
            throw ConfigError("StochasticWeightAveraging: annealing_epochs = " +
                              std::to_string(options_.annealing_epochs) + ", expected 0 (at once) or more.");
        }
    }

    void setup(auto& trainer, auto& module, Stage stage) {
        if (stage == Stage::fit) {
            copy_.emplace(module, options_.device.value_or(trainer.device()));
            replaces_schedule_ = false;
            in_use_ = false;
            passes_over_data_ = false;
            skips_backward_ = false;
            extra_epochs_ = 0;
        }
    }
    void on_fit_start(auto& trainer, auto& module) {
        std::size_t optimizers = 0;
        std::size_t schedulers = 0;
        trainer.for_each_optimizer([&](auto, auto&) { ++optimizers; });
        trainer.for_each_scheduler([&](auto&, auto&) { ++schedulers; });
        if (optimizers != 1) {
            throw ConfigError(
                "StochasticWeightAveraging: found " + std::to_string(optimizers) +
                " optimizers, expected one. Return one from configure_optimizers, or average with "
                "WeightAveraging.");
        }
        if (schedulers > 1) {
            throw ConfigError(
                "StochasticWeightAveraging: found " + std::to_string(schedulers) +
                " schedulers, expected at most one: its own takes that one's place. Return one from "
                "configure_optimizers, or average with WeightAveraging.");
        }
        max_epochs_ = trainer.max_epochs();
        if (const double* share = std::get_if<double>(&options_.swa_epoch_start)) {
            if (max_epochs_ == -1) {
                throw ConfigError(
                    "StochasticWeightAveraging: swa_epoch_start is a share of max_epochs, but max_epochs is "
                    "-1 (no end). "
                    "Give an epoch: .swa_epoch_start = 10, or set max_epochs.");
            }
            options_.swa_epoch_start = static_cast<std::int64_t>(static_cast<double>(max_epochs_) * *share);
        }
        has_batch_norm_ = detail::has_batch_norm(module);
        extra_epochs_ = has_batch_norm_ && max_epochs_ != -1 ? 1 : 0;
        if (loaded_schedule_) {
            replaces_schedule_ = true;  // the file's schedule is this one; it is made when its epoch begins
        }
    }
    void on_train_start(auto& trainer, auto& module) {
        const std::int64_t epoch = trainer.current_epoch();
        if ((loaded_schedule_ || (trainer.resumes_epoch() && averages_in(epoch))) && !initialized_) {
            initialized_ = true;
            trainer.for_each_optimizer([&](auto, auto& optimizer) {
                // Those of the file, which a schedule that begins would change.
                const std::vector<double> rates = learning_rates(optimizer);
                begin(trainer, epoch);
                for (std::size_t group = 0; group < rates.size(); ++group) {
                    set_learning_rate(optimizer, group, rates[group]);
                }
            });
        }
        if (trainer.resumes_epoch() && max_epochs_ != -1 && epoch == max_epochs_) {
            statistics_.go_on(module);
            passes_over_data_ = true;
            skips_backward_ = true;
        }
    }
    void on_train_epoch_start(auto& trainer, auto& module) {
        const std::int64_t epoch = trainer.current_epoch();
        const bool averages = averages_in(epoch);
        if (averages && !initialized_) {
            initialized_ = true;
            begin(trainer, epoch);
        }
        if (averages && epoch > latest_update_epoch_) {
            copy_->update(
                detail::OwnTensors(module),
                [this](auto& mine, const auto& theirs, std::int64_t n) { return average_(mine, theirs, n); },
                *n_averaged_, copy_->parameters());
            ++*n_averaged_;
            latest_update_epoch_ = epoch;
        }
        if (max_epochs_ != -1 && epoch == max_epochs_) {
            transfer(module);
            begin_pass(trainer, module);
        }
    }
    void on_train_epoch_end(auto& /*trainer*/, auto& /*module*/) { skips_backward_ = false; }
    void on_train_end(auto& trainer, auto& module) {
        const std::int64_t last_epoch = trainer.current_epoch() - 1;
        if (has_batch_norm_ && max_epochs_ != -1 && last_epoch == max_epochs_) {
            passes_over_data_ = false;
            extra_epochs_ = 0;
            statistics_.restore_momenta();
        } else if (last_epoch == max_epochs_ - 1 || max_epochs_ == -1) {
            transfer(module);
        }
    }

    void on_exception(auto& /*trainer*/, auto& /*module*/, const std::exception& /*error*/) {
        statistics_.restore_momenta();
        passes_over_data_ = false;
        skips_backward_ = false;
    }

    // --- what the loops ask ---

    [[nodiscard]] bool replaces_schedule() const { return replaces_schedule_; }
    [[nodiscard]] auto* schedule() { return in_use_ ? &*schedule_ : nullptr; }
    [[nodiscard]] std::int64_t extra_epochs() const { return extra_epochs_; }
    [[nodiscard]] bool passes_over_data() const { return passes_over_data_; }
    [[nodiscard]] bool skips_backward() const { return skips_backward_; }

    /// The first epoch, counted from 0; a share is known once a fit has begun.
    [[nodiscard]] std::int64_t swa_start() const {
        const std::int64_t* start = std::get_if<std::int64_t>(&options_.swa_epoch_start);
        return start != nullptr ? std::max<std::int64_t>(*start - 1, 0) : 0;
    }
    /// Weights in the average.
    [[nodiscard]] std::int64_t n_averaged() const { return n_averaged_.value_or(initial_n_averaged_); }

    [[nodiscard]] static constexpr const char* state_key() { return "StochasticWeightAveraging"; }
    [[nodiscard]] Dict state_dict() const {
        Dict weights = copy_ ? copy_->state_dict() : Dict();
        weights.ordered = true;
        return Dict{{"n_averaged", n_averaged()},
                    {"latest_update_epoch", latest_update_epoch_},
                    {"scheduler_state", in_use_ ? schedule_->state_dict() : loaded_schedule_.value_or(Value())},
                    {"average_model_state", copy_ ? Value(std::move(weights)) : Value()}};
    }
    void load_state_dict(const Dict& state) {
        initial_n_averaged_ = state.at("n_averaged").to_int();
        latest_update_epoch_ = state.at("latest_update_epoch").to_int();
        const Value& schedule = state.at("scheduler_state");
        loaded_schedule_ = schedule.is_none() ? std::nullopt : std::optional(schedule);
        if (copy_ && !state.at("average_model_state").is_none()) {
            copy_->load_state_dict(state.at("average_model_state").dict());
        }
    }
    /// Python's scheduler leaves its rates in the optimizer's groups.
    void on_save_checkpoint(auto& /*trainer*/, auto& /*module*/, Dict& checkpoint) const {
        Value* optimizers = checkpoint.find(checkpoint_key::optimizer_states);
        if (!in_use_ || optimizers == nullptr || optimizers->items().empty()) {
            return;
        }
        List& groups = optimizers->as<List>().front().dict()["param_groups"].as<List>();
        const std::vector<double>& rates = schedule_->scheduler.swa_lrs();
        for (std::size_t group = 0; group < std::min(groups.size(), rates.size()); ++group) {
            Dict& entry = groups[group].dict();
            const Value parameters = entry.at("params");
            for (const char* key : {"initial_lr", "swa_lr", "params"}) {  // a group that was loaded has them already
                entry.erase(key);
            }
            entry.set("initial_lr", rates[group]);
            entry.set("swa_lr", rates[group]);
            entry.set("params", parameters);
        }
    }

    /// What the types of a fit get wrong; called when `fit` is compiled.
    template <class Module, class Configured>
    static constexpr void check_fit() {
        static_assert(!Configured::is_static || Configured::static_count == 1,
                      "lit: StochasticWeightAveraging works with one optimizer, and configure_optimizers() "
                      "returns another "
                      "number of them. Return one, or average with lit::WeightAveraging.");
        static_assert(
            detail::certain_schedulers<typename Configured::Entries> <= 1,
            "lit: StochasticWeightAveraging takes the place of one lr_scheduler, and configure_optimizers() "
            "returns several. Return one, or average with lit::WeightAveraging.");
    }

 private:
    void check_rates() const {
        const auto refuse = [](double rate) {
            throw ConfigError(
                "StochasticWeightAveraging: swa_lrs = " + std::to_string(rate) +
                ", expected a rate above 0. Write StochasticWeightAveraging{{.swa_lrs = 0.05}}.");
        };
        if (const auto* all = std::get_if<std::vector<double>>(&options_.swa_lrs)) {
            if (all->empty()) {
                throw ConfigError(
                    "StochasticWeightAveraging: swa_lrs is empty, expected one rate for each parameter "
                    "group, or one "
                    "number for all.");
            }
            for (const double rate : *all) {
                rate > 0.0 ? void() : refuse(rate);
            }
        } else if (const double rate = std::get<double>(options_.swa_lrs); !(rate > 0.0)) {
            refuse(rate);
        }
    }
    void check_start() const {
        const auto* epoch = std::get_if<std::int64_t>(&options_.swa_epoch_start);
        if (epoch != nullptr && *epoch < 1) {
            throw ConfigError("StochasticWeightAveraging: swa_epoch_start = " + std::to_string(*epoch) +
                              ", expected an epoch counted from 1, or a share from 0.0 to 1.0.");
        }
        if (const auto* share = std::get_if<double>(&options_.swa_epoch_start);
            share != nullptr && !(*share >= 0.0 && *share <= 1.0)) {
            throw ConfigError(
                "StochasticWeightAveraging: swa_epoch_start = " + std::to_string(*share) +
                ", expected a share from 0.0 to 1.0, or a whole number: an epoch counted from 1.");
        }
    }

    [[nodiscard]] bool averages_in(std::int64_t epoch) const {
        return swa_start() <= epoch && (max_epochs_ == -1 || epoch < max_epochs_);
    }
    /// The first epoch of averaging: the schedule is made and takes its place.
    void begin(auto& trainer, std::int64_t epoch) {
        bool swapped = false;
        trainer.for_each_scheduler([&](auto& slot, auto&) {
            swapped = true;
            if (slot.interval != Interval::epoch || slot.frequency != 1) {
                trainer.warn(
                    "StochasticWeightAveraging: the scheduler stepped by another interval than every epoch. "
                    "The one that "
                    "takes its place steps every epoch.");
            }
        });
        trainer.for_each_optimizer([&](auto, auto& optimizer) {
            std::vector<double> rates;
            if (const double* one = std::get_if<double>(&options_.swa_lrs)) {
                rates.assign(group_count(optimizer), *one);
            } else {
                rates = std::get<std::vector<double>>(options_.swa_lrs);
            }
            const bool cos = options_.annealing_strategy == AnnealingStrategy::cos;
            schedule_.emplace(detail::SchedulerSlot<detail::SwaSchedule>{
                .scheduler = detail::SwaSchedule(
                    std::move(rates), options_.annealing_epochs, options_.annealing_strategy,
                    cos && max_epochs_ != -1 ? max_epochs_ + extra_epochs_ : -1)});
            schedule_->initialize(optimizer);
        });
        if (loaded_schedule_) {
            schedule_->load_state_dict(*loaded_schedule_);
        } else if (epoch != swa_start()) {
            trainer.warn(
                "StochasticWeightAveraging: it begins after its first epoch and without a state from a "
                "checkpoint, so that "
                "rates and average differ from those of a run that had it from the first on.");
        }
        if (swapped) {
            trainer.print("lit: StochasticWeightAveraging: its schedule takes the place of the module's.");
        }
        replaces_schedule_ = true;
        in_use_ = true;
        if (!n_averaged_) {
            n_averaged_ = initial_n_averaged_;
        }
    }
    void begin_pass(auto& trainer, auto& module) {
        statistics_.reset(module);
        if (!trainer.num_training_batches()) {
            throw ConfigError(
                "StochasticWeightAveraging: the training loader does not know its size, and the module has "
                "batch norms, "
                "whose statistics need one pass over the data. Give the loader a size(), or set "
                "limit_train_batches.");
        }
        passes_over_data_ = true;
        skips_backward_ = true;
    }
    void transfer(auto& module) {
        if (copy_) {
            copy_->copy_to(detail::OwnTensors(module), copy_->parameters());
        }
    }

    StochasticWeightAveragingOptions options_;
    [[no_unique_address]] detail::HeldCallable<Average> average_;
    std::optional<detail::WeightsCopy> copy_;  ///< the average; none before the first fit
    std::optional<detail::SchedulerSlot<detail::SwaSchedule>> schedule_;
    std::optional<Value> loaded_schedule_;
    detail::BatchNormStatistics statistics_;
    std::optional<std::int64_t> n_averaged_;
    std::int64_t initial_n_averaged_ = 0;
    std::int64_t latest_update_epoch_ = -1;
    std::int64_t max_epochs_ = -1;
    std::int64_t extra_epochs_ = 0;
    bool has_batch_norm_ = false;
    bool initialized_ = false;
    bool replaces_schedule_ = false;
    bool in_use_ = false;  ///< its schedule is that of the fit in work
    bool passes_over_data_ = false;
    bool skips_backward_ = false;
};

static_assert(ReplacesSchedule<StochasticWeightAveraging<>> && PassesOverData<StochasticWeightAveraging<>>);

}  // namespace lit
