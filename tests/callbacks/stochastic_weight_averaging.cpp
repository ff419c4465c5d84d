// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/finetuned.hpp"
#include "callbacks/scripted.hpp"

#include <lit/callbacks/base_finetuning.hpp>
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/stochastic_weight_averaging.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/optim/step_lr.hpp>

#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <torch/nn/modules/batchnorm.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using scripted::Folder;
using Averaging = lit::StochasticWeightAveraging<>;

static_assert(lit::CallbackPolicy<Averaging> && lit::StatefulCallback<Averaging>);
static_assert(lit::ReplacesSchedule<Averaging> && lit::PassesOverData<Averaging>);
static_assert(!std::is_polymorphic_v<Averaging>);
// A trainer without one passes over no data and replaces no schedule.
static_assert(!lit::ReplacesSchedule<lit::GradientAccumulation> &&
              !lit::PassesOverData<lit::GradientAccumulation>);

using Weights = std::vector<double>;
Weights numbers(const at::Tensor& tensor) {
    Weights all;
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
        all.push_back(static_cast<double>(tensor[i].item<float>()));
    }
    return all;
}

struct Plan {
    std::optional<std::int64_t> step_lr{};  ///< StepLR(1, gamma=0.5), by epoch (0) or by step (1)
    bool batch_norm = false;
    double lr = 0.5;
};

// The figures are those of Lightning 2.6.6 with PyTorch 2.11 on a CPU. Its module there:
//   w = Parameter([0.5, -1.0]); SGD(lr=0.5) and, where said, StepLR(optimizer, 1, gamma=0.5)
//   training_step: return (w * x * x).sum() / 3                      rows i of the data: [0.25 * (i + 1), 0.5 * i - 1]
//   with batch norm: bn = BatchNorm1d(2, momentum=0.25); SGD(lr=0.125); x = bn(x)
//                    return (((x * w).sum(1) - 0.5) ** 2).mean()
// 3 batches of 1 row, with batch norm of 4 rows.
struct Net : lit::Module<Net> {
    Plan plan;
    at::Tensor w;
    torch::nn::BatchNorm1d norm{nullptr};
    std::map<std::int64_t, std::vector<double>> rates{};           ///< of each step, by epoch
    std::map<std::int64_t, Weights> begins{};                      ///< of each epoch
    std::vector<std::string> events{};                             ///< of the last epoch
    std::vector<std::pair<std::int64_t, std::int64_t>> windows{};  ///< of the last epoch

    explicit Net(Plan given = {}) : plan(given) {
        w = register_parameter("w", at::tensor({0.5F, -1.0F}));
        if (plan.batch_norm) {
            norm =
                register_module("bn", torch::nn::BatchNorm1d(torch::nn::BatchNormOptions(2).momentum(0.25)));
        }
    }
    void on_train_epoch_start() {
        begins[current_epoch()] = numbers(w);
        events.clear();
        windows.clear();
    }
    at::Tensor training_step(auto& trainer, const at::Tensor& batch) {
        trainer.for_each_optimizer(
            [&](auto, auto& optimizer) { rates[current_epoch()].push_back(lit::learning_rate(optimizer)); });
        windows.emplace_back(trainer.accumulate_grad_batches(), trainer.num_training_batches().value());
        events.push_back("step");
        if (plan.batch_norm) {
            return ((norm(batch) * w).sum(1) - 0.5).square().mean();
        }
        return (w * batch * batch).sum() / 3;
    }
    void validation_step(const at::Tensor& /*batch*/) { events.push_back("val"); }
    void on_before_zero_grad() { events.push_back("zero_grad"); }
    void on_before_backward() { events.push_back("backward"); }
    void on_before_optimizer_step() { events.push_back("optimizer_step"); }
    auto configure_optimizers() {
        std::optional<lit::LRSchedulerConfig<lit::StepLR>> schedule;
        if (plan.step_lr) {
            schedule.emplace(lit::LRSchedulerConfig<lit::StepLR>{
                .scheduler = lit::StepLR{{.step_size = 1, .gamma = 0.5}},
                .interval = *plan.step_lr == 0 ? lit::Interval::epoch : lit::Interval::step});
        }
        return lit::OptimizerConfig{.optimizer = lit::SGD{parameters(), {.lr = plan.lr, .fused = false}},
                                    .lr_scheduler = std::move(schedule)};
    }
};

