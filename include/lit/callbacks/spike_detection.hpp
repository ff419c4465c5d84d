// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/checkpoint/atomic_file.hpp>
#include <lit/core/error.hpp>
#include <lit/core/mode.hpp>
#include <lit/core/number.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace lit {

/// Thrown by SpikeDetection on every rank; the batches to leave out are in its file.
class TrainingSpike : public Error {
 public:
    using Error::Error;
};

struct SpikeDetectionOptions {
    Mode mode = Mode::minimize;      ///< a change in this direction is no spike
    std::int64_t window = 10;        ///< batches of the running mean
    std::int64_t warmup = 1;         ///< batches of each epoch that are not judged
    std::optional<double> atol{};    ///< a spike is at least this far from the running mean; none: any distance
    std::optional<double> rtol = 2.0;  ///< and at least this many times the mean away from it; none: any distance
    std::filesystem::path exclude_batches_path{};  ///< a `.json` file, or a folder; empty: the trainer's default_root_dir
    bool finite_only = true;         ///< a loss that is inf or nan is a spike too
};

/// Ends training where the loss jumps, and writes which batches to leave out when it goes on: the batch at hand, which may be
/// broken, and the one before, which may have broken the weights.
///
/// File    `skip_batches.json`, a list of batch numbers, those of earlier spikes in the checkpoint before them.
/// Units   losses as `on_train_batch_end` sees them: divided by the accumulation window. Each rank judges its own.
/// Errors  TrainingSpike; ConfigError on construction for a window below 1 or a negative warm-up; FileError when the file
///         cannot be written.
/// Cost    waits for the device once a batch, as Lightning's does.
/// Source  Lightning `SpikeDetection`, same rule and file.
class SpikeDetection {
 public:
    explicit SpikeDetection(SpikeDetectionOptions options = {}) : options_(std::move(options)) {
        if (options_.window < 1) {
            throw ConfigError("SpikeDetection: window = " + std::to_string(options_.window) + ", expected 1 batch or more.");
        }
        if (options_.warmup < 0) {
            throw ConfigError("SpikeDetection: warmup = " + std::to_string(options_.warmup) + ", expected 0 batches or more.");
        }
    }

    void on_train_batch_end(auto& trainer, auto& /*module*/, const auto& outputs, const auto& /*batch*/, std::int64_t batch_idx) {
        static_assert(requires { at::Tensor(outputs.loss); },
                      "lit: SpikeDetection needs the loss of each batch. Return it from training_step: a tensor, or a struct "
                      "with a member loss.");
        const at::Tensor loss = outputs.loss;
        if (!loss.defined()) {
            return;
        }
        const double value = Number(loss).value();
        if (trainer.reduce_decision(batch_idx >= options_.warmup && is_spike(value), false)) {
            end_training(trainer, batch_idx);
        }
        if (options_.finite_only || trainer.reduce_decision(std::isfinite(value))) {
            remember(value);
        }
    }

    /// What this and earlier runs found, two for each spike.
    [[nodiscard]] const std::vector<std::int64_t>& bad_batches() const { return bad_batches_; }

    [[nodiscard]] static constexpr const char* state_key() { return "SpikeDetection"; }
    [[nodiscard]] Dict state_dict() const {
        List bad;
        for (const std::int64_t batch : bad_batches_) {
            bad.push_back(batch);
        }
        List running;
        for (const double value : running_) {
            running.push_back(value);
        }
        return Dict{{"last_val", last_}, {"bad_batches", std::move(bad)}, {"running", std::move(running)}};
    }
    void load_state_dict(const Dict& state) {
        last_ = state.at("last_val").to_double();
        bad_batches_.clear();
        for (const Value& batch : state.at("bad_batches").items()) {
            bad_batches_.push_back(batch.to_int());
        }
        running_.clear();
        for (const Value& value : state.at("running").items()) {
            running_.push_back(value.to_double());
        }
    }

 private:
    [[nodiscard]] bool is_spike(double value) const {
        if (options_.finite_only && !std::isfinite(value)) {
            return true;
        }
        const double change = value - last_;
        if (options_.mode == Mode::minimize ? change <= 0.0 : change >= 0.0) {
            return false;
        }
        const double mean = running_mean();
        const double distance = std::abs(value - mean);
        return (!options_.atol || distance >= std::abs(*options_.atol)) &&
               (!options_.rtol || distance >= std::abs(*options_.rtol * mean));
    }
    /// nan before the first value: nothing is a spike against it, unless both tolerances are off.
    [[nodiscard]] double running_mean() const {
        double sum = 0.0;
        double count = 0.0;
        for (const double value : running_) {
            if (!std::isnan(value)) {  // as torchmetrics' MeanMetric leaves them out
                sum += value;
                count += 1.0;
            }
        }
        return count > 0.0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
    }
    void remember(double value) {
        running_.push_back(value);
        if (running_.size() > static_cast<std::size_t>(options_.window)) {
            running_.pop_front();
        }
        last_ = value;
    }
    [[noreturn]] void end_training(auto& trainer, std::int64_t batch_idx) {
        bad_batches_.push_back(batch_idx - 1);
        bad_batches_.push_back(batch_idx);
        std::filesystem::path path =
            options_.exclude_batches_path.empty() ? trainer.default_root_dir() : options_.exclude_batches_path;
        if (path.extension() != ".json") {
            path /= "skip_batches.json";
        }
        if (trainer.is_global_zero()) {
            std::string text = "[";
            for (std::size_t i = 0; i < bad_batches_.size(); ++i) {
                text += (i == 0 ? "\n    " : ",\n    ") + std::to_string(bad_batches_[i]);
            }
            text += "\n]";
            if (path.has_parent_path()) {
                std::error_code ignored;  // where it could not be made, the file says so
                std::filesystem::create_directories(path.parent_path(), ignored);
            }
            AtomicFile file(path);
            file.write(text.data(), text.size());
            file.commit();
        }
        throw TrainingSpike("SpikeDetection: training spike detected in batch " + std::to_string(batch_idx) +
                            ". The batches to leave out are in \"" + path.string() + "\".");
    }

    SpikeDetectionOptions options_;
    std::deque<double> running_;
    double last_ = 0.0;
    std::vector<std::int64_t> bad_batches_;
};

}  // namespace lit
