// SPDX-License-Identifier: Apache-2.0
// Every callback is what it claims to be. It stands here and not in the headers, where it took g++ more than a second of each unit
// that includes lit/lit.hpp: a callback is checked against each hook there is.
#include <lit/callbacks/async_checkpoint.hpp>
#include <lit/callbacks/backbone_finetuning.hpp>
#include <lit/callbacks/device_stats_monitor.hpp>
#include <lit/callbacks/dynamic_batch_size.hpp>
#include <lit/callbacks/early_stopping.hpp>
#include <lit/callbacks/ema_weight_averaging.hpp>
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_accumulation_scheduler.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/callbacks/gradient_monitor.hpp>
#include <lit/callbacks/learning_rate_monitor.hpp>
#include <lit/callbacks/learning_rate_warm_up.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/model_summary.hpp>
#include <lit/callbacks/on_exception_checkpoint.hpp>
#include <lit/callbacks/prediction_writer.hpp>
#include <lit/callbacks/progress_bar.hpp>
#include <lit/callbacks/stochastic_weight_averaging.hpp>
#include <lit/callbacks/stop_file.hpp>
#include <lit/callbacks/timer.hpp>
#include <lit/callbacks/weight_averaging.hpp>
#include <lit/tuner/batch_size_finder.hpp>
#include <lit/tuner/learning_rate_finder.hpp>

namespace lit {
namespace {

static_assert(CallbackPolicy<AsyncCheckpoint> && CheckpointIOPolicy<AsyncCheckpoint>);
static_assert(CallbackPolicy<BackboneFinetuning<>> && StatefulCallback<BackboneFinetuning<>>);
static_assert(CallbackPolicy<DeviceStatsMonitor>);
static_assert(CallbackPolicy<DynamicBatchSize> && SizesBatches<DynamicBatchSize> &&
              StatefulCallback<DynamicBatchSize>);
static_assert(CallbackPolicy<EarlyStopping<"val_loss">> && StatefulCallback<EarlyStopping<"val_loss">>);
static_assert(CallbackPolicy<EMAWeightAveraging> && StatefulCallback<EMAWeightAveraging>);
static_assert(CallbackPolicy<GradientAccumulation> && AccumulatesGradients<GradientAccumulation>);
static_assert(CallbackPolicy<GradientAccumulationScheduler> &&
              AccumulatesGradients<GradientAccumulationScheduler>);
static_assert(CallbackPolicy<GradientClip> && ClipsGradients<GradientClip>);
static_assert(CallbackPolicy<GradientMonitor>);
static_assert(CallbackPolicy<LearningRateMonitor>);
static_assert(CallbackPolicy<LearningRateWarmUp> && ScalesLearningRates<LearningRateWarmUp>);
static_assert(CallbackPolicy<ModelCheckpoint<>> && StatefulCallback<ModelCheckpoint<>>);
static_assert(CallbackPolicy<ModelSummary>);
static_assert(CallbackPolicy<OnExceptionCheckpoint>);
static_assert(CallbackPolicy<PredictionWriter>);
static_assert(CallbackPolicy<ProgressBar>);
static_assert(CallbackPolicy<StochasticWeightAveraging<>> && StatefulCallback<StochasticWeightAveraging<>>);
static_assert(CallbackPolicy<StopFile>);
static_assert(CallbackPolicy<Timer>);
static_assert(CallbackPolicy<WeightAveraging<>> && StatefulCallback<WeightAveraging<>>);
static_assert(CallbackPolicy<BatchSizeFinder<>>);
static_assert(CallbackPolicy<LearningRateFinder<>>);

}  // namespace
}  // namespace lit
