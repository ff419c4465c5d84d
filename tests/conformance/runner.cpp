// SPDX-License-Identifier: Apache-2.0
// conformance DIR: runs every DIR/NAME.scenario.json with lit::Trainer and writes what was observed to
// DIR/NAME.lit.json, in the form of SCENARIO.md. Everything goes through the public interface: an ordinary module, an
// ordinary recording callback, an ordinary logger. What a scenario chooses at run time is an std::optional or an
// std::variant; automatic and manual optimization are two modules.
#include <lit/callbacks/early_stopping.hpp>
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/callbacks/learning_rate_monitor.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/optim/adam.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/cosine_annealing_lr.hpp>
#include <lit/optim/exponential_lr.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/optim/step_lr.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace {

namespace fs = std::filesystem;
namespace F = torch::nn::functional;
using Json = nlohmann::json;

constexpr std::int64_t features = 8;
constexpr std::int64_t classes = 4;

/// The exception that a scenario asks to be thrown.
struct Fault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum class Answer { nothing, skip, none };

/// What one run of a scenario writes down, and the faults it is asked to commit.
struct Recording {
    Json scenario;
    Json hooks = Json::array();
    Json train_loss = Json::array();
    Json lr = Json::array();
    Json rows = Json::array();

    void event(const char* who, const std::string& hook, std::int64_t epoch, std::int64_t step) {
        hooks.push_back({who, hook, epoch, step});
    }
    template <class Detail>
    void event(const char* who, const std::string& hook, std::int64_t epoch, std::int64_t step, const Detail& detail) {
        hooks.push_back({who, hook, epoch, step, detail});
    }
    template <class Stop>
    Answer faults(const std::string& who, const std::string& hook, std::optional<std::int64_t> batch,
                  std::int64_t epoch, bool sanity_checking, Stop&& stop) const {
        if (sanity_checking || !module().contains("faults")) {
            return Answer::nothing;
        }
        for (const Json& fault : module()["faults"]) {
            if (fault["who"] != who || fault["hook"] != hook ||
                (fault.contains("epoch") && fault["epoch"] != epoch) ||
                (fault.contains("batch") && (!batch || fault["batch"] != *batch))) {
                continue;
            }
            const std::string action = fault["action"];
            if (action == "raise") {
                throw Fault(who + "." + hook);
            }
            if (action == "interrupt") {
                throw lit::KeyboardInterrupt();
            }
            if (action == "stop") {
                stop();
            }
            if (action == "skip" || action == "none") {
                return action == "skip" ? Answer::skip : Answer::none;
            }
        }
        return Answer::nothing;
    }
    [[nodiscard]] const Json& module() const { return scenario["module"]; }
};

lit::LogOptions log_options(const Json& spec) {
    lit::LogOptions options;
    options.prog_bar = spec.value("prog_bar", false);
    options.logger = spec.value("logger", true);
    if (spec.contains("on_step")) {
        options.on_step = spec["on_step"].get<bool>();
    }
    if (spec.contains("on_epoch")) {
        options.on_epoch = spec["on_epoch"].get<bool>();
    }
    const std::string reduce = spec.value("reduce_fx", "mean");
    options.reduce_fx = reduce == "max"   ? lit::Reduce::maximum
                        : reduce == "min" ? lit::Reduce::minimum
                        : reduce == "sum" ? lit::Reduce::sum
                                          : lit::Reduce::mean;
    options.add_dataloader_idx = spec.value("add_dataloader_idx", true);
    return options;
}

using Optimizer = std::variant<lit::SGD, lit::Adam, lit::AdamW>;
using Scheduler = std::variant<lit::StepLR, lit::ExponentialLR, lit::CosineAnnealingLR, lit::ReduceLROnPlateau>;
using Config = lit::OptimizerConfig<Optimizer, std::optional<lit::LRSchedulerConfig<Scheduler>>>;

