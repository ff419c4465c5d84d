// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/batch.hpp>
#include <lit/core/interrupt.hpp>
#include <lit/data/loader.hpp>
#include <lit/loops/batches.hpp>
#include <lit/loops/data_source.hpp>
#include <lit/loops/dispatch.hpp>
#include <lit/loops/evaluation_loop.hpp>
#include <lit/loops/loader_shares.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit::detail {

/// Runs `predict_step` over one loader or several and keeps what it returns, batch by batch.
template <class Run>
class PredictionLoop {
 public:
    using Source = typename Run::source_type;
    using Module = typename Run::module_type;
    using Loaders = std::remove_reference_t<requested_t<Source, PredictRequest>>;

    explicit PredictionLoop(Run& run) : run_(run) {}
    PredictionLoop(const PredictionLoop&) = delete;
    PredictionLoop& operator=(const PredictionLoop&) = delete;
    ~PredictionLoop() { give_back_loaders(); }

    static auto output_type() {
        return std::type_identity<output_t<moved_batch_t<Run, loaded_batch_t<Source, PredictRequest>>>>{};
    }
    /// Fills in one entry per loader, each with one entry per batch; tensors are on the CPU. Hooks up to the last one of
    /// the run may look at them, so they have to outlive it.
    template <class Predictions>
    void run(Predictions& predictions) {
        setup_data();
        predict(predictions);
    }

 private:
    void setup_data() {
        give_back_loaders();
        loaders_.reset();
        loaders_.set(PredictRequest::ask(run_.source()));
        batches_.clear();
        for_each_loader(loaders_.get(), [&](auto& loader, std::int64_t) {
            using Loader = std::remove_reference_t<decltype(loader)>;
            // Each sample is predicted, whatever the loader was told.
            if constexpr (DropsLast<Loader>) {
                dropped_last_.push_back(loader.drop_last());
                loader.set_drop_last(false);
            }
        });
        share_.emplace(run_, loaders_.get(), ShardOptions{.pad = false});
        for_each_loader(loaders_.get(), [&](auto& loader, std::int64_t) {
            batches_.push_back(
                run_.options().limit_predict_batches.of(loader_size(loader), "limit_predict_batches").value_or(-1));
        });
        run_.set_num_eval_batches(batches_);
    }

    void give_back_loaders() {
        share_.reset();
        if (dropped_last_.empty()) {
            return;
        }
        std::size_t next = 0;
        for_each_loader(loaders_.get(), [&](auto& loader, std::int64_t) {
            if constexpr (DropsLast<std::remove_reference_t<decltype(loader)>>) {
                // A loader that is there twice did not drop the second time that it was asked.
                if (next < dropped_last_.size() && dropped_last_[next++]) {
                    loader.set_drop_last(true);
                }
            }
        });
        dropped_last_.clear();
    }

    template <class Batch>
    using output_t = std::remove_cvref_t<decltype(call_module_hook<hooks::predict_step>(
        std::declval<Run&>(), std::declval<Module&>(), std::declval<const Batch&>(), std::declval<std::int64_t&>(),
        std::declval<std::int64_t&>()))>;

    template <class Predictions>
    void predict(Predictions& predictions) {
        using Output = typename decltype(output_type())::type;
        static_assert(!std::is_void_v<Output>, "lit: predict_step has to return the prediction of its batch.");
        run_.begin_predictions(&predictions);
        bool any = false;
        for (const std::int64_t count : batches_) {
            any |= count != 0;
        }
        if (!any) {
            return;
        }
        RunState& state = run_.state();
        state.results = nullptr;
        state.running = RunningStage::predicting;
        state.progress.validation_batch.reset_on_run();
        run_.keep_modes();
        if constexpr (module_listens<hooks::on_predict_model_eval, Run>) {
            call_module<hooks::on_predict_model_eval>(run_);
        } else {
            run_.module().eval();
        }
        call_all<hooks::on_predict_start>(run_);
        if constexpr (anyone_listens<hooks::on_predict_start, Run, typename Run::components_type>) {
            if (run_.take_reload()) {
                setup_data();
            }
        }
        call_all<hooks::on_predict_epoch_start>(run_);
        for_each_loader(loaders_.get(), [&](auto& loader, std::int64_t loader_idx) {
            auto& outputs = predictions.emplace_back();
            run_.begin_loader();
            const std::int64_t limit = batches_[static_cast<std::size_t>(loader_idx)];
            for_each_batch(loader, wanted_device(run_), 0, limit < 0 ? std::nullopt : std::optional(limit),
                           [&](const auto& batch, std::int64_t batch_idx, bool /*is_last*/, auto& position) {
                               run_.begin_batch(position);
                               with_transferred(run_, batch, loader_idx, [&](const auto& moved) {
                                   outputs.push_back(step<Output>(moved, batch_idx, loader_idx));
                               });
                               if (SignalWatch::interrupted()) {
                                   throw KeyboardInterrupt();
                               }
                               return true;
                           });
        });
        call_all<hooks::on_predict_epoch_end>(run_);
        call_all<hooks::on_predict_end>(run_);
        run_.put_modes_back();
    }

    template <class Output, class Batch>
    Output step(const Batch& batch, std::int64_t batch_idx, std::int64_t loader_idx) {
        run_.state().progress.validation_batch.increment_ready();
        call_all<hooks::on_predict_batch_start>(run_, batch, batch_idx, loader_idx);
        const auto compute = [&]() -> Output {
            [[maybe_unused]] const auto scope = run_.precision().forward_scope(run_.device().type());
            return call_module<hooks::predict_step>(run_, batch, batch_idx, loader_idx);
        };
        Output output = compute();
        call_all<hooks::on_predict_batch_end>(run_, output, batch, batch_idx, loader_idx);
        if constexpr (MappableBatch<Output>) {
            if (!run_.device().is_cpu()) {
                return to_device(std::move(output), at::Device(at::kCPU));
            }
        }
        return output;
    }

    Run& run_;
    HeldLoader<requested_t<Source, PredictRequest>> loaders_;
    std::optional<ShareScope<Loaders>> share_;
    std::vector<std::int64_t> batches_;
    std::vector<bool> dropped_last_;  ///< of each loader that can drop a batch, as it was
};

template <class Run>
struct PredictionsOf {
    using type = std::vector<std::vector<typename decltype(PredictionLoop<Run>::output_type())::type>>;
};

}  // namespace lit::detail
