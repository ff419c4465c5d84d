// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/error.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/optimizer.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lit {

struct LearningRateMonitorOptions {
    std::optional<Interval>
        logging_interval{};         ///< none: each scheduler at its own interval, other optimizers at both
    bool log_momentum = false;      ///< also `<name>-momentum`: momentum or the first beta, 0 without
    bool log_weight_decay = false;  ///< also `<name>-weight_decay`
};

/// Sends the learning rates to the loggers, and puts them where monitors look.
///
/// Names   the scheduler's `name`, or `lr-AdamW`; a second optimizer of that class is `lr-AdamW-1`; parameter groups
///         append `/pg1`, `/pg2`, or `/` and their own name.
/// Units   the rates of the next update, a LearningRateWarmUp included. By the step: on the batches on which `log_every_n_steps` comes round; x is the number of closed
///         accumulation windows.
/// Errors  ConfigError at the begin of training without a logger, and for groups of one optimizer with equal names.
/// Cost    names are built at the begin of training, and where a group was added since; a step on which nothing is due costs a comparison.
/// Source  Lightning `LearningRateMonitor`. The history `lrs` is not kept: it is in the loggers.
class LearningRateMonitor {
 public:
    explicit LearningRateMonitor(LearningRateMonitorOptions options = {}) : options_(options) {}

    void on_train_start(auto& trainer, auto& /*module*/) {
        if (!trainer.has_loggers()) {
            throw ConfigError(
                "LearningRateMonitor: this trainer has no logger to send the learning rates to. Add one, "
                "for instance lit::CSVLogger{}, or leave the monitor out.");
        }
        name_lines(trainer);
    }
    void on_train_batch_start(auto& trainer, auto& /*module*/) {
        if (trainer.should_update_logs() && options_.logging_interval != Interval::epoch) {
            send(trainer, Interval::step);
        }
    }
    void on_train_epoch_start(auto& trainer, auto& /*module*/) {
        if (options_.logging_interval != Interval::step) {
            send(trainer, Interval::epoch);
        }
    }

 private:
    /// One parameter group of one optimizer.
    struct Line {
        std::size_t optimizer = 0;
        std::size_t group = 0;
        std::optional<Interval> interval{};  ///< of its scheduler
        MetricId lr = 0;
        MetricId momentum = 0;
        MetricId weight_decay = 0;
    };

    void name_lines(auto& trainer) {
        lines_.clear();
        groups_ = all_groups(trainer);
        std::map<std::string, int> seen;
        std::vector<bool> scheduled;
        trainer.for_each_scheduler([&](auto& slot, auto& optimizer) {
            scheduled.resize(std::max(scheduled.size(), slot.optimizer_index + 1), false);
            scheduled[slot.optimizer_index] = true;
            add(optimizer, slot.optimizer_index, slot.name, slot.interval, seen);
        });
        trainer.for_each_optimizer([&](auto index, auto& optimizer) {
            const std::size_t at = index;
            if (at >= scheduled.size() || !scheduled[at]) {
                add(optimizer, at, {}, std::nullopt, seen);
            }
        });
    }
    [[nodiscard]] static std::size_t all_groups(auto& trainer) {
        std::size_t groups = 0;
        trainer.for_each_optimizer([&](auto, auto& optimizer) { groups += group_count(optimizer); });
        return groups;
    }

    template <class Optimizer>
    void add(const Optimizer& optimizer, std::size_t index, const std::string& given,
             std::optional<Interval> interval, std::map<std::string, int>& seen) {
        const std::string type = optimizer_name(optimizer);
        if (given.empty()) {
            ++seen[type];
        }
        std::string name = given.empty() ? "lr-" + type : given;
        if (const auto found = seen.find(type); found != seen.end() && found->second > 1) {
            name += "-" + std::to_string(found->second - 1);
        }
        const std::size_t groups = group_count(optimizer);
        std::vector<std::string> taken;
        for (std::size_t group = 0; group < groups; ++group) {
            std::string own = group_name(optimizer, group);
            if (own.empty() && groups > 1) {
                own = "pg" + std::to_string(group + 1);
            }
            if (std::ranges::find(taken, own) != taken.end()) {
                throw ConfigError("LearningRateMonitor: " + name +
                                  " has two parameter groups of the name \"" + own +
                                  "\". Give each a name of its own.");
            }
            taken.push_back(own);
            const std::string full = own.empty() ? name : name + "/" + own;
            lines_.push_back({index, group, interval, MetricNames::intern(full),
                              MetricNames::intern(full + "-momentum"),
                              MetricNames::intern(full + "-weight_decay")});
        }
    }

    void send(auto& trainer, Interval now) {
        row_.clear();
        if (all_groups(trainer) != groups_) {  // a finetuning has unfrozen layers
            name_lines(trainer);
        }
        static_cast<void>(trainer.callback_metrics());  // read before it is added to, as Lightning's; so it is up to date
        const double factor = detail::learning_rate_factor(trainer.components(), trainer.global_step());
        if (detail::replaces_schedule(trainer.components())) {  // begun after training: its rhythm is another one
            trainer.for_each_scheduler([&](auto& slot, auto& /*optimizer*/) {
                for (Line& line : lines_) {
                    line.interval = line.optimizer == slot.optimizer_index ? std::optional(slot.interval) : line.interval;
                }
            });
        }
        for (const Line& line : lines_) {
            if (!options_.logging_interval && line.interval && line.interval != now) {
                continue;
            }
            trainer.for_each_optimizer([&](auto index, auto& optimizer) {
                if (static_cast<std::size_t>(index) != line.optimizer) {
                    return;
                }
                put(trainer, line.lr, factor * learning_rate(optimizer, line.group));
                if (options_.log_momentum) {
                    put(trainer, line.momentum, momentum_of(optimizer, line.group));
                }
                if (options_.log_weight_decay) {
                    put(trainer, line.weight_decay, weight_decay_of(optimizer, line.group));
                }
            });
        }
        trainer.log_metrics(row_);
    }
    void put(auto& trainer, MetricId id, double value) {
        trainer.set_callback_metric(id, value);
        row_.push_back({MetricNames::name(id), value});
    }

    LearningRateMonitorOptions options_;
    std::vector<Line> lines_;
    std::size_t groups_ = 0;  ///< of all optimizers, when the lines were named
    std::vector<Scalar> row_;
};

}  // namespace lit
