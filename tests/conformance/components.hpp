// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "module.hpp"
#include "recording.hpp"
#include "support/any_device.hpp"

#include <lit/callbacks/early_stopping.hpp>
#include <lit/callbacks/ema_weight_averaging.hpp>
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_accumulation_scheduler.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/callbacks/learning_rate_monitor.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/stochastic_weight_averaging.hpp>
#include <lit/callbacks/timer.hpp>
#include <lit/callbacks/weight_averaging.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/value.hpp>
#include <lit/loggers/csv_logger.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loggers/tensorboard_logger.hpp>
#include <lit/optim/optimizer.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace conformance {

namespace fs = std::filesystem;

/// Comes first among the callbacks and writes down every hook.
struct Recorder {
    Recording* r;

    void setup(auto& t, auto&, lit::Stage stage) { ordered(t, "setup"), note_stage(t, "setup", stage); }
    void teardown(auto& t, auto&, lit::Stage stage) { ordered(t, "teardown"), note_stage(t, "teardown", stage); }
    void on_fit_start(auto& t) { ordered(t, "on_fit_start"), note(t, "on_fit_start"); }
    void on_fit_end(auto& t) { ordered(t, "on_fit_end"), note(t, "on_fit_end"); }
    void on_sanity_check_start(auto& t) { note(t, "on_sanity_check_start"); }
    void on_sanity_check_end(auto& t) { note(t, "on_sanity_check_end"); }
    void on_train_start(auto& t) { ordered(t, "on_train_start"), note(t, "on_train_start"); }
    void on_train_end(auto& t) { ordered(t, "on_train_end"), note(t, "on_train_end"); }
    void on_train_epoch_start(auto& t) { ordered(t, "on_train_epoch_start"), note(t, "on_train_epoch_start"); }
    void on_train_epoch_end(auto& t) { ordered(t, "on_train_epoch_end"), note(t, "on_train_epoch_end"); }
    void on_train_batch_start(auto& t, auto&, const auto&, std::int64_t i) {
        ordered(t, "on_train_batch_start"), note(t, "on_train_batch_start", i);
    }
    void on_train_batch_end(auto& t, auto&, const auto&, const auto&, std::int64_t i) {
        ordered(t, "on_train_batch_end"), event(t, "on_train_batch_end", i);
        Json rates = Json::array();
        t.for_each_optimizer([&](auto, auto& optimizer) {
            for (std::size_t group = 0; group < lit::group_count(optimizer); ++group) {
                rates.push_back(lit::learning_rate(optimizer, group));
            }
        });
        r->lr.push_back(rates);
        finish(t, "on_train_batch_end", i);
    }
    void on_validation_start(auto& t) { note(t, "on_validation_start"); }
    void on_validation_end(auto& t) { ordered(t, "on_validation_end"), note(t, "on_validation_end"); }
    void on_validation_epoch_start(auto& t) { note(t, "on_validation_epoch_start"); }
    void on_validation_epoch_end(auto& t) { note(t, "on_validation_epoch_end"); }
    void on_validation_batch_start(auto& t, auto&, const auto&, std::int64_t i) {
        note(t, "on_validation_batch_start", i);
    }
    void on_validation_batch_end(auto& t, auto&, const auto&, const auto&, std::int64_t i) {
        note(t, "on_validation_batch_end", i);
    }
    void on_test_start(auto& t) { note(t, "on_test_start"); }
    void on_test_end(auto& t) { note(t, "on_test_end"); }
    void on_test_epoch_start(auto& t) { note(t, "on_test_epoch_start"); }
    void on_test_epoch_end(auto& t) { note(t, "on_test_epoch_end"); }
    void on_test_batch_start(auto& t, auto&, const auto&, std::int64_t i) { note(t, "on_test_batch_start", i); }
    void on_test_batch_end(auto& t, auto&, const auto&, const auto&, std::int64_t i) {
        note(t, "on_test_batch_end", i);
    }
    void on_predict_start(auto& t) { note(t, "on_predict_start"); }
    void on_predict_end(auto& t) { note(t, "on_predict_end"); }
    void on_predict_epoch_start(auto& t) { note(t, "on_predict_epoch_start"); }
    void on_predict_epoch_end(auto& t) { note(t, "on_predict_epoch_end"); }
    void on_predict_batch_start(auto& t, auto&, const auto&, std::int64_t i) { note(t, "on_predict_batch_start", i); }
    void on_predict_batch_end(auto& t, auto&, const auto&, const auto&, std::int64_t i) {
        note(t, "on_predict_batch_end", i);
    }
    void on_before_zero_grad(auto& t) { note(t, "on_before_zero_grad"); }
    void on_before_backward(auto& t) { note(t, "on_before_backward"); }
    void on_after_backward(auto& t) { note(t, "on_after_backward"); }
    void on_before_optimizer_step(auto& t) { note(t, "on_before_optimizer_step"); }
    void on_exception(auto& t) { ordered(t, "on_exception"), note(t, "on_exception"); }
    void on_save_checkpoint(auto& t) { ordered(t, "on_save_checkpoint"), note(t, "on_save_checkpoint"); }
    void on_load_checkpoint(auto& t) { note(t, "on_load_checkpoint"); }