Optimizer make_optimizer(const Json& spec, std::vector<at::Tensor> parameters) {
    const std::string name = spec["name"];
    const double lr = spec["lr"];
    if (name == "sgd") {
        return lit::SGD{std::move(parameters),
                        {.lr = lr,
                         .momentum = spec.value("momentum", 0.0),
                         .weight_decay = spec.value("weight_decay", 0.0),
                         .nesterov = spec.value("nesterov", false)}};
    }
    if (name == "adam") {
        return lit::Adam{std::move(parameters), {.lr = lr, .weight_decay = spec.value("weight_decay", 0.0)}};
    }
    return lit::AdamW{std::move(parameters), {.lr = lr, .weight_decay = spec.value("weight_decay", 0.01)}};
}

std::optional<lit::LRSchedulerConfig<Scheduler>> make_scheduler(const Json& module) {
    if (!module.contains("scheduler") || module["scheduler"].is_null()) {
        return std::nullopt;
    }
    const Json& spec = module["scheduler"];
    const std::string kind = spec["kind"];
    const auto schedule = [&]() -> Scheduler {
        if (kind == "step") {
            return lit::StepLR{{.step_size = spec["step_size"], .gamma = spec["gamma"]}};
        }
        if (kind == "exponential") {
            return lit::ExponentialLR{{.gamma = spec["gamma"]}};
        }
        if (kind == "cosine") {
            return lit::CosineAnnealingLR{{.t_max = spec["t_max"]}};
        }
        return lit::ReduceLROnPlateau{
            {.mode = spec.value("mode", "min") == "min" ? lit::Mode::minimize : lit::Mode::maximize,
             .factor = spec["factor"],
             .patience = spec["patience"]}};
    };
    return lit::LRSchedulerConfig<Scheduler>{
        .scheduler = schedule(),
        .interval = spec.value("interval", "epoch") == "step" ? lit::Interval::step : lit::Interval::epoch,
        .frequency = spec.value("frequency", std::int64_t{1}),
        .monitor = spec.value("monitor", ""),
        .strict = spec.value("strict", true)};
}

/// One linear layer; every hook writes down that it was called, then does what Lightning does by default.
template <bool Automatic>
struct Net : lit::Module<Net<Automatic>> {
    static constexpr bool automatic_optimization = Automatic;

    explicit Net(Recording& recording) : r(recording) {
        fc = this->register_module("fc", torch::nn::Linear(features, classes));
        const torch::NoGradGuard no_grad;
        for (std::int64_t row = 0; row < classes; ++row) {
            for (std::int64_t column = 0; column < features; ++column) {
                const double w = 0.1 * std::cos(1.3 * static_cast<double>(row) + 0.7 * static_cast<double>(column));
                fc->weight.index_put_({row, column}, w);
            }
            fc->bias.index_put_({row}, 0.05 * (static_cast<double>(row) - 1.0));
        }
        if (optimizer_count() == 2) {
            scale = this->register_parameter("scale", torch::ones({1}));
        }
    }

    torch::Tensor forward(const torch::Tensor& x) {
        const auto y = fc->forward(x);
        return scale.defined() ? y * scale : y;
    }

    // --- steps ---