std::vector<at::Tensor> batches(int count, int rows = 1) {
    std::vector<at::Tensor> all;
    for (int i = 0; i < count; ++i) {
        std::vector<at::Tensor> row;
        for (int j = i * rows; j < (i + 1) * rows; ++j) {
            row.push_back(
                at::tensor({0.25F * static_cast<float>(j + 1), 0.5F * static_cast<float>(j) - 1.0F}));
        }
        all.push_back(at::stack(row));
    }
    return all;
}

template <class... Components>
auto trainer_of(std::int64_t epochs, Components... components) {
    return scripted::trainer({.max_epochs = epochs, .num_sanity_val_steps = 0}, std::move(components)...);
}
std::vector<double> first_rates(const Net& net) {
    std::vector<double> all;
    for (const auto& [epoch, rates] : net.rates) {
        all.push_back(rates.front());
    }
    return all;
}

struct Breaks {
    std::int64_t at = 0;
    void on_train_batch_start(auto& trainer, auto& /*module*/) {
        if (trainer.current_epoch() == at) {
            at = -1;
            throw std::runtime_error("passing");
        }
    }
};

/// Freezes the backbone with its batch norm, for good.
struct Held : lit::BaseFinetuning<Held> {
    void freeze_before_training(auto& module) { freeze(module.backbone, false); }
    void finetune_function(auto& /*module*/, std::int64_t /*epoch*/, auto& /*optimizer*/) {}
};

/// A batch norm without parameters at two places.
struct Twice : lit::Module<Twice> {
    torch::nn::Linear layer{nullptr};
    torch::nn::BatchNorm1d norm{nullptr};

    Twice() {
        layer = register_module("layer", torch::nn::Linear(2, 2));
        norm = register_module("norm", torch::nn::BatchNorm1d(torch::nn::BatchNormOptions(2).affine(false)));
        register_module("again", norm);
    }
    at::Tensor training_step(const lit::Example& batch) { return norm(layer(norm(batch.data))).square().mean(); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.125}}; }
};

}  // namespace

