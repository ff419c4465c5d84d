// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/mode.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/optimizer.hpp>
#include <lit/optim/scheduler.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace lit {

/// Whether `threshold` is a part of the best value or an amount.
enum class ThresholdMode : std::uint8_t { rel, abs };

struct ReduceLROnPlateauOptions {
    Mode mode = Mode::minimize;
    double factor = 0.1;         ///< of the rate, when it is lowered
    std::int64_t patience = 10;  ///< steps without improvement that are let pass
    double threshold = 1e-4;     ///< smallest improvement that counts
    ThresholdMode threshold_mode = ThresholdMode::rel;
    std::int64_t cooldown = 0;  ///< steps after a change in which nothing is counted
    double min_lr = 0.0;
    double eps = 1e-8;  ///< smaller changes of the rate are not made
};

/// Lowers the rate once a metric has stopped improving:
/// `lit::ReduceLROnPlateau{{.factor = 0.5, .patience = 3}}`.
///
/// Counts  calls of `step(optimizer, metric)`; needs a `monitor` in its LRSchedulerConfig or OptimizerConfig.
/// Errors  ConfigError on construction: factor >= 1.
/// Source  `torch.optim.lr_scheduler.ReduceLROnPlateau`, bit-equal; one `min_lr` serves all groups.
class ReduceLROnPlateau {
 public:
    explicit ReduceLROnPlateau(ReduceLROnPlateauOptions options = {}) : options_(options), best_(worst()) {
        check();
    }

    void initialize(auto& optimizer) {
        last_epoch_ = 0;
        cooldown_counter_ = 0;
        num_bad_epochs_ = 0;
        best_ = worst();
        min_lrs_.assign(group_count(optimizer), options_.min_lr);
        last_lr_ = learning_rates(optimizer);
    }

    void step(auto& optimizer, double metric) {
        if (min_lrs_.size() > group_count(optimizer) || (min_lrs_.empty() && group_count(optimizer) != 0)) {
            throw ConfigError("ReduceLROnPlateau: the optimizer has " +
                              std::to_string(group_count(optimizer)) +
                              " parameter groups, the schedule was made for " +
                              std::to_string(min_lrs_.size()) + ". Call initialize(optimizer) once before.");
        }
        ++last_epoch_;
        if (improves(metric)) {
            best_ = metric;
            num_bad_epochs_ = 0;
        } else {
            ++num_bad_epochs_;
        }
        if (cooldown_counter_ > 0) {
            --cooldown_counter_;
            num_bad_epochs_ = 0;
        }
        if (num_bad_epochs_ > options_.patience) {
            lower(optimizer);
            cooldown_counter_ = options_.cooldown;
            num_bad_epochs_ = 0;
        }
        last_lr_ = learning_rates(optimizer);
    }

    [[nodiscard]] const std::vector<double>& last_lr() const { return last_lr_; }
    [[nodiscard]] std::int64_t last_epoch() const { return last_epoch_; }
    [[nodiscard]] static constexpr std::string_view name() { return "ReduceLROnPlateau"; }

    [[nodiscard]] Value state_dict() const;

    /// Takes up settings too, as Python does.
    void load_state_dict(const Value& value);

 private:
    void check() const;
    [[nodiscard]] double worst() const {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        return options_.mode == Mode::minimize ? infinity : -infinity;
    }
    [[nodiscard]] bool improves(double value) const {
        if (options_.mode == Mode::minimize) {
            return options_.threshold_mode == ThresholdMode::rel ? value < best_ * (1.0 - options_.threshold)
                                                                 : value < best_ - options_.threshold;
        }
        return options_.threshold_mode == ThresholdMode::rel ? value > best_ * (options_.threshold + 1.0)
                                                             : value > best_ + options_.threshold;
    }
    void lower(auto& optimizer) {
        if (min_lrs_.size() != group_count(optimizer)) {  // groups were added while training
            if (several_min_lrs_) {
                throw ConfigError("ReduceLROnPlateau: the optimizer has " + std::to_string(group_count(optimizer)) +
                                  " parameter groups, the file's min_lr is a list of " +
                                  std::to_string(min_lrs_.size()) +
                                  ". Add no group while training, or begin a new schedule.");
            }
            min_lrs_.assign(group_count(optimizer), options_.min_lr);
        }
        for (std::size_t group = 0; group < min_lrs_.size(); ++group) {
            const double before = learning_rate(optimizer, group);
            const double after = std::max(before * options_.factor, min_lrs_[group]);
            if (before - after > options_.eps) {
                set_learning_rate(optimizer, group, after);
            }
        }
    }

    ReduceLROnPlateauOptions options_;
    std::vector<double> min_lrs_;
    bool several_min_lrs_ = false;  ///< of a file of Python's: each group has its own, and there is none for others
    std::vector<double> last_lr_;
    std::int64_t last_epoch_ = 0;
    double best_;
    std::int64_t cooldown_counter_ = 0;
    std::int64_t num_bad_epochs_ = 0;
};
static_assert(LRSchedulerPolicy<ReduceLROnPlateau> && NeedsMetric<ReduceLROnPlateau>);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/reduce_lr_on_plateau.hpp>
#endif