    auto training_step(auto& trainer, const lit::Example& batch, std::int64_t batch_idx) {
        const Answer answer = note("training_step", batch_idx);
        const auto loss = F::cross_entropy(forward(batch.data), batch.target);
        r.train_loss.push_back(loss.template item<double>());
        log_all("training_step", {{"loss", loss},
                                  {"batch_idx", static_cast<double>(batch_idx)},
                                  {"epoch", static_cast<double>(this->current_epoch())},
                                  {"one", 1.0}});
        if constexpr (Automatic) {
            return answer == Answer::none ? std::optional<torch::Tensor>() : std::optional(loss);
        } else {
            for (auto& optimizer : trainer.optimizers()) {
                trainer.toggle_optimizer(optimizer);
                const auto part = F::cross_entropy(forward(batch.data), batch.target);
                optimizer.zero_grad();
                trainer.manual_backward(part);
                optimizer.step();
                trainer.untoggle_optimizer(optimizer);
            }
        }
    }
    void validation_step(const lit::Example& batch, std::int64_t batch_idx) {
        note("validation_step", batch_idx);
        evaluate("validation_step", batch, batch_idx);
    }
    void test_step(const lit::Example& batch, std::int64_t batch_idx) {
        note("test_step", batch_idx);
        evaluate("test_step", batch, batch_idx);
    }
    torch::Tensor predict_step(const lit::Example& batch, std::int64_t batch_idx) {
        note("predict_step", batch_idx);
        return forward(batch.data);
    }
    auto configure_optimizers() {
        r.event("module", "configure_optimizers", this->current_epoch(), this->global_step());
        const Json& m = r.module();
        const Json spec = m.value("optimizer", Json{{"name", "sgd"}, {"lr", 0.1}});
        if constexpr (Automatic) {
            return Config{.optimizer = make_optimizer(spec, this->parameters()), .lr_scheduler = make_scheduler(m)};
        } else {
            std::vector<Config> configs;
            if (optimizer_count() == 2) {
                configs.push_back({.optimizer = make_optimizer(spec, fc->parameters()), .lr_scheduler = make_scheduler(m)});
                configs.push_back({.optimizer = make_optimizer(spec, {scale}), .lr_scheduler = std::nullopt});
            } else {
                configs.push_back({.optimizer = make_optimizer(spec, this->parameters()), .lr_scheduler = make_scheduler(m)});
            }
            return configs;
        }
    }

    // --- hooks ---