 private:
    void ordered(auto& t, const char* hook) { r->note_order("callback", hook, t.should_stop()); }
    static Place place(auto& t) { return {t.current_epoch(), t.global_step(), t.sanity_checking()}; }
    void event(auto& t, const std::string& hook, std::optional<std::int64_t> batch) {
        r->event("callback", hook, place(t), batch);
    }
    /// Faults and values of the hook.
    void finish(auto& t, const std::string& hook, std::optional<std::int64_t> batch) {
        r->faults("callback", hook, batch, place(t), [&] { t.request_stop("fault"); });
        r->for_each_logged("callback", hook, 0, [&](const Json& spec) {
            const Values values = plain_values(t.current_epoch(), batch);
            t.log(spec["name"].get<std::string>(), values.at(spec.value("value", "one")), log_options(spec));
        });
    }
    void note(auto& t, const std::string& hook, std::optional<std::int64_t> batch = std::nullopt) {
        event(t, hook, batch), finish(t, hook, batch);
    }
    void note_stage(auto& t, const std::string& hook, lit::Stage stage) {
        r->event("callback", hook, place(t), std::string(lit::to_string(stage)));
        finish(t, hook, std::nullopt);
    }
};

/// Comes behind all others and writes down, as `Recorder` does, what those before it have done.
struct Behind {
    Recording* r;

    void setup(auto& t, auto&, lit::Stage) { note(t, "setup"); }
    void on_fit_start(auto& t) { note(t, "on_fit_start"); }
    void on_train_start(auto& t) { note(t, "on_train_start"); }
    void on_train_epoch_start(auto& t) { note(t, "on_train_epoch_start"); }
    void on_train_batch_start(auto& t, auto&, const auto&, std::int64_t) { note(t, "on_train_batch_start"); }
    void on_train_batch_end(auto& t, auto&, const auto&, const auto&, std::int64_t) { note(t, "on_train_batch_end"); }
    void on_validation_end(auto& t) { note(t, "on_validation_end"); }
    void on_train_epoch_end(auto& t) { note(t, "on_train_epoch_end"); }
    void on_train_end(auto& t) { note(t, "on_train_end"); }
    void on_fit_end(auto& t) { note(t, "on_fit_end"); }
    void on_save_checkpoint(auto& t) { note(t, "on_save_checkpoint"); }
    void on_exception(auto& t) { note(t, "on_exception"); }
    void teardown(auto& t, auto&, lit::Stage) { note(t, "teardown"); }

 private:
    void note(auto& t, const char* hook) { r->note_order("behind", hook, t.should_stop()); }
};

/// Writes down every row that reaches the loggers.
struct Sink {
    Recording* r;

    void start(const fs::path&) {}
    void log_metrics(std::span<const lit::Scalar> metrics, std::int64_t step) {
        Json row = Json::object();
        for (const lit::Scalar& scalar : metrics) {
            row[std::string(scalar.name)] = scalar.value;
        }
        r->rows.push_back({step, row});
    }
    void log_hyperparams(const lit::Dict&) {}
    void save() {}
    void finalize(std::string_view) {}
    [[nodiscard]] std::string name() const { return "sink"; }
    [[nodiscard]] std::string version() const { return "0"; }
    [[nodiscard]] fs::path save_dir() const { return {}; }
    [[nodiscard]] fs::path log_dir() const { return {}; }
};
static_assert(lit::LoggerPolicy<Sink>);

inline lit::Limit limit(const Json& value) {
    return value.is_number_integer() ? lit::Limit(value.get<std::int64_t>()) : lit::Limit(value.get<double>());
}

