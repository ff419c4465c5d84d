// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/detail/held_callable.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/throughput.hpp>
#include <lit/loggers/logger.hpp>

#include <ATen/core/grad_mode.h>
#include <c10/core/Device.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit {

/// No number of items in a sample.
struct NoLength {};

/// Logs how fast a run goes, every `log_every_n_steps`:
/// `lit::ThroughputMonitor{[](const auto& batch) { return batch.data.size(0); }, {.window_size = 50}}`.
///
/// batch_size_fn(batch)  the samples of a batch.
/// length_fn(batch)      behind it, where wanted: the items (tokens) in these samples.
/// Names   `<stage>/` (train, validate, test, predict) and those of Throughput. Flops need a member `flops_per_batch` of the
///         module (a number, or a function without arguments), asked after each batch.
/// Counts  training per accumulation window; the validation inside of a fit takes nothing from the training's rate.
/// Errors  those of Throughput. A count function that cannot be called with the batch does not compile.
/// Cost    rank 0 only. A clock is read for each batch, and on a GPU the host waits for the device each time.
/// Source  Lightning `ThroughputMonitor`. What a device can do at best is given here (`available_flops`); Lightning looks
///         the GPU's name up in a table.
template <class BatchSize, class Length = NoLength>
class ThroughputMonitor {
 public:
    explicit ThroughputMonitor(BatchSize batch_size_fn,
                               ThroughputOptions options = {}) requires std::same_as<Length, NoLength>
        : ThroughputMonitor(std::move(batch_size_fn), NoLength{}, std::move(options)) {}
    /// The trainer knows the `world_size`, so that of the options is not used.
    ThroughputMonitor(BatchSize batch_size_fn, Length length_fn, ThroughputOptions options = {})
        : batch_size_(std::move(batch_size_fn)), length_(std::move(length_fn)), options_(std::move(options)) {
        static_cast<void>(Throughput(options_));  // refuses here rather than when the run begins
    }

    void setup(auto& trainer, auto& module, Stage stage) {
        options_.world_size = trainer.world_size();
        if (stage == Stage::fit) {
            of(RunningStage::training).throughput = Throughput(options_);
            of(RunningStage::validating).throughput = Throughput(options_);
        } else {
            of(running(stage)).throughput = Throughput(options_);
        }
        if (!has_flops(module) && !told_) {
            told_ = true;
            trainer.warn("ThroughputMonitor: the module has no flops_per_batch, so no flops are logged.");
        }
    }
    void on_train_start(auto& trainer, auto& /*module*/) { start(trainer, RunningStage::training); }
    void on_validation_start(auto& trainer, auto& /*module*/) {
        if (!trainer.sanity_checking()) {
            start(trainer, RunningStage::validating);
        }
    }
    void on_test_start(auto& trainer, auto& /*module*/) { start(trainer, RunningStage::testing); }
    void on_predict_start(auto& trainer, auto& /*module*/) { start(trainer, RunningStage::predicting); }

    void on_train_batch_end(auto& trainer, auto& module, const auto& /*outputs*/, const auto& batch) {
        update(trainer, module, batch, RunningStage::training);
        const auto& progress = trainer.progress().batch;
        // Only a closed window has its optimizer step in the time.
        if (progress.is_last_batch || progress.current.ready % trainer.accumulate_grad_batches() == 0) {
            send(trainer, RunningStage::training, std::nullopt);
        }
    }
    void on_validation_batch_end(auto& trainer, auto& module, const auto& /*outputs*/, const auto& batch) {
        if (!trainer.sanity_checking()) {
            const auto stage = RunningStage::validating;
            update(trainer, module, batch, stage);
            send(trainer, stage,
                 trainer.stage() == Stage::fit ? trainer.progress().validation_batch.total.ready
                                               : of(stage).evaluated);
        }
    }
    void on_test_batch_end(auto& trainer, auto& module, const auto& /*outputs*/, const auto& batch) {
        update(trainer, module, batch, RunningStage::testing);
        send(trainer, RunningStage::testing, of(RunningStage::testing).evaluated);
    }
    void on_predict_batch_end(auto& trainer, auto& module, const auto& /*outputs*/, const auto& batch) {
        update(trainer, module, batch, RunningStage::predicting);
        send(trainer, RunningStage::predicting, of(RunningStage::predicting).evaluated);
    }
    void on_validation_end(auto& trainer, auto& /*module*/) {
        if (trainer.sanity_checking() || trainer.stage() != Stage::fit || !trainer.is_global_zero()) {
            return;
        }
        // From the end of the last training batch to that of the last validation batch no training was meant to happen.
        Counts& training = of(RunningStage::training);
        const Counts& validation = of(RunningStage::validating);
        training.began = validation.began + seconds(validation.throughput.last_time()) -
                         seconds(training.throughput.last_time());
    }