    void prepare_data() { note("prepare_data"); }
    void setup(lit::Stage stage) { note_stage("setup", stage); }
    void teardown(lit::Stage stage) { note_stage("teardown", stage); }
    void configure_model() { note("configure_model"); }
    void on_fit_start() { note("on_fit_start"); }
    void on_fit_end() { note("on_fit_end"); }
    void on_train_start() { note("on_train_start"); }
    void on_train_end() { note("on_train_end"); }
    void on_train_epoch_start() { note("on_train_epoch_start"); }
    void on_train_epoch_end() { epoch_end("on_train_epoch_end"); }
    lit::Next on_train_batch_start(const lit::Example&, std::int64_t batch_idx) {
        return note("on_train_batch_start", batch_idx) == Answer::skip ? lit::Next::skip_epoch : lit::Next::go_on;
    }
    void on_train_batch_end(const auto&, const lit::Example&, std::int64_t batch_idx) {
        note("on_train_batch_end", batch_idx);
    }
    void on_validation_start() { note("on_validation_start"); }
    void on_validation_end() { note("on_validation_end"); }
    void on_validation_epoch_start() { note("on_validation_epoch_start"); }
    void on_validation_epoch_end() { epoch_end("on_validation_epoch_end"); }
    void on_validation_batch_start(const lit::Example&, std::int64_t batch_idx) {
        note("on_validation_batch_start", batch_idx);
    }
    void on_validation_batch_end(const auto&, const lit::Example&, std::int64_t batch_idx) {
        note("on_validation_batch_end", batch_idx);
    }
    void on_validation_model_eval() { note("on_validation_model_eval"), this->eval(); }
    void on_validation_model_train() { note("on_validation_model_train"), this->train(); }
    void on_validation_model_zero_grad() { note("on_validation_model_zero_grad"), this->zero_grad(); }
    void on_test_start() { note("on_test_start"); }
    void on_test_end() { note("on_test_end"); }
    void on_test_epoch_start() { note("on_test_epoch_start"); }
    void on_test_epoch_end() { epoch_end("on_test_epoch_end"); }
    void on_test_batch_start(const lit::Example&, std::int64_t batch_idx) { note("on_test_batch_start", batch_idx); }
    void on_test_batch_end(const auto&, const lit::Example&, std::int64_t batch_idx) {
        note("on_test_batch_end", batch_idx);
    }
    void on_test_model_eval() { note("on_test_model_eval"), this->eval(); }
    void on_test_model_train() { note("on_test_model_train"), this->train(); }
    void on_predict_start() { note("on_predict_start"); }
    void on_predict_end() { note("on_predict_end"); }
    void on_predict_epoch_start() { note("on_predict_epoch_start"); }
    void on_predict_epoch_end() { epoch_end("on_predict_epoch_end"); }
    void on_predict_batch_start(const lit::Example&, std::int64_t batch_idx) {
        note("on_predict_batch_start", batch_idx);
    }
    void on_predict_batch_end(const auto&, const lit::Example&, std::int64_t batch_idx) {
        note("on_predict_batch_end", batch_idx);
    }
    void on_predict_model_eval() { note("on_predict_model_eval"), this->eval(); }
    lit::Example on_before_batch_transfer(const lit::Example& batch) { return note("on_before_batch_transfer"), batch; }
    lit::Example transfer_batch_to_device(const lit::Example& batch, const torch::Device& device) {
        note("transfer_batch_to_device");
        return {batch.data.to(device), batch.target.to(device)};
    }
    lit::Example on_after_batch_transfer(const lit::Example& batch) { return note("on_after_batch_transfer"), batch; }
    void on_before_zero_grad(auto&) { note("on_before_zero_grad"); }
    void on_before_backward(const torch::Tensor&) { note("on_before_backward"); }
    void backward(const torch::Tensor& loss) { note("backward"), loss.backward(); }
    void on_after_backward() { note("on_after_backward"); }
    void on_before_optimizer_step(auto&) { note("on_before_optimizer_step"); }
    void optimizer_step(std::int64_t, std::int64_t, auto& optimizer, auto& closure) {
        note("optimizer_step"), optimizer.step(closure);
    }
    void optimizer_zero_grad(std::int64_t, std::int64_t, auto& optimizer) {
        note("optimizer_zero_grad"), optimizer.zero_grad(true);
    }
    void configure_gradient_clipping(auto& trainer, auto& optimizer, std::optional<double> value,
                                     lit::ClipAlgorithm algorithm) {
        note("configure_gradient_clipping"), trainer.clip_gradients(optimizer, value, algorithm);
    }
    void lr_scheduler_step(auto& scheduler, std::optional<double> metric) {
        note("lr_scheduler_step"), scheduler.step(metric);
    }
    void on_save_checkpoint(lit::Dict&) { note("on_save_checkpoint"); }
    void on_load_checkpoint(const lit::Dict&) { note("on_load_checkpoint"); }

    Recording& r;
    torch::nn::Linear fc{nullptr};
    torch::Tensor scale;

 private:
    [[nodiscard]] std::int64_t optimizer_count() const { return r.module().value("optimizers", std::int64_t{1}); }