TEST_SUITE("callbacks/stochastic_weight_averaging") {
    TEST_CASE("anneals along a cosine and averages what each epoch begins with") {
        auto trainer =
            trainer_of(5, Averaging{{.swa_lrs = 0.05, .swa_epoch_start = 2, .annealing_epochs = 3}});
        Net net;
        trainer.fit(net, batches(3));
        CHECK(first_rates(net) == std::vector<double>{0.5, 0.5, 0.3875, 0.16250000000000006, 0.05});
        CHECK(net.begins[4] == Weights{0.0479167178273201, -1.6458332538604736});
        CHECK(numbers(net.w) == Weights{0.17643234133720398, -1.4622395038604736});
        CHECK(trainer.global_step() == 15);

        const lit::Dict state = trainer.get<Averaging>().state_dict();
        CHECK(state.at("n_averaged").to_int() == 4);
        CHECK(state.at("latest_update_epoch").to_int() == 4);
        const lit::Value& schedule = state.at("scheduler_state");
        CHECK(schedule.at("_anneal_strategy").equals("cos"));
        CHECK(schedule.at("anneal_epochs").to_int() == 3);
        CHECK(schedule.at("base_lrs").items().front().to_double() == 0.05);
        CHECK(schedule.at("last_epoch").to_int() == 10);
        CHECK(schedule.at("_step_count").to_int() == 5);
        CHECK(schedule.at("_last_lr").items().front().to_double() == 0.05);
        CHECK(numbers(state.at("average_model_state").at("w").tensor()) == numbers(net.w));
        CHECK(std::string(Averaging::state_key()) == "StochasticWeightAveraging");
    }

    TEST_CASE("takes the place of the module's schedule, from a share of max_epochs on, along a line") {
        auto trainer = trainer_of(6, Averaging{{.swa_lrs = 0.05,
                                                .swa_epoch_start = 0.5,
                                                .annealing_epochs = 2,
                                                .annealing_strategy = lit::AnnealingStrategy::linear}});
        Net net{{.step_lr = 0}};
        trainer.fit(net, batches(3));
        CHECK(first_rates(net) == std::vector<double>{0.5, 0.25, 0.125, 0.0875, 0.05, 0.05});
        CHECK(numbers(net.w) == Weights{0.23750001192092896, -1.375});
        CHECK(trainer.get<Averaging>().swa_start() == 2);
        const lit::Dict state = trainer.get<Averaging>().state_dict();
        CHECK(state.at("scheduler_state").at("last_epoch").to_int() ==
              4);  // Lightning sets it for the cosine alone
    }

    TEST_CASE("without annealing the rate is there at once; a schedule by steps becomes one by epochs") {
        auto trainer =
            trainer_of(4, Averaging{{.swa_lrs = 0.05, .swa_epoch_start = 0.5, .annealing_epochs = 0}});
        Net net{{.step_lr = 1}};
        trainer.fit(net, batches(3));
        CHECK(net.rates[0] == std::vector<double>{0.5, 0.25, 0.125});
        CHECK(net.rates[1] == std::vector<double>{0.05, 0.05, 0.05});
        CHECK(numbers(net.w) == Weights{0.4307291507720947, -1.2083333730697632});
    }

    TEST_CASE("the defaults begin at 0.8 of max_epochs and anneal over 10 epochs") {
        auto trainer = trainer_of(5, lit::GradientAccumulation{2}, Averaging{{.swa_lrs = 0.05}});
        Net net;
        trainer.fit(net, batches(3));
        CHECK(first_rates(net) == std::vector<double>{0.5, 0.5, 0.5, 0.5, 0.48898771616640957});
        CHECK(numbers(net.w) == Weights{0.24479170143604279, -1.3645832538604736});
        CHECK(trainer.global_step() == 10);
        CHECK(trainer.get<Averaging>().n_averaged() == 2);
    }

    TEST_CASE("the averaging function may be the user's") {
        const auto average = [](const at::Tensor& averaged, const at::Tensor& current,
                                std::int64_t n_averaged) {
            return 0.5 * averaged + 0.25 * current + n_averaged;
        };
        auto trainer =
            trainer_of(3, lit::StochasticWeightAveraging{
                              {.swa_lrs = 0.05, .swa_epoch_start = 1, .annealing_epochs = 2}, average});
        Net net;
        trainer.fit(net, batches(3));
        CHECK(first_rates(net) == std::vector<double>{0.5, 0.275, 0.05});
        CHECK(numbers(net.w) == Weights{2.737760543823242, 1.7682292461395264});
    }

    TEST_CASE("a fit that does not reach max_epochs keeps its weights") {
        Net net;
        auto trainer =
            scripted::trainer({.max_epochs = 4, .max_steps = 7},
                              Averaging{{.swa_lrs = 0.05, .swa_epoch_start = 2, .annealing_epochs = 2}});
        trainer.fit(net, batches(3));
        CHECK(numbers(net.w) == Weights{0.20260420441627502, -1.5083332061767578});
        CHECK(trainer.get<Averaging>().n_averaged() == 2);

        Net endless;
        auto without_end =
            scripted::trainer({.max_epochs = -1, .max_steps = 8},
                              Averaging{{.swa_lrs = 0.05, .swa_epoch_start = 2, .annealing_epochs = 2}});
        without_end.fit(endless, batches(3));
        CHECK(numbers(endless.w) ==
              Weights{0.2812500298023224, -1.3124998807907104});  // there is no end to reach
    }

    TEST_CASE("batch norms get an epoch without gradients that makes their statistics anew") {
        const Averaging averaging{{.swa_lrs = 0.05, .swa_epoch_start = 2, .annealing_epochs = 2}};
        Net net{{.batch_norm = true, .lr = 0.125}};
        auto trainer = trainer_of(3, averaging);
        trainer.fit(net, batches(3, 4), batches(1, 4));
        CHECK(first_rates(net) == std::vector<double>{0.125, 0.125, 0.0875, 0.05});
        CHECK(net.events == std::vector<std::string>{"step", "step", "step", "optimizer_step", "val"});
        const bool windows =
            net.windows == std::vector<std::pair<std::int64_t, std::int64_t>>{{4, 4}, {4, 4}, {4, 4}};
        CHECK(windows);
        CHECK(numbers(net.w) == Weights{0.6823106408119202, -0.881486713886261});
        CHECK(numbers(net.norm->weight) == Weights{1.084201693534851, 0.8451410531997681});
        CHECK(numbers(net.norm->running_mean) == Weights{1.625, 1.75});
        CHECK(numbers(net.norm->running_var) == Weights{0.1041666641831398, 0.4166666567325592});
        CHECK(net.norm->num_batches_tracked.item<std::int64_t>() == 3);
        CHECK(net.norm->options.momentum() == 0.25);
        CHECK(trainer.global_step() == 10);
        CHECK(trainer.current_epoch() == 4);
        CHECK(trainer.get<Averaging>().state_dict().at("scheduler_state").at("last_epoch").to_int() == 8);

        // Without a validation the last gradients are still there when that epoch steps: so it is in Lightning.
        Net other{{.batch_norm = true, .lr = 0.125}};
        auto no_validation = trainer_of(3, averaging);
        no_validation.fit(other, batches(3, 4));
        CHECK(other.begins[3] == Weights{0.6823106408119202, -0.881486713886261});
        CHECK(numbers(other.w) == Weights{0.6830160021781921, -0.8823794722557068});

        // Of 5 batches 2, in the additional epoch too.
        Net limited{{.batch_norm = true, .lr = 0.125}};
        auto few = scripted::trainer({.max_epochs = 3, .limit_train_batches = 2, .num_sanity_val_steps = 0},
                                     averaging);
        few.fit(limited, batches(5, 4), batches(1, 4));
        CHECK(few.global_step() == 7);
        CHECK(numbers(limited.w) == Weights{0.6694694757461548, -0.8715840578079224});
        CHECK(numbers(limited.norm->running_mean) == Weights{1.125, 0.75});
        CHECK(limited.norm->num_batches_tracked.item<std::int64_t>() == 2);
    }

    TEST_CASE("a batch norm that stands at two places has its momentum again") {
        Twice net;
        auto trainer = scripted::trainer({.max_epochs = 2}, Averaging{{.swa_lrs = 0.05, .swa_epoch_start = 1}});
        trainer.fit(net, scripted::batches(3));
        CHECK(net.norm->options.momentum() == 0.1);
    }

    TEST_CASE("a second fit averages on, at the module's own rates") {
        auto trainer =
            trainer_of(3, Averaging{{.swa_lrs = 0.05, .swa_epoch_start = 2, .annealing_epochs = 2}});
        Net net{{.step_lr = 0}};
        trainer.fit(net, batches(3));
        CHECK(numbers(net.w) == Weights{0.3177083432674408, -1.2604166269302368});
        trainer.options().max_epochs = 5;
        trainer.fit(net, batches(3));
        CHECK(net.rates[3].front() == 0.5);
        CHECK(net.rates[4].front() == 0.25);
        CHECK(numbers(net.w) == Weights{0.28125, -1.3125});
        CHECK(trainer.get<Averaging>().n_averaged() == 4);
    }

    TEST_CASE("a checkpoint holds schedule and average, and a resumed run is the whole one") {
        const Folder folder;
        lit::ModelCheckpointOptions every{.save_top_k = -1, .every_n_epochs = 1};
        every.dirpath = folder.path();
        every.filename = "{epoch}";
        const Averaging averaging{{.swa_lrs = 0.05, .swa_epoch_start = 2, .annealing_epochs = 3}};
        auto trainer = trainer_of(5, averaging, lit::ModelCheckpoint<>{every});
        Net net{{.step_lr = 0}};
        trainer.fit(net, batches(3));
        CHECK(first_rates(net) == std::vector<double>{0.5, 0.25, 0.2, 0.10000000000000003, 0.05});
        CHECK(numbers(net.w) == Weights{0.2630208432674408, -1.3385417461395264});

        const lit::Value saved = lit::load_checkpoint(folder.path() / "epoch=2.ckpt");
        const lit::Value& group =
            saved.at("optimizer_states").items().front().at("param_groups").items().front();
        CHECK(group.at("lr").to_double() == 0.10000000000000003);
        CHECK(group.at("initial_lr").to_double() == 0.05);
        CHECK(group.at("swa_lr").to_double() == 0.05);
        CHECK((group.dict().end() - 1)->first.equals("params"));
        CHECK(saved.at("lr_schedulers").items().front().at("_step_count").to_int() == 3);
        const lit::Value& own = saved.at("callbacks").at("StochasticWeightAveraging");
        CHECK(own.at("n_averaged").to_int() == 2);
        CHECK(own.at("scheduler_state").at("last_epoch").to_int() == 8);
        CHECK(numbers(saved.at("state_dict").at("w").tensor()) == net.begins[3]);

        const lit::Value early = lit::load_checkpoint(folder.path() / "epoch=0.ckpt");
        CHECK(early.at("lr_schedulers").items().front().at("step_size").to_int() == 1);
        CHECK(early.at("callbacks").at("StochasticWeightAveraging").at("scheduler_state").is_none());
        CHECK(early.at("callbacks").at("StochasticWeightAveraging").at("latest_update_epoch").to_int() == -1);

        for (const char* name : {"epoch=0.ckpt", "epoch=2.ckpt"}) {
            CAPTURE(name);
            Net resumed{{.step_lr = 0}};
            auto again = trainer_of(5, averaging);
            again.fit(resumed, batches(3), {.ckpt_path = (folder.path() / name).string()});
            CHECK(resumed.rates[3].front() == 0.10000000000000003);
            CHECK(resumed.begins[4] == net.begins[4]);
            CHECK(numbers(resumed.w) == numbers(net.w));
            CHECK(again.get<Averaging>().n_averaged() == 4);
        }
    }

    TEST_CASE("refuses settings that make no sense") {
        using Options = lit::StochasticWeightAveragingOptions;
        CHECK_THROWS_AS(Averaging{Options{}}, lit::ConfigError);
        CHECK_THROWS_AS((Averaging{{.swa_lrs = -0.5}}), lit::ConfigError);
        CHECK_THROWS_AS((Averaging{{.swa_lrs = std::vector<double>{0.1, -1.0}}}), lit::ConfigError);
        CHECK_THROWS_AS((Averaging{{.swa_lrs = std::vector<double>{}}}), lit::ConfigError);
        CHECK_THROWS_AS((Averaging{{.swa_lrs = 0.1, .swa_epoch_start = 0}}), lit::ConfigError);
        CHECK_THROWS_AS((Averaging{{.swa_lrs = 0.1, .swa_epoch_start = 1.5}}), lit::ConfigError);
        CHECK_THROWS_AS((Averaging{{.swa_lrs = 0.1, .swa_epoch_start = -0.1}}), lit::ConfigError);
        CHECK_THROWS_AS((Averaging{{.swa_lrs = 0.1, .annealing_epochs = -1}}), lit::ConfigError);

        Net net;
        auto endless = scripted::trainer({.max_epochs = -1, .max_steps = 3}, Averaging{{.swa_lrs = 0.1}});
        CHECK_THROWS_AS(endless.fit(net, batches(3)), lit::ConfigError);
        auto two_rates =
            trainer_of(1, Averaging{{.swa_lrs = std::vector<double>{0.05, 0.1}, .swa_epoch_start = 1}});
        CHECK_THROWS_AS(two_rates.fit(net, batches(3)), lit::ConfigError);
    }
    TEST_CASE("an exception in the last pass gives batch norms their momentum, and the next fit its windows") {
        Net net{{.batch_norm = true, .lr = 0.125}};
        auto trainer = trainer_of(3, Breaks{3}, Averaging{{.swa_lrs = 0.05, .swa_epoch_start = 2}});
        CHECK_THROWS_WITH(trainer.fit(net, batches(3, 4)), "passing");
        CHECK(net.norm->options.momentum() == 0.25);
        trainer.options().max_epochs = 4;
        const std::int64_t before = trainer.global_step();
        trainer.fit(net, batches(3, 4));
        CHECK(trainer.global_step() - before == 3 + 1);  // an epoch of training, and the step that ends the pass
    }

    TEST_CASE("a batch norm that a finetuning holds keeps its statistics") {
        finetuned::Net<> module;
        const at::Tensor mean = at::full({3}, 0.25), variance = at::full({3}, 2.0);
        module.norm().running_mean.copy_(mean);
        module.norm().running_var.copy_(variance);
        auto trainer =
            scripted::trainer({.max_epochs = 3}, Held{}, Averaging{{.swa_lrs = 0.05, .swa_epoch_start = 1}});
        trainer.fit(module, finetuned::data());
        CHECK(module.norm().running_mean.equal(mean));
        CHECK(module.norm().running_var.equal(variance));
    }
}