 private:
    using Clock = std::chrono::steady_clock;
    struct Counts {
        Throughput throughput{};
        Clock::time_point began{};
        std::int64_t batches = 0;
        std::int64_t samples = 0;
        std::int64_t lengths = 0;
        std::int64_t evaluated = 0;  ///< batches of runs that were no fit: their x
    };

    [[nodiscard]] static Clock::duration seconds(double count) {
        return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
    }
    [[nodiscard]] static RunningStage running(Stage stage) {
        return stage == Stage::validate ? RunningStage::validating
               : stage == Stage::test   ? RunningStage::testing
                                        : RunningStage::predicting;
    }
    [[nodiscard]] static std::string_view word(RunningStage stage) {
        return stage == RunningStage::training     ? "train"
               : stage == RunningStage::validating ? "validate"
               : stage == RunningStage::testing    ? "test"
                                                   : "predict";
    }
    [[nodiscard]] Counts& of(RunningStage stage) { return counts_[static_cast<std::size_t>(stage)]; }

    template <class Module>
    static constexpr bool has_flops(const Module& /*module*/) {
        return requires(Module & module) { static_cast<double>(module.flops_per_batch); }
        || requires(Module & module) { static_cast<double>(module.flops_per_batch()); };
    }
    template <class Module>
    [[nodiscard]] static std::optional<double> flops(Module& module) {
        if constexpr (requires { static_cast<double>(module.flops_per_batch()); }) {
            return static_cast<double>(module.flops_per_batch());
        } else if constexpr (requires { static_cast<double>(module.flops_per_batch); }) {
            return static_cast<double>(module.flops_per_batch);
        } else {
            return std::nullopt;
        }
    }

    void start(auto& trainer, RunningStage stage) {
        Counts& counts = of(stage);
        if (trainer.stage() == Stage::fit) {
            counts.throughput.reset();
            counts.batches = counts.samples = counts.lengths = 0;
        }
        counts.began = Clock::now();
    }
    template <class Batch>
    void update(auto& trainer, auto& module, const Batch& batch, RunningStage stage) {
        static_assert(
            requires(BatchSize & count) { static_cast<std::int64_t>(count(batch)); },
            "lit: the ThroughputMonitor's batch_size_fn cannot be called with this batch. Write "
            "[](const Batch& batch) { return batch.data.size(0); }: the number of samples.");
        if (!trainer.is_global_zero()) {
            return;
        }
        const at::Device device = trainer.device();
        if (!device.is_cpu()) {
            const auto* guard = c10::impl::getDeviceGuardImpl(device.type());
            guard->synchronizeDevice(device.has_index() ? device.index() : c10::DeviceIndex{0});
        }
        Counts& counts = of(stage);
        ThroughputUpdate now{.time = std::chrono::duration<double>(Clock::now() - counts.began).count()};
        const at::NoGradGuard no_grad;
        if constexpr (!std::same_as<Length, NoLength>) {
            static_assert(
                requires(Length & count) { static_cast<std::int64_t>(count(batch)); },
                "lit: the ThroughputMonitor's length_fn cannot be called with this batch. Write "
                "[](const Batch& batch) { return batch.data.numel(); }: the number of items.");
            now.lengths = counts.lengths += static_cast<std::int64_t>(length_(batch));
        }
        now.flops = flops(module);
        now.samples = counts.samples += static_cast<std::int64_t>(batch_size_(batch));
        now.batches = ++counts.batches;
        counts.evaluated += trainer.stage() == Stage::fit ? 0 : 1;
        counts.throughput.update(now);
    }
    void send(auto& trainer, RunningStage stage, std::optional<std::int64_t> step) {
        if (!trainer.is_global_zero() || !trainer.should_update_logs()) {
            return;
        }
        names_.clear();
        values_.clear();
        of(stage).throughput.compute([&](std::string_view name, double value) {
            names_.push_back(std::string(word(stage)) + options_.separator + std::string(name));
            values_.push_back(value);
        });
        if (!step) {
            names_.emplace_back("epoch");
            values_.push_back(static_cast<double>(trainer.current_epoch()));
        }
        row_.clear();
        for (std::size_t i = 0; i < names_.size(); ++i) {
            row_.push_back({names_[i], values_[i]});
        }
        trainer.log_metrics(row_, step);
    }

    [[no_unique_address]] detail::HeldCallable<BatchSize> batch_size_;
    [[no_unique_address]] detail::HeldCallable<Length> length_;
    ThroughputOptions options_;
    std::array<Counts, 6> counts_{};
    bool told_ = false;
    std::vector<std::string> names_{};
    std::vector<double> values_{};
    std::vector<Scalar> row_{};
};

template <class BatchSize>
ThroughputMonitor(BatchSize, ThroughputOptions = {}) -> ThroughputMonitor<BatchSize>;
template <class BatchSize, class Length>
ThroughputMonitor(BatchSize, Length, ThroughputOptions = {}) -> ThroughputMonitor<BatchSize, Length>;

}  // namespace lit