    Answer note(const std::string& hook, std::optional<std::int64_t> batch = std::nullopt) {
        if (batch) {
            r.event("module", hook, this->current_epoch(), this->global_step(), *batch);
        } else {
            r.event("module", hook, this->current_epoch(), this->global_step());
        }
        return r.faults("module", hook, batch, this->current_epoch(), this->sanity_checking(),
                        [this] { this->request_stop("fault"); });
    }
    void note_stage(const std::string& hook, lit::Stage stage) {
        r.event("module", hook, this->current_epoch(), this->global_step(), std::string(lit::to_string(stage)));
        r.faults("module", hook, std::nullopt, this->current_epoch(), this->sanity_checking(),
                 [this] { this->request_stop("fault"); });
    }
    [[nodiscard]] double wave() const { return std::cos(0.9 * static_cast<double>(this->current_epoch())); }
    void epoch_end(const std::string& hook) {
        note(hook);
        log_all(hook, {{"one", 1.0}, {"epoch", static_cast<double>(this->current_epoch())}, {"wave", wave()}});
    }
    void evaluate(const std::string& hook, const lit::Example& batch, std::int64_t batch_idx) {
        const auto out = forward(batch.data);
        log_all(hook, {{"loss", F::cross_entropy(out, batch.target)},
                       {"acc", (out.argmax(1) == batch.target).to(torch::kFloat).mean()},
                       {"batch_idx", static_cast<double>(batch_idx)},
                       {"epoch", static_cast<double>(this->current_epoch())},
                       {"one", 1.0},
                       {"wave", wave()}});
    }
    void log_all(const std::string& hook, const std::map<std::string, lit::Number>& values) {
        if (!r.module().contains("log")) {
            return;
        }
        for (const Json& spec : r.module()["log"]) {
            if (spec["hook"] == hook) {
                this->log(spec["name"].get<std::string>(), values.at(spec.value("value", "loss")), log_options(spec));
            }
        }
    }
};

/// Comes first among the callbacks and writes down every hook.
struct Recorder {
    Recording* r;

    void setup(auto& t, auto&, lit::Stage stage) { note_stage(t, "setup", stage); }
    void teardown(auto& t, auto&, lit::Stage stage) { note_stage(t, "teardown", stage); }
    void on_fit_start(auto& t) { note(t, "on_fit_start"); }
    void on_fit_end(auto& t) { note(t, "on_fit_end"); }
    void on_sanity_check_start(auto& t) { note(t, "on_sanity_check_start"); }
    void on_sanity_check_end(auto& t) { note(t, "on_sanity_check_end"); }
    void on_train_start(auto& t) { note(t, "on_train_start"); }
    void on_train_end(auto& t) { note(t, "on_train_end"); }
    void on_train_epoch_start(auto& t) { note(t, "on_train_epoch_start"); }
    void on_train_epoch_end(auto& t) { note(t, "on_train_epoch_end"); }
    void on_train_batch_start(auto& t, auto&, const auto&, std::int64_t i) { note(t, "on_train_batch_start", i); }
    void on_train_batch_end(auto& t, auto&, const auto&, const auto&, std::int64_t i) {
        event(t, "on_train_batch_end", i);
        Json rates = Json::array();
        t.for_each_optimizer([&](auto, auto& optimizer) {
            for (std::size_t group = 0; group < lit::group_count(optimizer); ++group) {
                rates.push_back(lit::learning_rate(optimizer, group));
            }
        });
        r->lr.push_back(rates);
        faults(t, "on_train_batch_end", i);
    }
    void on_validation_start(auto& t) { note(t, "on_validation_start"); }
    void on_validation_end(auto& t) { note(t, "on_validation_end"); }
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
    void on_exception(auto& t) { note(t, "on_exception"); }
    void on_save_checkpoint(auto& t) { note(t, "on_save_checkpoint"); }
    void on_load_checkpoint(auto& t) { note(t, "on_load_checkpoint"); }

 private:
    void event(auto& t, const std::string& hook, std::optional<std::int64_t> batch) {
        if (batch) {
            r->event("callback", hook, t.current_epoch(), t.global_step(), *batch);
        } else {
            r->event("callback", hook, t.current_epoch(), t.global_step());
        }
    }
    void faults(auto& t, const std::string& hook, std::optional<std::int64_t> batch) {
        r->faults("callback", hook, batch, t.current_epoch(), t.sanity_checking(), [&] { t.request_stop("fault"); });
    }
    void note(auto& t, const std::string& hook, std::optional<std::int64_t> batch = std::nullopt) {
        event(t, hook, batch), faults(t, hook, batch);
    }
    void note_stage(auto& t, const std::string& hook, lit::Stage stage) {
        r->event("callback", hook, t.current_epoch(), t.global_step(), std::string(lit::to_string(stage)));
        faults(t, hook, std::nullopt);
    }
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

lit::Limit limit(const Json& value) {
    return value.is_number_integer() ? lit::Limit(value.get<std::int64_t>()) : lit::Limit(value.get<double>());
}

lit::TrainerOptions trainer_options(const Json& spec, const fs::path& root) {
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
        } else if (key != "accumulate_grad_batches" && !key.starts_with("gradient_clip")) {
            throw std::invalid_argument("scenario: trainer option " + key + " is not known to this runner");
        }
    }
    return options;
}