inline lit::TrainerOptions trainer_options(const Json& spec, const fs::path& root) {
    lit::TrainerOptions options{.default_root_dir = root};
    for (const auto& [key, value] : spec.items()) {
        if (key == "max_epochs") {
            options.max_epochs = value.get<std::int64_t>();
        } else if (key == "min_epochs") {
            options.min_epochs = value.get<std::int64_t>();
        } else if (key == "max_steps") {
            options.max_steps = value;
        } else if (key == "min_steps") {
            options.min_steps = value.get<std::int64_t>();
        } else if (key == "log_every_n_steps") {
            options.log_every_n_steps = value;
        } else if (key == "limit_train_batches") {
            options.limit_train_batches = limit(value);
        } else if (key == "limit_val_batches") {
            options.limit_val_batches = limit(value);
        } else if (key == "limit_test_batches") {
            options.limit_test_batches = limit(value);
        } else if (key == "limit_predict_batches") {
            options.limit_predict_batches = limit(value);
        } else if (key == "overfit_batches") {
            options.overfit_batches = limit(value);
        } else if (key == "num_sanity_val_steps") {
            options.num_sanity_val_steps = value;
        } else if (key == "val_check_interval") {
            options.val_check_interval = value.is_number_integer() ? lit::ValCheckInterval(value.get<std::int64_t>())
                                                                   : lit::ValCheckInterval(value.get<double>());
        } else if (key == "check_val_every_n_epoch") {
            options.check_val_every_n_epoch =
                value.is_null() ? std::nullopt : std::optional(value.get<std::int64_t>());
        } else if (key == "fast_dev_run") {
            options.fast_dev_run = value.is_boolean() ? (value.get<bool>() ? 1 : 0) : value.get<std::int64_t>();
        } else if (key == "max_time") {
            options.max_time = std::chrono::seconds(value.get<std::int64_t>());
        } else if (key == "reload_dataloaders_every_n_epochs") {
            options.reload_dataloaders_every_n_epochs = value;
        } else if (key == "inference_mode") {
            options.inference_mode = value;
        } else if (key != "accumulate_grad_batches" && !key.starts_with("gradient_clip")) {
            throw std::invalid_argument("scenario: trainer option " + key + " is not known to this runner");
        }
    }
    return options;
}

using EarlyStopping = lit::EarlyStopping<>;
using Checkpoint = lit::ModelCheckpoint<>;
/// Another type for each of several checkpoint callbacks, so that `trainer.get` tells them apart.
template <int N>
struct Further : Checkpoint {
    using Checkpoint::Checkpoint;
};
/// Stands where a component is that does not compile with a module that optimizes by hand.
template <int N>
struct Nothing {
    void on_fit_end(auto& /*trainer*/, auto& /*module*/) const {}
};
template <bool Automatic>
using Schedule = std::conditional_t<Automatic, lit::GradientAccumulationScheduler, Nothing<0>>;
template <bool Automatic>
using Average = std::conditional_t<Automatic, lit::WeightAveraging<>, Nothing<1>>;
template <bool Automatic>
using MovingAverage = std::conditional_t<Automatic, lit::EMAWeightAveraging, Nothing<2>>;

template <bool Automatic>
using Swa = std::conditional_t<Automatic, lit::StochasticWeightAveraging<>, Nothing<3>>;

/// In the order in which oracle.py gives them; the checkpoint callbacks come first there, and are called last.
template <bool Automatic>
using Trainer = lit::Trainer<lit::SingleDevice, lit::Fp32, Recorder, std::optional<Checkpoint>,
                             std::optional<Further<0>>, std::optional<Further<1>>, std::optional<Further<2>>,
                             std::optional<EarlyStopping>, std::optional<lit::LearningRateMonitor>,
                             std::optional<lit::Timer>, std::optional<Schedule<Automatic>>,
                             std::optional<Average<Automatic>>, std::optional<MovingAverage<Automatic>>,
                             std::optional<Swa<Automatic>>, std::optional<Behind>,
                             std::optional<lit::GradientAccumulation>, std::optional<lit::GradientClip>,
                             std::optional<Sink>, std::optional<lit::CSVLogger>, std::optional<lit::TensorBoardLogger>>;

inline lit::Mode mode(const Json& spec) { return spec.value("mode", "min") == "min" ? lit::Mode::minimize : lit::Mode::maximize; }

inline std::optional<EarlyStopping> early_stopping(const Json& callbacks) {
    if (!callbacks.contains("early_stopping") || callbacks["early_stopping"].is_null()) {
        return std::nullopt;
    }
    const Json& c = callbacks["early_stopping"];
    lit::EarlyStoppingOptions options{.monitor = c["monitor"].get<std::string>(),
                                      .min_delta = c.value("min_delta", 0.0),
                                      .patience = c.value("patience", std::int64_t{3}),
                                      .mode = mode(c)};
    options.strict = c.value("strict", true);
    options.check_finite = c.value("check_finite", true);
    if (c.contains("stopping_threshold")) {
        options.stopping_threshold = c["stopping_threshold"].get<double>();
    }
    if (c.contains("divergence_threshold")) {
        options.divergence_threshold = c["divergence_threshold"].get<double>();
    }
    if (c.contains("check_on_train_epoch_end")) {
        options.check_on_train_epoch_end = c["check_on_train_epoch_end"].get<bool>();
    }
    return EarlyStopping{options};
}

