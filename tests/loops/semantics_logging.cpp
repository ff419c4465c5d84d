// SPDX-License-Identifier: Apache-2.0
// Section 3 of docs/lightning.md: what is logged where, and what becomes of it.
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/core/hooks.hpp>

#include "loops/probe.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace {

using Row = probe::Rows::Row;
using enum lit::Hook;

std::string text(const std::vector<Row>& rows) {
    std::string all;
    for (const auto& [x, values] : rows) {
        all += (all.empty() ? "" : " ") + std::to_string(x) + "{";
        for (const auto& [name, value] : values) {
            char number[48];
            std::snprintf(number, sizeof number, "%s%s=%g", all.back() == '{' ? "" : " ", name.c_str(),
                          value);
            all += number;
        }
        all += "}";
    }
    return all;
}

/// Does in each hook what the test says.
template <class Step, class Validate, class EpochEnd>
struct Says : probe::LineBase<Says<Step, Validate, EpochEnd>> {
    Step step;
    Validate validate;
    EpochEnd epoch_end;
    Says(Step s, Validate v, EpochEnd e) : step(s), validate(v), epoch_end(e) {}
    at::Tensor training_step(const at::Tensor& batch, std::int64_t batch_idx) {
        step(*this, batch_idx);
        return this->loss(batch);
    }
    void validation_step(const at::Tensor&, std::int64_t batch_idx) { validate(*this, batch_idx); }
    void test_step(const at::Tensor&) { this->template log<"t">(1.0); }
    void on_train_epoch_end() { epoch_end(*this); }
    auto configure_optimizers() { return lit::SGD{this->parameters(), {.lr = 0.0}}; }
};
constexpr auto nothing = [](auto&, auto...) {};

struct StopsAt {
    std::int64_t step = 0;
    void on_train_batch_end(auto& trainer, auto&) const {
        if (trainer.global_step() == step) {
            trainer.request_stop("enough");
        }
    }
};

struct LogsItself {
    using Logs = lit::Logs<"cb", "cb_epoch_end">;
    void on_train_batch_end(auto& trainer, auto&, const auto&, const at::Tensor&,
                            std::int64_t batch_idx) const {
        trainer.template log<"cb">(batch_idx);
    }
    void on_validation_epoch_end(auto& trainer, auto&) const { trainer.template log<"cb_epoch_end">(5); }
};
struct TwoByHand : lit::Module<TwoByHand> {
    static constexpr bool automatic_optimization = false;
    at::Tensor first = register_parameter("first", at::ones({1}));
    at::Tensor second = register_parameter("second", at::ones({1}));
    void training_step(auto& trainer, const at::Tensor& batch) {
        auto& [one, two] = trainer.optimizers();
        for (const auto& step :
             {std::function<void()>([&] { one.step(); }), std::function<void()>([&] { two.step(); })}) {
            trainer.manual_backward((first * second * batch).mean());
            step();
        }
        log<"a">(trainer.global_step());
    }
    auto configure_optimizers() {
        return std::tuple{lit::SGD{std::vector<at::Tensor>{first}, {.lr = 0.0}},
                          lit::SGD{std::vector<at::Tensor>{second}, {.lr = 0.0}}};
    }
};

/// Reads what monitors see during the sanity check.
struct Peeks {
    std::optional<double>* inside;
    bool* after;
    void on_validation_end(auto& trainer, auto&) const {
        if (trainer.sanity_checking()) {
            *inside = trainer.callback_metrics().value("v");
        }
    }
    void on_train_start(auto& trainer, auto&) const {
        *after = trainer.callback_metrics().contains("v") || trainer.logged_metrics().contains("v");
    }
};

struct Fresh : lit::DataModule<Fresh> {
    std::vector<at::Tensor> train_dataloader() { return probe::batches(1); }
    std::vector<at::Tensor> val_dataloader() { return probe::batches(2); }
};

}  // namespace

