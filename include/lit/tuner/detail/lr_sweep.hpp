// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/number.hpp>
#include <lit/core/value.hpp>
#include <lit/loops/optimization.hpp>
#include <lit/optim/optimizer.hpp>
#include <lit/optim/scheduler.hpp>
#include <lit/tuner/lr_find_result.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/scalar_tensor.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace lit::detail {

/// Raises the learning rate of all groups from one bound to the other, a step of the optimizer at a time.
///
/// Step 0 has the lower bound, step k > 0 the position (k + 1) / num_training: 1 / num_training is left out, as in
/// Lightning, so that the last step has the upper bound.
class LRSweep {
 public:
    LRSweep(LRFindMode mode, double min_lr, double max_lr, std::int64_t num_training)
        : mode_(mode), min_lr_(min_lr), max_lr_(max_lr), num_training_(num_training) {}

    void initialize(auto& optimizer) {
        position_ = 0;
        set(optimizer, min_lr_);
    }
    void step(auto& optimizer) {
        ++position_;
        const double r = static_cast<double>(position_ + 1) / static_cast<double>(num_training_);
        set(optimizer, mode_ == LRFindMode::exponential ? min_lr_ * std::pow(max_lr_ / min_lr_, r)
                                                        : min_lr_ + r * (max_lr_ - min_lr_));
    }
    [[nodiscard]] double lr() const { return lr_; }
    [[nodiscard]] std::vector<double> last_lr() const { return {lr_}; }
    [[nodiscard]] static Value state_dict() { return Dict{}; }
    static void load_state_dict(const Value& /*state*/) {}

 private:
    void set(auto& optimizer, double lr) {
        lr_ = lr;
        for (std::size_t group = 0; group < group_count(optimizer); ++group) {
            set_learning_rate(optimizer, group, lr);
        }
    }

    LRFindMode mode_;
    double min_lr_;
    double max_lr_;
    std::int64_t num_training_;
    std::int64_t position_ = 0;
    double lr_ = 0.0;
};
static_assert(LRSchedulerPolicy<LRSweep>);

/// Writes down the learning rate of each step and the smoothed loss after it, and stops once the loss runs away.
///
/// Cost    the host waits for the loss of each batch that closes a window.
class LRRecorder {
 public:
    static constexpr double beta = 0.98;

    LRRecorder(LRCurve& curve, std::optional<double> early_stop_threshold)
        : curve_(&curve), early_stop_threshold_(early_stop_threshold) {}

    void on_train_batch_start(auto& trainer, auto& /*module*/, const auto& /*batch*/,
                              std::int64_t batch_idx) {
        if (closes_window(trainer, batch_idx)) {
            trainer.for_each_scheduler([&](auto& slot, auto&) { curve_->lr.push_back(slot.scheduler.lr()); });
        }
    }
    void on_train_batch_end(auto& trainer, auto& /*module*/, const auto& outputs, const auto& /*batch*/,
                            std::int64_t batch_idx) {
        if (!closes_window(trainer, batch_idx)) {
            return;
        }
        const at::Tensor found = loss_of(outputs);
        if (!found.defined()) {
            curve_->loss.push_back(std::numeric_limits<double>::quiet_NaN());
            return;
        }
        const double loss = Number(found).value();
        const std::int64_t step = trainer.global_step();
        average_ = beta * average_ + (1 - beta) * loss;
        const double smoothed = average_ / (1 - std::pow(beta, static_cast<double>(step + 1)));
        bool diverged = early_stop_threshold_ && step > 1 && smoothed > *early_stop_threshold_ * best_;
        if (trainer.world_size() > 1) {
            diverged =
                Number(trainer.collective().broadcast(at::scalar_tensor(diverged ? 1.0 : 0.0), 0)).value() !=
                0.0;
        }
        if (diverged) {
            trainer.request_stop("lr_find: the loss runs away");
        }
        if (smoothed < best_ || step == 1) {
            best_ = smoothed;
        }
        curve_->loss.push_back(smoothed);
    }

 private:
    [[nodiscard]] static bool closes_window(auto& trainer, std::int64_t batch_idx) {
        return (batch_idx + 1) % trainer.accumulate_grad_batches() == 0;
    }

    LRCurve* curve_;
    std::optional<double> early_stop_threshold_;
    double average_ = 0.0;
    double best_ = 0.0;
};

}  // namespace lit::detail