inline lit::ModelCheckpointOptions checkpoint_options(const Json& c, const fs::path& root) {
    lit::ModelCheckpointOptions options{.dirpath = root / c.value("dirpath", "ckpt")};
    options.monitor = c.value("monitor", "");
    options.mode = mode(c);
    options.save_top_k = c.value("save_top_k", std::int64_t{1});
    options.filename = c.value("filename", "");
    options.auto_insert_metric_name = c.value("auto_insert_metric_name", true);
    if (c.contains("save_last")) {
        options.save_last = c["save_last"].is_string() ? lit::SaveLast(lit::SaveLast::link)
                                                       : lit::SaveLast(c["save_last"].get<bool>());
    }
    if (c.contains("every_n_epochs")) {
        options.every_n_epochs = c["every_n_epochs"].get<std::int64_t>();
    }
    if (c.contains("every_n_train_steps")) {
        options.every_n_train_steps = c["every_n_train_steps"].get<std::int64_t>();
    }
    if (c.contains("save_on_train_epoch_end")) {
        options.save_on_train_epoch_end = c["save_on_train_epoch_end"].get<bool>();
    }
    if (c.contains("train_time_interval")) {
        options.train_time_interval = std::chrono::seconds(c["train_time_interval"].get<std::int64_t>());
    }
    options.save_weights_only = c.value("save_weights_only", false);
    options.save_on_exception = c.value("save_on_exception", false);
    options.enable_version_counter = c.value("enable_version_counter", true);
    return options;
}
inline std::optional<Checkpoint> checkpoint(const Json& callbacks, const fs::path& root) {
    if (!callbacks.contains("checkpoint") || callbacks["checkpoint"].is_null()) {
        return std::nullopt;
    }
    return Checkpoint{checkpoint_options(callbacks["checkpoint"], root)};
}
/// The N-th of several.
template <int N>
std::optional<Further<N>> checkpoint(const Json& callbacks, const fs::path& root) {
    if (!callbacks.contains("checkpoints") || callbacks["checkpoints"].size() <= N) {
        return std::nullopt;
    }
    return Further<N>{checkpoint_options(callbacks["checkpoints"][N], root)};
}

inline std::optional<lit::LearningRateMonitor> lr_monitor(const Json& callbacks) {
    if (!callbacks.contains("lr_monitor") || callbacks["lr_monitor"].is_null()) {
        return std::nullopt;
    }
    lit::LearningRateMonitorOptions options;
    if (const std::string interval = callbacks["lr_monitor"].value("logging_interval", ""); !interval.empty()) {
        options.logging_interval = interval == "step" ? lit::Interval::step : lit::Interval::epoch;
    }
    return lit::LearningRateMonitor{options};
}

inline std::optional<lit::Timer> timer(const Json& callbacks) {
    if (!callbacks.contains("timer") || callbacks["timer"].is_null()) {
        return std::nullopt;
    }
    const Json& c = callbacks["timer"];
    return lit::Timer{{.duration = std::chrono::seconds(c["duration"].get<std::int64_t>()),
                       .interval = c.value("interval", "step") == "step" ? lit::Interval::step : lit::Interval::epoch,
                       .verbose = false}};
}
template <bool Automatic>
std::optional<Schedule<Automatic>> accumulation_schedule(const Json& callbacks) {
    if constexpr (Automatic) {
        if (callbacks.contains("accumulation_schedule")) {
            std::map<std::int64_t, std::int64_t> windows;
            for (const auto& [epoch, batches] : callbacks["accumulation_schedule"].items()) {
                windows[std::stoll(epoch)] = batches;
            }
            return lit::GradientAccumulationScheduler{windows};
        }
    }
    return std::nullopt;
}
template <bool Automatic>
std::optional<Average<Automatic>> average(const Json& callbacks) {
    if constexpr (Automatic) {
        if (callbacks.contains("averaging") && callbacks["averaging"]["kind"] == "equal") {
            return lit::WeightAveraging{};
        }
    }
    return std::nullopt;
}
template <bool Automatic>
std::optional<MovingAverage<Automatic>> moving_average(const Json& callbacks) {
    if constexpr (Automatic) {
        if (callbacks.contains("averaging") && callbacks["averaging"]["kind"] == "ema") {
            const Json& c = callbacks["averaging"];
            lit::EMAWeightAveragingOptions options{.decay = c.value("decay", 0.999),
                                                   .update_every_n_steps = c.value("update_every_n_steps", std::int64_t{1})};
            if (c.contains("update_starting_at_step")) {
                options.update_starting_at_step = c["update_starting_at_step"].get<std::int64_t>();
            }
            if (c.contains("update_starting_at_epoch")) {
                options.update_starting_at_epoch = c["update_starting_at_epoch"].get<std::int64_t>();
            }
            return lit::EMAWeightAveraging{options};
        }
    }
    return std::nullopt;
}

