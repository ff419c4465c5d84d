// SPDX-License-Identifier: Apache-2.0
#include <lit/loops/optimization.hpp>

#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/step_lr.hpp>

#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <limits>
#include <optional>
#include <tuple>

namespace {

/// The loss that the end hooks of the batches were given.
struct Losses {
    std::vector<double>* losses;
    void on_train_batch_end(auto&, auto&, const auto& outputs) {
        losses->push_back(outputs.loss.defined() ? outputs.loss.template item<double>() : -1.0);
    }
};

struct Sometimes : probe::LineBase<Sometimes> {
    std::int64_t backwards = 0;
    std::optional<at::Tensor> training_step(const at::Tensor& batch, std::int64_t batch_idx) {
        return batch_idx == 1 ? std::nullopt : std::optional(loss(batch));
    }
    void on_after_backward() { ++backwards; }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

struct WithExtras {
    at::Tensor loss;
    std::int64_t correct = 0;
};
struct Extras : probe::LineBase<Extras> {
    std::vector<std::int64_t> seen;
    bool attached = false;
    WithExtras training_step(const at::Tensor& batch, std::int64_t batch_idx) {
        return {loss(batch), batch_idx + 7};
    }
    void on_train_batch_end(const WithExtras& outputs) {
        seen.push_back(outputs.correct);
        attached |= outputs.loss.requires_grad();
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

struct ByHand : lit::Module<ByHand> {
    static constexpr bool automatic_optimization = false;
    at::Tensor first, second;
    probe::Tape tape;
    std::vector<std::int64_t> steps;

    ByHand() {
        first = register_parameter("first", at::ones({1}));
        second = register_parameter("second", at::ones({1}));
    }
    void training_step(auto& trainer, const at::Tensor& batch) {
        auto& [one, two] = trainer.optimizers();
        steps.push_back(trainer.global_step());
        update(trainer, one, batch);
        CHECK(trainer.global_step() == steps.back() + 1);
        update(trainer, two, batch);
    }
    void update(auto& trainer, auto& optimizer, const at::Tensor& batch) {
        trainer.toggle_optimizer(optimizer);
        tape.push_back(std::string(first.requires_grad() ? "1" : "-") + (second.requires_grad() ? "2" : "-"));
        optimizer.zero_grad();
        trainer.manual_backward((first * second * batch).mean());
        optimizer.step();
        trainer.untoggle_optimizer(optimizer);
    }
    void on_before_backward(const at::Tensor&) { tape.push_back("B"); }
    void on_before_optimizer_step(auto&) { tape.push_back("S"); }
    void on_before_zero_grad(auto&) { tape.push_back("Z"); }
    auto configure_optimizers() {
        return std::tuple{lit::SGD{std::vector<at::Tensor>{first}, {.lr = 0.5}},
                          lit::SGD{std::vector<at::Tensor>{second}, {.lr = 0.25}}};
    }
};

struct NoClosure : probe::LineBase<NoClosure> {
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void optimizer_step(std::int64_t, std::int64_t, auto& /*optimizer*/, const auto& /*closure*/) {}
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

struct Stepped : probe::LineBase<Stepped> {
    std::vector<std::int64_t> at;
    at::Tensor training_step(const at::Tensor& batch, std::int64_t batch_idx) {
        batch_ = batch_idx + 1;
        return loss(batch);
    }
    void lr_scheduler_step(auto& scheduler, std::optional<double> metric) {
        at.push_back(batch_);
        scheduler.step(metric);
    }
    auto configure_optimizers() {
        return lit::OptimizerConfig{
            .optimizer = lit::SGD{parameters(), {.lr = 1.0}},
            .lr_scheduler = lit::LRSchedulerConfig{
                .scheduler = lit::StepLR{{.step_size = 1}}, .interval = lit::Interval::step, .frequency = 3}};
    }

 private:
    std::int64_t batch_ = 0;
};

struct Plateau : probe::LineBase<Plateau> {
    bool strict = true;
    at::Tensor training_step(const at::Tensor& batch) {
        log("other", 1.0, {.on_epoch = true});
        return loss(batch);
    }
    auto configure_optimizers() {
        return lit::OptimizerConfig{
            .optimizer = lit::SGD{parameters(), {.lr = 1.0}},
            .lr_scheduler = lit::LRSchedulerConfig{
                .scheduler = lit::ReduceLROnPlateau{{}}, .monitor = "val_loss", .strict = strict}};
    }
};

}  // namespace

TEST_SUITE("loops/optimization") {
    TEST_CASE("gradients of a window are means over its length, also of a short one") {
        // Lightning divides by the window's nominal length: (1+2+3)/3, then (4+5)/3.
        probe::Line module;
        auto train = probe::batches(5);
        std::vector<double> losses;
        auto trainer = probe::trainer({.max_epochs = 1}, lit::GradientAccumulation{3}, Losses{&losses});
        const lit::FitResult result = trainer.fit(module, train);
        CHECK(result.global_step == 2);
        CHECK(module.value() == doctest::Approx(1.0 - 2.0 - 3.0).epsilon(1e-6));  // float sums of thirds
        CHECK(losses[0] == doctest::Approx(1.0 / 3.0).epsilon(1e-6));
        CHECK(trainer.progress_bar_metrics().empty());
    }

    TEST_CASE("clipping limits the norm or the values, and 0 limits nothing") {
        struct Row {
            double limit;
            lit::ClipAlgorithm algorithm;
            float weight;
        };
        auto train = std::vector<at::Tensor>{at::full({2}, 4.0)};
        for (const Row& row :
             {Row{0.5, lit::ClipAlgorithm::norm, 0.5F}, Row{0.5, lit::ClipAlgorithm::value, 0.5F},
              Row{9.0, lit::ClipAlgorithm::norm, -3.0F}, Row{0.0, lit::ClipAlgorithm::norm, -3.0F},
              Row{-1.0, lit::ClipAlgorithm::value, -3.0F}}) {
            CAPTURE(row.limit);
            probe::Line module;
            auto trainer = probe::trainer({.max_epochs = 1}, lit::GradientClip{row.limit, row.algorithm});
            trainer.fit(module, train);
            CHECK(module.value() ==
                  doctest::Approx(row.weight).epsilon(1e-5));  // the norm has 1e-6 added, as in torch
        }
    }

    TEST_CASE("a step that returns nothing leaves the weights and still counts") {
        Sometimes module;
        auto train = probe::batches(3);
        std::vector<double> losses;
        auto trainer = probe::trainer({.max_epochs = 1}, Losses{&losses});
        const lit::FitResult result = trainer.fit(module, train);
        CHECK(result.global_step == 3);
        CHECK(module.backwards == 2);
        CHECK(module.value() == 1.0F - 1.0F - 3.0F);
        CHECK(losses == std::vector<double>{1.0, -1.0, 0.0});
    }

    TEST_CASE(
        "a struct with a loss reaches the end hooks with its other members, its loss detached and divided") {
        Extras module;
        auto train = probe::batches(2);
        std::vector<double> losses;
        auto trainer = probe::trainer({.max_epochs = 1}, lit::GradientAccumulation{2}, Losses{&losses});
        trainer.fit(module, train);
        CHECK(module.seen == std::vector<std::int64_t>{7, 8});
        CHECK_FALSE(module.attached);
        CHECK(losses == std::vector<double>{0.5, 1.0});
    }

    TEST_CASE("two optimizers are stepped by hand, each toggled, and every step counts") {
        ByHand module;
        auto train = probe::batches(2);
        auto trainer = probe::trainer({.max_epochs = 1, .log_every_n_steps = 1});
        const lit::FitResult result = trainer.fit(module, train);
        CHECK(module.steps == std::vector<std::int64_t>{0, 2});
        CHECK(result.global_step == 4);
        CHECK(probe::joined(module.tape) == "1- B S -2 B S 1- B S -2 B S");
        CHECK(module.first.requires_grad());
        CHECK(module.second.requires_grad());
        // first: 1 - 0.5*1*1 = 0.5; second: 1 - 0.25*0.5*1 = 0.875; then the batch of twos.
        CHECK(module.first.item<float>() == doctest::Approx(0.5 - 0.5 * 0.875 * 2));
        CHECK(module.second.item<float>() == doctest::Approx(0.875 - 0.25 * (0.5 - 0.875) * 2));
    }

    TEST_CASE("max_steps counts the steps of all optimizers and ends at a batch's end") {
        ByHand module;
        auto train = probe::batches(9);
        auto trainer = probe::trainer({.max_steps = 3});
        CHECK(trainer.fit(module, train).global_step == 4);
    }

    TEST_CASE("an optimizer_step that forgets the closure is refused") {
        NoClosure module;
        auto train = probe::batches(1);
        auto trainer = probe::trainer({.max_epochs = 1});
        CHECK_THROWS_WITH_AS(trainer.fit(module, train), doctest::Contains("did not run the closure"),
                             lit::ConfigError);
    }

    TEST_CASE("detect_anomaly tells where a loss is not finite") {
        auto train =
            std::vector<at::Tensor>{at::ones({1}), at::full({1}, std::numeric_limits<double>::quiet_NaN())};
        probe::Line module;
        auto trainer = probe::trainer({.max_epochs = 1, .detect_anomaly = true});
        CHECK_THROWS_WITH_AS(trainer.fit(module, train), doctest::Contains("epoch 0, batch 1"),
                             lit::NonFiniteLoss);
        probe::Line careless;
        auto other = probe::trainer({.max_epochs = 1});
        CHECK(other.fit(careless, train).finished());
    }

    TEST_CASE("a scheduler of interval step counts micro-batches and steps only where the optimizer does") {
        // Lightning: frequency 3, accumulate 2, 7 batches: only after micro-batch 6, and anew in each epoch.
        Stepped module;
        auto train = probe::batches(7);
        auto trainer = probe::trainer({.max_epochs = 2}, lit::GradientAccumulation{2});
        trainer.fit(module, train);
        CHECK(module.at == std::vector<std::int64_t>{6, 6});
    }

    TEST_CASE(
        "a plateau scheduler without its monitor is an error that lists what is known, unless it is not "
        "strict") {
        auto train = probe::batches(1);
        Plateau module;
        auto trainer = probe::trainer({.max_epochs = 1});
        CHECK_THROWS_WITH_AS(
            trainer.fit(module, train),
            doctest::Contains("\"val_loss\" of ReduceLROnPlateau was not logged. Known: other"),
            lit::ConfigError);
        Plateau loose;
        loose.strict = false;
        auto other = probe::trainer({.max_epochs = 1});
        CHECK(other.fit(loose, train).finished());
    }
}