using EarlyStopping = lit::EarlyStopping<>;
using Checkpoint = lit::ModelCheckpoint<>;
using Trainer = lit::Trainer<lit::SingleDevice, lit::Fp32, Recorder, std::optional<EarlyStopping>,
                             std::optional<lit::LearningRateMonitor>, std::optional<lit::GradientAccumulation>,
                             std::optional<lit::GradientClip>, std::optional<Sink>, std::optional<Checkpoint>>;

lit::Mode mode(const Json& spec) { return spec.value("mode", "min") == "min" ? lit::Mode::minimize : lit::Mode::maximize; }

std::optional<EarlyStopping> early_stopping(const Json& callbacks) {
    if (!callbacks.contains("early_stopping") || callbacks["early_stopping"].is_null()) {
        return std::nullopt;
    }
    const Json& c = callbacks["early_stopping"];
    lit::EarlyStoppingOptions options{.monitor = c["monitor"].get<std::string>(),
                                      .min_delta = c.value("min_delta", 0.0),
                                      .patience = c.value("patience", std::int64_t{3}),
                                      .mode = mode(c)};
    if (c.contains("check_on_train_epoch_end")) {
        options.check_on_train_epoch_end = c["check_on_train_epoch_end"].get<bool>();
    }
    return EarlyStopping{options};
}