template <bool Automatic>
std::optional<Swa<Automatic>> swa(const Json& callbacks) {
    if constexpr (Automatic) {
        if (callbacks.contains("swa")) {
            const Json& c = callbacks["swa"];
            lit::StochasticWeightAveragingOptions options;
            if (c["swa_lrs"].is_array()) {
                options.swa_lrs = c["swa_lrs"].get<std::vector<double>>();
            } else {
                options.swa_lrs = c["swa_lrs"].get<double>();
            }
            if (c.contains("swa_epoch_start")) {
                if (c["swa_epoch_start"].is_number_integer()) {
                    options.swa_epoch_start = c["swa_epoch_start"].get<std::int64_t>();
                } else {
                    options.swa_epoch_start = c["swa_epoch_start"].get<double>();
                }
            }
            options.annealing_epochs = c.value("annealing_epochs", std::int64_t{10});
            options.annealing_strategy =
                c.value("annealing_strategy", "cos") == "cos" ? lit::AnnealingStrategy::cos : lit::AnnealingStrategy::linear;
            return lit::StochasticWeightAveraging{options};
        }
    }
    return std::nullopt;
}

/// A real logger, where the scenario names its kind.
template <class Logger>
std::optional<Logger> logger(const Json& scenario, const std::string& kind, const fs::path& root) {
    for (const Json& name : scenario.value("loggers", Json::array())) {
        if (name == kind) {
            return Logger{{.save_dir = root.string(), .name = kind}};
        }
    }
    return std::nullopt;
}

/// Options of a trainer that are components here.
inline std::optional<lit::GradientAccumulation> accumulation(const Json& spec) {
    std::optional<lit::GradientAccumulation> component;
    if (spec.contains("accumulate_grad_batches")) {
        component.emplace(spec["accumulate_grad_batches"].get<std::int64_t>());
    }
    return component;
}
inline std::optional<lit::GradientClip> clip(const Json& spec) {
    std::optional<lit::GradientClip> component;
    if (spec.contains("gradient_clip_val") && !spec["gradient_clip_val"].is_null()) {
        const bool by_value = spec.value("gradient_clip_algorithm", "norm") == "value";
        component.emplace(spec["gradient_clip_val"].get<double>(),
                          by_value ? lit::ClipAlgorithm::value : lit::ClipAlgorithm::norm);
    }
    return component;
}
inline std::optional<Behind> behind(Recording& r) {
    return r.scenario.value("observe_order", false) ? std::optional(Behind{&r}) : std::nullopt;
}

template <bool Automatic>
std::unique_ptr<Trainer<Automatic>> build(Recording& r, const fs::path& root, const Json& extra) {
    Json spec = r.scenario.value("trainer", Json::object());
    spec.update(extra);
    const Json callbacks = r.scenario.value("callbacks", Json::object());
    const std::optional<Sink> sink = r.scenario.value("logger", true) ? std::optional(Sink{&r}) : std::nullopt;
    return std::make_unique<Trainer<Automatic>>(
        lit::testing::any_device(), lit::Fp32{}, trainer_options(spec, root), Recorder{&r},
        checkpoint(callbacks, root), checkpoint<0>(callbacks, root), checkpoint<1>(callbacks, root),
        checkpoint<2>(callbacks, root), early_stopping(callbacks), lr_monitor(callbacks), timer(callbacks),
        accumulation_schedule<Automatic>(callbacks), average<Automatic>(callbacks), moving_average<Automatic>(callbacks),
        swa<Automatic>(callbacks), behind(r), accumulation(spec), clip(spec), sink, logger<lit::CSVLogger>(r.scenario, "csv", root),
        logger<lit::TensorBoardLogger>(r.scenario, "tensorboard", root));
}

}  // namespace conformance
