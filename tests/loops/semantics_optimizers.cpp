// SPDX-License-Identifier: Apache-2.0
// Section 4 of docs/lightning.md: optimizers, schedulers and accumulation.
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/step_lr.hpp>

#include "loops/probe.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using probe::Tape;
using Steps = std::vector<std::int64_t>;

/// Says when its scheduler steps, and what is around it.
template <class Scheduler>
struct Scheduled : probe::LineBase<Scheduled<Scheduler>> {
    Tape* tape;
    Scheduler scheduler;
    Scheduled(Tape& t, Scheduler s) : tape(&t), scheduler(std::move(s)) {}
    at::Tensor training_step(const at::Tensor& batch) {
        tape->push_back("step");
        return this->loss(batch);
    }
    void validation_step(const at::Tensor&) {
        if (!this->sanity_checking()) {
            tape->push_back("val");
            this->template log<"v">(1.0);
        }
    }
    void on_train_batch_end() { tape->push_back("batch_end"); }
    void on_train_epoch_end() { tape->push_back("epoch_end"); }
    void lr_scheduler_step(auto& step, std::optional<double> metric) {
        tape->push_back(metric ? "plateau" : "scheduler");
        step.step(metric);
    }
    auto configure_optimizers() {
        return lit::OptimizerConfig{.optimizer = lit::SGD{this->parameters(), {.lr = 1.0}},
                                    .lr_scheduler = scheduler};
    }
};
template <class Scheduler>
Scheduled(Tape&, Scheduler) -> Scheduled<Scheduler>;

template <class Scheduler, class... Components>
std::string order(lit::TrainerOptions options, std::int64_t batches, Scheduler scheduler,
                  Components... components) {
    Tape tape;
    Scheduled module(tape, std::move(scheduler));
    auto trainer = probe::trainer(std::move(options), std::move(components)...);
    trainer.fit(module, probe::batches(batches), probe::batches(1));
    return probe::joined(tape);
}
auto by_epoch(std::int64_t frequency = 1) {
    return lit::LRSchedulerConfig{.scheduler = lit::StepLR{{.step_size = 1}}, .frequency = frequency};
}
auto by_step(std::int64_t frequency = 1) {
    return lit::LRSchedulerConfig{
        .scheduler = lit::StepLR{{.step_size = 1}}, .interval = lit::Interval::step, .frequency = frequency};
}
auto plateau(lit::Interval interval, std::int64_t frequency = 1) {
    return lit::LRSchedulerConfig{.scheduler = lit::ReduceLROnPlateau{{}},
                                  .interval = interval,
                                  .frequency = frequency,
                                  .monitor = "v"};
}

struct StopsAt {
    std::int64_t step = 0;
    void on_train_batch_end(auto& trainer, auto&) const {
        if (trainer.global_step() == step) {
            trainer.request_stop("enough");
        }
    }
};
struct Saves {
    using Role = lit::role::checkpoint;
    std::filesystem::path path;
    void on_train_epoch_end(auto& trainer, auto&) const { trainer.save_checkpoint(path); }
};

/// Notes after which batches its optimizer stepped, and its gradient where it matters.
struct Window : probe::LineBase<Window> {
    Steps stepped;
    std::vector<double> gradients, after_step, in_validation;
    std::int64_t zeroed = 0;
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch) / batch.mean().detach(); }
    void validation_step(const at::Tensor&) {
        if (!sanity_checking()) {
            in_validation.push_back(gradient());
        }
    }
    [[nodiscard]] double gradient() const {
        return weight.grad().defined() ? weight.grad().item<double>() : -1.0;
    }
    void on_before_optimizer_step() { gradients.push_back(gradient()); }
    void on_before_zero_grad() { ++zeroed; }
    void on_train_batch_end(auto& trainer, const auto&, const at::Tensor&, std::int64_t batch_idx) {
        if (static_cast<std::int64_t>(gradients.size()) > static_cast<std::int64_t>(stepped.size())) {
            stepped.push_back(batch_idx);
            after_step.push_back(gradient());
        }
        static_cast<void>(trainer);
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.0}}; }
};