std::optional<Checkpoint> checkpoint(const Json& callbacks, const fs::path& root) {
    if (!callbacks.contains("checkpoint") || callbacks["checkpoint"].is_null()) {
        return std::nullopt;
    }
    const Json& c = callbacks["checkpoint"];
    lit::ModelCheckpointOptions options{.dirpath = root / "ckpt"};
    options.monitor = c.value("monitor", "");
    options.mode = mode(c);
    options.save_top_k = c.value("save_top_k", std::int64_t{1});
    options.filename = c.value("filename", "");
    options.auto_insert_metric_name = c.value("auto_insert_metric_name", true);
    if (c.contains("save_last")) {
        options.save_last = c["save_last"].get<bool>();
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
    return Checkpoint{options};
}

std::optional<lit::LearningRateMonitor> lr_monitor(const Json& callbacks) {
    if (!callbacks.contains("lr_monitor") || callbacks["lr_monitor"].is_null()) {
        return std::nullopt;
    }
    lit::LearningRateMonitorOptions options;
    if (const std::string interval = callbacks["lr_monitor"].value("logging_interval", ""); !interval.empty()) {
        options.logging_interval = interval == "step" ? lit::Interval::step : lit::Interval::epoch;
    }
    return lit::LearningRateMonitor{options};
}

std::unique_ptr<Trainer> build(Recording& r, const fs::path& root, const Json& extra) {
    Json spec = r.scenario.value("trainer", Json::object());
    spec.update(extra);
    const Json callbacks = r.scenario.value("callbacks", Json::object());
    std::optional<lit::GradientAccumulation> accumulation;
    if (spec.contains("accumulate_grad_batches")) {
        accumulation.emplace(spec["accumulate_grad_batches"].get<std::int64_t>());
    }
    std::optional<lit::GradientClip> clip;
    if (spec.contains("gradient_clip_val") && !spec["gradient_clip_val"].is_null()) {
        const bool by_value = spec.value("gradient_clip_algorithm", "norm") == "value";
        clip.emplace(spec["gradient_clip_val"].get<double>(),
                     by_value ? lit::ClipAlgorithm::value : lit::ClipAlgorithm::norm);
    }
    const std::optional<Sink> sink = r.scenario.value("logger", true) ? std::optional(Sink{&r}) : std::nullopt;
    return std::make_unique<Trainer>(lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, lit::Fp32{},
                                     trainer_options(spec, root), Recorder{&r}, early_stopping(callbacks),
                                     lr_monitor(callbacks), accumulation, clip, sink, checkpoint(callbacks, root));
}

using Batches = std::vector<lit::Example>;

Batches loader(const Json& data, int shift, std::int64_t batches) {
    const std::int64_t size = data.value("batch_size", std::int64_t{4});
    const std::int64_t samples = batches * size - (batches > 0 ? data.value("ragged", std::int64_t{0}) : 0);
    Batches all;
    for (std::int64_t begin = 0; begin < samples; begin += size) {
        const std::int64_t count = std::min(size, samples - begin);
        auto x = torch::empty({count, features});
        auto y = torch::empty({count}, torch::kLong);
        for (std::int64_t n = 0; n < count; ++n) {
            const std::int64_t i = begin + n;
            for (std::int64_t j = 0; j < features; ++j) {
                x.index_put_({n, j}, std::sin(0.37 * static_cast<double>(i + 1) * static_cast<double>(j + 1) + shift));
            }
            y.index_put_({n}, (3 * i + shift) % classes);
        }
        all.emplace_back(x, y);
    }
    return all;
}

Json table(const lit::MetricTable& metrics) {
    Json all = Json::object();
    for (const auto& item : metrics.items()) {
        all[lit::MetricNames::name(item.id)] = item.number.value();
    }
    return all;
}

template <bool Automatic>
Json record(const Json& scenario, const fs::path& root) {
    Recording r{.scenario = scenario};
    const Json& data = r.scenario["data"];
    Json trace{{"scenario", scenario["name"]}, {"status", nullptr}, {"error", nullptr}};
    std::unique_ptr<Trainer> trainer;
    auto net = std::make_unique<Net<Automatic>>(r);
    const Batches train = loader(data, 0, data["train"]);
    std::vector<Batches> val;
    for (const Json& batches : data.value("val", Json::array())) {
        val.push_back(loader(data, 1, batches));
    }
    try {
        trainer = build(r, root, Json::object());
        bool interrupted = false;
        for (const Json& action : scenario["run"]) {
            const std::string what = action.is_string() ? action : action["do"];
            r.hooks.push_back({"run", what, trainer->current_epoch(), trainer->global_step()});
            if (what == "fit") {
                interrupted = !trainer->fit(*net, train, val).finished();
            } else if (what == "validate") {
                trace["results"].push_back(trainer->validate(*net, val, {.verbose = false}));
            } else if (what == "test") {
                trace["results"].push_back(trainer->test(*net, loader(data, 2, data["test"]), {.verbose = false}));
            } else if (what == "predict") {
                Json sums = Json::array();
                const Batches batches = loader(data, 3, data["predict"]);
                for (const auto& of_loader : trainer->predict(*net, batches)) {
                    for (const torch::Tensor& prediction : of_loader) {
                        sums.push_back(prediction.sum().template item<double>());
                    }
                }
                trace["predictions"].push_back(sums);
            } else if (what == "resume") {
                trainer = build(r, root, action.value("trainer", Json::object()));
                net = std::make_unique<Net<Automatic>>(r);
                const fs::path path = root / "ckpt" / action["from"].get<std::string>();
                interrupted = !trainer->fit(*net, train, val, {.ckpt_path = path.string()}).finished();
            } else {
                throw std::invalid_argument("scenario: action " + what + " is not known to this runner");
            }
            if (interrupted) {
                break;
            }
        }
        trace["status"] = interrupted ? "interrupted" : "finished";
        if (!interrupted) {
            Json weights = Json::array();
            for (const auto& parameter : net->parameters()) {
                const auto flat = parameter.detach().flatten().contiguous();
                for (std::int64_t i = 0; i < flat.numel(); ++i) {
                    weights.push_back(static_cast<double>(flat.template data_ptr<float>()[i]));
                }
            }
            trace["weights"] = weights;
            const Json callbacks = scenario.value("callbacks", Json::object());
            if (callbacks.contains("checkpoint") && !callbacks["checkpoint"].is_null()) {
                const auto& c = trainer->template get<Checkpoint>();
                trace["best_model_path"] = fs::path(c.best_model_path()).filename().string();
                trace["best_model_score"] = nullptr;
                if (c.best_model_score()) {
                    trace["best_model_score"] = *c.best_model_score();
                }
                trace["last_model_path"] = fs::path(c.last_model_path()).filename().string();
            }
            if (callbacks.contains("early_stopping") && !callbacks["early_stopping"].is_null()) {
                const auto& e = trainer->template get<EarlyStopping>();
                trace["stopped_epoch"] = e.stopped_epoch();
                trace["wait_count"] = e.wait_count();
            }
        }
    } catch (const lit::Interrupt&) {
        trace["status"] = "interrupted";
    } catch (const Fault& fault) {
        trace["status"] = "raised";
        trace["error"] = fault.what();
    } catch (const lit::Error& error) {
        trace["status"] = "error";
        trace["error"] = error.what();
    } catch (const std::exception& error) {
        trace["status"] = "crashed";
        trace["error"] = error.what();
    }
    if (trainer) {
        trace["end"] = {{"epoch", trainer->current_epoch()},
                        {"global_step", trainer->global_step()},
                        {"should_stop", trainer->should_stop()}};
        trace["callback_metrics"] = table(trainer->callback_metrics());
        trace["logged_metrics"] = table(trainer->logged_metrics());
        trace["progress_bar_metrics"] = table(trainer->progress_bar_metrics());
    }
    std::vector<std::string> files;
    if (fs::is_directory(root / "ckpt")) {
        for (const auto& entry : fs::directory_iterator(root / "ckpt")) {
            files.push_back(entry.path().filename().string());
        }
    }
    std::ranges::sort(files);
    trace["files"] = files;
    trace["hooks"] = std::move(r.hooks);
    trace["train_loss"] = std::move(r.train_loss);
    trace["lr"] = std::move(r.lr);
    trace["logger"] = std::move(r.rows);
    return trace;
}

fs::path temporary_folder() {
    std::string pattern = (fs::temp_directory_path() / "lit-conformance-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        throw std::runtime_error("cannot make a folder in " + fs::temp_directory_path().string());
    }
    return pattern;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2 || !fs::is_directory(argv[1])) {
        std::fprintf(stderr, "usage: conformance DIR   (a folder of NAME.scenario.json)\n");
        return 2;
    }
    at::set_num_threads(1);
    std::vector<fs::path> scenarios;
    for (const auto& entry : fs::directory_iterator(argv[1])) {
        if (entry.path().string().ends_with(".scenario.json")) {
            scenarios.push_back(entry.path());
        }
    }
    std::ranges::sort(scenarios);
    for (const fs::path& path : scenarios) {
        const Json scenario = Json::parse(std::ifstream(path));
        const fs::path root = temporary_folder();
        const bool automatic = scenario.value("module", Json::object()).value("automatic_optimization", true);
        const Json trace = automatic ? record<true>(scenario, root) : record<false>(scenario, root);
        fs::remove_all(root);
        std::string target = path.string();
        target.replace(target.size() - std::string(".scenario.json").size(), std::string::npos, ".lit.json");
        std::ofstream(target) << trace.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
    }
    std::printf("conformance: %zu scenarios run\n", scenarios.size());
    return scenarios.empty() ? 1 : 0;
}