TEST_SUITE("loops/semantics_logging") {
    TEST_CASE("each hook has Lightning's permission and defaults for log") {
        constexpr std::array by_step{training_step,
                                     on_train_batch_start,
                                     on_train_batch_end,
                                     on_before_backward,
                                     backward,
                                     on_after_backward,
                                     on_before_optimizer_step,
                                     optimizer_step,
                                     configure_gradient_clipping,
                                     on_before_zero_grad,
                                     optimizer_zero_grad};
        constexpr std::array by_batch{validation_step,         test_step,           on_validation_batch_start,
                                      on_validation_batch_end, on_test_batch_start, on_test_batch_end};
        constexpr std::array by_epoch{on_train_start,      on_train_epoch_start,      on_train_epoch_end,
                                      on_validation_start, on_validation_epoch_start, on_validation_epoch_end,
                                      on_test_start,       on_test_epoch_start,       on_test_epoch_end};
        const auto among = [](const auto& hooks, lit::Hook hook) {
            return std::ranges::find(hooks, hook) != hooks.end();
        };
        for (std::size_t i = 0; i < lit::hook_count; ++i) {
            const auto hook = static_cast<lit::Hook>(i);
            CAPTURE(lit::info(hook).name);
            const lit::Logging expected = among(by_step, hook)    ? lit::Logging::step
                                          : among(by_batch, hook) ? lit::Logging::batch
                                          : among(by_epoch, hook) ? lit::Logging::epoch
                                                                  : lit::Logging::forbidden;
            CHECK(lit::info(hook).logging == expected);
        }
    }

    TEST_CASE("log takes numbers of any kind and tensors of one element, which it detaches") {
        Says module(
            [](auto& self, std::int64_t) {
                self.template log<"bool">(true);
                self.template log<"int">(3);
                self.template log<"float">(0.5F);
                self.template log<"vector">(at::full({1}, 2.0));
                self.template log<"weight">(self.weight.sum(), {.on_epoch = true});
                self.log_dict({{"d1", 1.0}, {"d2", 2}}, {.prog_bar = true});
            },
            nothing, nothing);
        auto trainer = probe::trainer({.max_epochs = 1});
        trainer.fit(module, probe::batches(1));
        const lit::MetricTable& logged = trainer.logged_metrics();
        CHECK(logged.value("bool") == 1.0);
        CHECK(logged.value("int") == 3.0);
        CHECK(logged.value("float") == 0.5);
        CHECK(logged.value("vector") == 2.0);
        CHECK(logged.value("weight_epoch") == 1.0);
        CHECK(trainer.progress_bar_metrics().value("d1") == 1.0);
        CHECK(trainer.progress_bar_metrics().value("d2") == 2.0);
        CHECK_FALSE(trainer.progress_bar_metrics().contains("int"));
    }

    TEST_CASE(
        "the same name in two hooks is two values, of which the later is seen; twice in one hook adds up") {
        Says module(
            [](auto& self, std::int64_t batch_idx) {
                self.template log<"a">(batch_idx, {.on_step = false, .on_epoch = true});
                self.template log<"twice">(batch_idx, {.on_epoch = true});
                self.template log<"twice">(batch_idx + 10, {.on_epoch = true});
            },
            nothing, [](auto& self) { self.template log<"a">(99); });
        auto trainer = probe::trainer({.max_epochs = 1});
        trainer.fit(module, probe::batches(2));
        CHECK(trainer.callback_metrics().value("a") == 99.0);
        CHECK(trainer.callback_metrics().value("twice_step") == 11.0);
        CHECK(trainer.callback_metrics().value("twice_epoch") == 5.5);  // (0 + 10 + 1 + 11) / 4
    }

    TEST_CASE(
        "a value that is logged in the first epoch only is not sent again, but monitors go on seeing it") {
        std::vector<Row> rows;
        Says module(
            [](auto& self, std::int64_t) {
                if (self.current_epoch() == 0) {
                    self.template log<"early">(1, {.on_step = false, .on_epoch = true});
                }
                self.template log<"always">(2, {.on_step = false, .on_epoch = true});
            },
            nothing, nothing);
        auto trainer = probe::trainer({.max_epochs = 2}, probe::Rows{.rows = &rows});
        trainer.fit(module, probe::batches(2));
        CHECK(text(rows) == "1{always=2 early=1 epoch=0} 3{always=2 epoch=1}");
        CHECK(trainer.callback_metrics().value("early") == 1.0);
    }

    TEST_CASE("every run begins with empty metrics") {
        Says module([](auto& self, std::int64_t) { self.template log<"a">(1, {.prog_bar = true}); }, nothing,
                    nothing);
        auto trainer = probe::trainer({.max_epochs = 1});
        trainer.fit(module, probe::batches(1));
        CHECK(trainer.callback_metrics().contains("a"));
        trainer.test(module, probe::batches(1), {.verbose = false});
        CHECK_FALSE(trainer.callback_metrics().contains("a"));
        CHECK_FALSE(trainer.logged_metrics().contains("a"));
        CHECK_FALSE(trainer.progress_bar_metrics().contains("a"));
        CHECK(trainer.callback_metrics().value("t") == 1.0);
    }

    TEST_CASE("what the sanity check logs is seen inside it, reaches no logger and does not outlive it") {
        std::vector<Row> rows;
        std::optional<double> inside;
        bool after = true;
        Says module(
            nothing,
            [](auto& self, std::int64_t) {
                if (self.sanity_checking()) {
                    self.template log<"v">(3, {.on_step = true, .on_epoch = true});
                }
            },
            nothing);
        auto trainer = probe::trainer({.max_epochs = 1}, Peeks{&inside, &after}, probe::Rows{.rows = &rows});
        trainer.fit(module, probe::batches(1), probe::batches(1));
        CHECK(inside == 3.0);
        CHECK_FALSE(after);
        CHECK(rows.empty());
    }

    TEST_CASE(
        "step values of validation are sent for every batch, without an epoch, and count anew with new "
        "loaders") {
        const auto module = [] {
            return Says(
                nothing,
                [](auto& self, std::int64_t batch_idx) {
                    self.template log<"x">(batch_idx, {.on_step = true, .on_epoch = false});
                },
                nothing);
        };
        std::vector<Row> rows;
        auto kept = module();
        Fresh data;
        auto trainer = probe::trainer({.max_epochs = 2, .log_every_n_steps = 50}, probe::Rows{.rows = &rows});
        trainer.fit(kept, data);
        CHECK(text(rows) == "0{x=0} 1{x=1} 2{x=0} 3{x=1}");
        rows.clear();
        auto anew = module();
        auto reloading = probe::trainer(
            {.max_epochs = 2, .num_sanity_val_steps = 0, .reload_dataloaders_every_n_epochs = 1},
            probe::Rows{.rows = &rows});
        reloading.fit(anew, data);
        CHECK(text(rows) == "0{x=0} 1{x=1} 0{x=0} 1{x=1}");
    }

    TEST_CASE("with accumulation the row of a window has the value of its last micro-batch") {
        std::vector<Row> rows;
        Says module([](auto& self, std::int64_t batch_idx) { self.template log<"a">(batch_idx); }, nothing,
                    nothing);
        auto trainer = probe::trainer({.max_epochs = 1, .log_every_n_steps = 1}, probe::Rows{.rows = &rows},
                                      lit::GradientAccumulation{2});
        trainer.fit(module, probe::batches(5));
        CHECK(text(rows) == "0{a=1 epoch=0} 1{a=3 epoch=0} 2{a=4 epoch=0}");
    }

    TEST_CASE("a request to stop sends a row, however seldom rows are sent") {
        std::vector<Row> rows;
        Says module([](auto& self, std::int64_t batch_idx) { self.template log<"a">(batch_idx); }, nothing,
                    nothing);
        auto trainer = probe::trainer({.max_epochs = 1}, StopsAt{3}, probe::Rows{.rows = &rows});
        trainer.fit(module, probe::batches(9));
        CHECK(text(rows) == "2{a=2 epoch=0}");
    }

    TEST_CASE("rows are counted in batches that stepped, not in the steps of two optimizers") {
        std::vector<Row> rows;
        TwoByHand module;
        auto trainer = probe::trainer({.max_epochs = 1, .log_every_n_steps = 1}, probe::Rows{.rows = &rows});
        CHECK(trainer.fit(module, probe::batches(3)).global_step == 6);
        CHECK(text(rows) == "0{a=2 epoch=0} 1{a=4 epoch=0} 2{a=6 epoch=0}");
    }

    TEST_CASE("callbacks log with the defaults of their hooks") {
        std::vector<Row> rows;
        Says module(nothing, nothing, nothing);
        auto trainer = probe::trainer({.max_epochs = 1, .num_sanity_val_steps = 0, .log_every_n_steps = 1},
                                      LogsItself{}, probe::Rows{.rows = &rows});
        trainer.fit(module, probe::batches(2), probe::batches(1));
        CHECK(text(rows) == "0{cb=0 epoch=0} 1{cb=1 epoch=0} 1{cb_epoch_end=5 epoch=0}");
    }
}