struct Clipping : probe::LineBase<Clipping> {
    double limit = 0.5;
    lit::ClipAlgorithm algorithm = lit::ClipAlgorithm::norm;
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void configure_gradient_clipping(auto& trainer, auto& optimizer, std::optional<double>,
                                     lit::ClipAlgorithm) {
        trainer.clip_gradients(optimizer, limit, algorithm);
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

struct StepsRaw : probe::LineBase<StepsRaw> {
    static constexpr bool automatic_optimization = false;
    void training_step(auto& trainer, const at::Tensor& batch) {
        auto& handle = trainer.optimizers();
        trainer.manual_backward(loss(batch));
        handle.optimizer().step();
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

/// Lets a closure compute what the step needs.
struct WithClosure : probe::LineBase<WithClosure> {
    static constexpr bool automatic_optimization = false;
    Tape tape;
    void training_step(auto& trainer, const at::Tensor& batch) {
        auto& optimizer = trainer.optimizers();
        optimizer.step([&] {
            tape.push_back("closure");
            optimizer.zero_grad();
            trainer.manual_backward(loss(batch));
            return 0;
        });
    }
    void on_before_optimizer_step() {
        tape.push_back(weight.grad().defined() ? "step" : "step without gradient");
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

}  // namespace

TEST_SUITE("loops/semantics_optimizers") {
    TEST_CASE("schedulers step where Lightning steps them") {
        // The moments that PyTorch Lightning 2.6.6 gives: an epoch's scheduler before the batch's end and the validation,
        // a plateau scheduler after the validation or after the epoch's end.
        CHECK(order({.max_epochs = 1}, 2, by_epoch()) ==
              "step batch_end step scheduler batch_end val epoch_end");
        CHECK(order({.max_epochs = 1}, 2, by_step()) ==
              "step scheduler batch_end step scheduler batch_end val epoch_end");
        CHECK(order({.max_epochs = 1}, 3, by_step(2)) ==
              "step batch_end step scheduler batch_end step batch_end val epoch_end");
        CHECK(order({.max_epochs = 1}, 2, plateau(lit::Interval::epoch)) ==
              "step batch_end step batch_end val epoch_end plateau");
        CHECK(order({.max_epochs = 1, .val_check_interval = 1}, 2, plateau(lit::Interval::step)) ==
              "step batch_end val plateau step batch_end val plateau epoch_end");
        CHECK(order({.max_epochs = 2}, 1, by_epoch(2)) ==
              "step batch_end val epoch_end step scheduler batch_end val epoch_end");
        CHECK(order({.max_epochs = 1}, 3, by_step(), lit::GradientAccumulation{2}) ==
              "step batch_end step scheduler batch_end step scheduler batch_end val epoch_end");
    }

    TEST_CASE("a step scheduler that needs a metric wants it at every step") {
        CHECK_THROWS_WITH_AS(order({.max_epochs = 1}, 2, plateau(lit::Interval::step)),
                             doctest::Contains("\"v\""), lit::ConfigError);
    }

    TEST_CASE(
        "a metric that comes every second epoch is missed in the first, unless the scheduler steps as "
        "seldom") {
        CHECK_THROWS_WITH_AS(
            order({.max_epochs = 2, .check_val_every_n_epoch = 2}, 1, plateau(lit::Interval::epoch)),
            doctest::Contains("\"v\""), lit::ConfigError);
        CHECK(order({.max_epochs = 2, .check_val_every_n_epoch = 2}, 1, plateau(lit::Interval::epoch, 2)) ==
              "step batch_end epoch_end step batch_end val epoch_end plateau");
    }

    TEST_CASE("an epoch that ends before its last batch steps no scheduler of epochs") {
        CHECK(order({.max_steps = 2}, 3, by_epoch()) == "step batch_end step batch_end epoch_end");
        CHECK(order({.max_epochs = 2}, 3, by_epoch(), StopsAt{2}) ==
              "step batch_end step batch_end val epoch_end");
        CHECK(order({.max_steps = 2}, 3, plateau(lit::Interval::epoch)) ==
              "step batch_end step batch_end epoch_end");
    }

    TEST_CASE(
        "a file that is saved at an epoch's end holds an epoch's scheduler after its step, a plateau's "
        "before") {
        const semantics::Folder folder;
        const Saves saves{folder.path() / "a.ckpt"};
        const auto steps = [&] {
            return lit::load_checkpoint(saves.path)
                .at("lr_schedulers")
                .items()
                .at(0)
                .at("last_epoch")
                .to_int();
        };
        order({.max_epochs = 1}, 2, by_epoch(), saves);
        CHECK(steps() == 1);
        order({.max_epochs = 1}, 2, plateau(lit::Interval::epoch), saves);
        CHECK(steps() == 0);
    }

    TEST_CASE("windows close at their length or at the epoch's end, and begin anew with each epoch") {
        struct Row {
            std::int64_t batches, window;
            Steps stepped;
            std::vector<double> gradients;
        };
        for (const Row& row :
             {Row{5, 3, {2, 4, 2, 4}, {1.0, 2.0 / 3.0, 1.0, 2.0 / 3.0}}, Row{2, 4, {1, 1}, {0.5, 0.5}},
              Row{4, 2, {1, 3, 1, 3}, {1.0, 1.0, 1.0, 1.0}}}) {
            CAPTURE(row.batches);
            Window module;
            auto trainer = probe::trainer({.max_epochs = 2}, lit::GradientAccumulation{row.window});
            const auto result = trainer.fit(module, probe::batches(row.batches));
            CHECK(module.stepped == row.stepped);
            CHECK(result.global_step == static_cast<std::int64_t>(row.stepped.size()));
            CHECK(module.zeroed == result.global_step);
            REQUIRE(module.gradients.size() == row.gradients.size());
            for (std::size_t i = 0; i < row.gradients.size(); ++i) {
                CHECK(module.gradients[i] ==
                      doctest::Approx(row.gradients[i]).epsilon(1e-6));  // sums of float thirds
            }
        }
    }

    TEST_CASE(
        "gradients stay after a step until the next window; validation frees them between windows alone") {
        Window module;
        auto trainer =
            probe::trainer({.max_epochs = 1, .val_check_interval = 1}, lit::GradientAccumulation{2});
        trainer.fit(module, probe::batches(4), probe::batches(1));
        CHECK(module.after_step == std::vector<double>{1.0, 1.0});
        CHECK(module.in_validation == std::vector<double>{0.5, -1.0, 0.5, -1.0});
    }

    TEST_CASE("clipping by hand has to agree with the trainer's") {
        Clipping module;
        auto trainer = probe::trainer({.max_epochs = 1});
        trainer.fit(module, std::vector<at::Tensor>{at::full({1}, 4.0)});
        CHECK(module.value() == doctest::Approx(0.5).epsilon(1e-5));  // 1e-6 is added to the norm
        Clipping same;
        auto agreeing = probe::trainer({.max_epochs = 1}, lit::GradientClip{0.5});
        CHECK(agreeing.fit(same, probe::batches(1)).finished());
        Clipping other;
        auto disagreeing = probe::trainer({.max_epochs = 1}, lit::GradientClip{0.25});
        CHECK_THROWS_WITH_AS(disagreeing.fit(other, probe::batches(1)), doctest::Contains("GradientClip"),
                             lit::ConfigError);
        Clipping by_value;
        by_value.algorithm = lit::ClipAlgorithm::value;
        auto by_norm = probe::trainer({.max_epochs = 1}, lit::GradientClip{0.5});
        CHECK_THROWS_WITH_AS(by_norm.fit(by_value, probe::batches(1)), doctest::Contains("GradientClip"),
                             lit::ConfigError);
    }

    TEST_CASE("steps of the raw optimizer do not count") {
        StepsRaw module;
        auto trainer = probe::trainer({.max_epochs = 1, .max_steps = 1});
        CHECK(trainer.fit(module, probe::batches(3)).global_step == 0);
        CHECK(module.value() < -4.0F);
    }

    TEST_CASE("a step by hand may be given a closure, which runs once before the step's hooks") {
        WithClosure module;
        auto trainer = probe::trainer({.max_epochs = 1});
        CHECK(trainer.fit(module, probe::batches(2)).global_step == 2);
        CHECK(probe::joined(module.tape) == "closure step closure step");
        CHECK(module.value() == 1.0F - 1.0F - 2.0F);
    }
}
