// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/optim/constant_lr.hpp>
#include <lit/optim/cosine_annealing_lr.hpp>
#include <lit/optim/exponential_lr.hpp>
#include <lit/optim/lambda_lr.hpp>
#include <lit/optim/linear_lr.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/scheduler.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/optim/step_lr.hpp>

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

static_assert(lit::LRSchedulerPolicy<lit::StepLR> && !lit::NeedsMetric<lit::StepLR>);
static_assert(lit::LRSchedulerPolicy<lit::ReduceLROnPlateau> && lit::NeedsMetric<lit::ReduceLROnPlateau>);
static_assert(lit::LRSchedulerPolicy<decltype(lit::LambdaLR{[](std::int64_t) { return 1.0; }})>);
static_assert(!lit::LRSchedulerPolicy<int>);

namespace {

lit::SGD optimizer(double lr = 0.1) {
    return lit::SGD{std::vector<at::Tensor>{torch::ones({1}).requires_grad_()}, {.lr = lr}};
}

template <class Scheduler>
std::vector<double> rates(Scheduler scheduler, int steps) {
    auto sgd = optimizer();
    scheduler.initialize(sgd);
    std::vector<double> all{lit::learning_rate(sgd)};
    for (int i = 0; i < steps; ++i) {
        scheduler.step(sgd);
        all.push_back(lit::learning_rate(sgd));
    }
    return all;
}

}  // namespace

// Values printed by torch 2.11 with %.17g for lr=0.1; tests/interop/optim_parity.py compares 60 steps of
// each.
TEST_SUITE("optim/scheduler") {
    TEST_CASE("rates equal Python's to the last bit") {
        using Rates = std::vector<double>;
        CHECK(rates(lit::StepLR{{.step_size = 2}}, 4) == Rates{0.10000000000000001, 0.10000000000000001,
                                                               0.010000000000000002, 0.010000000000000002,
                                                               0.0010000000000000002});
        CHECK(rates(lit::ExponentialLR{{.gamma = 0.9}}, 3) ==
              Rates{0.10000000000000001, 0.090000000000000011, 0.081000000000000016, 0.072900000000000020});
        CHECK(rates(lit::LinearLR{{.start_factor = 0.1, .total_iters = 3}}, 4) ==
              Rates{0.010000000000000002, 0.040000000000000001, 0.070000000000000007, 0.10000000000000001,
                    0.10000000000000001});
        CHECK(rates(lit::ConstantLR{{.factor = 0.3, .total_iters = 2}}, 3) ==
              Rates{0.029999999999999999, 0.029999999999999999, 0.10000000000000001, 0.10000000000000001});
        CHECK(rates(lit::CosineAnnealingLR{{.t_max = 3, .eta_min = 1e-3}}, 7) ==
              Rates{0.10000000000000001, 0.075250000000000011, 0.025750000000000016, 0.001,
                    0.025749999999999995, 0.075250000000000053, 0.10000000000000006, 0.075250000000000067});
        CHECK(rates(lit::LambdaLR{[](std::int64_t e) { return 1.0 / (3.0 + static_cast<double>(e)); }}, 3) ==
              Rates{0.033333333333333333, 0.025000000000000001, 0.020000000000000004, 0.016666666666666666});
    }

    TEST_CASE("attaching records the first rate in the optimizer") {
        auto sgd = optimizer(0.4);
        lit::LinearLR scheduler{{.start_factor = 0.5, .total_iters = 2}};
        scheduler.initialize(sgd);
        CHECK(lit::learning_rate(sgd) == 0.2);
        CHECK(lit::initial_learning_rate(sgd) == 0.4);
        CHECK(lit::optimizer_state(sgd).at("param_groups").items()[0].at("initial_lr").to_double() == 0.4);
        CHECK(scheduler.last_lr() == std::vector<double>{0.2});
    }

    TEST_CASE("a schedule that is loaded goes on where the saved one stood") {
        auto sgd = optimizer();
        lit::CosineAnnealingLR first{{.t_max = 9, .eta_min = 0.01}};
        first.initialize(sgd);
        for (int i = 0; i < 4; ++i) {
            first.step(sgd);
        }
        auto other = optimizer();
        lit::CosineAnnealingLR second{{.t_max = 5}};  // settings come from the file, as in Python
        second.initialize(other);
        second.load_state_dict(first.state_dict());
        lit::load_optimizer_state(other, lit::optimizer_state(sgd));
        for (int i = 0; i < 12; ++i) {
            first.step(sgd);
            second.step(other);
            CHECK(lit::learning_rate(sgd) == lit::learning_rate(other));
        }
    }

    TEST_CASE("the state has Python's keys in Python's order") {
        auto sgd = optimizer();
        lit::StepLR scheduler{{.step_size = 3}};
        scheduler.initialize(sgd);
        std::string keys;
        const lit::Value state = scheduler.state_dict();
        for (const auto& [key, value] : state.dict()) {
            keys += key.string() + " ";
        }
        CHECK(keys ==
              "step_size gamma base_lrs last_epoch _step_count _is_initial _get_lr_called_within_step "
              "_last_lr ");
        CHECK(state.at("_step_count").to_int() == 1);
        CHECK(state.at("last_epoch").to_int() == 0);
    }

    TEST_CASE("wrong settings are refused on construction") {
        CHECK_THROWS_WITH_AS(lit::StepLR({}), "StepLR: step_size is 0, expected 1 or more.",
                             lit::ConfigError);
        CHECK_THROWS_AS(lit::CosineAnnealingLR({}), lit::ConfigError);
        CHECK_THROWS_AS(lit::LinearLR({.start_factor = 0.0}), lit::ConfigError);
        CHECK_THROWS_AS(lit::LinearLR({.end_factor = 1.5}), lit::ConfigError);
        CHECK_THROWS_AS(lit::ConstantLR({.factor = 2.0}), lit::ConfigError);
        CHECK_THROWS_AS(lit::ExponentialLR({.gamma = -1.0}), lit::ConfigError);
        CHECK_THROWS_AS(lit::ReduceLROnPlateau({.factor = 1.0}), lit::ConfigError);
    }

    TEST_CASE("a schedule that is stepped before it is attached says so") {
        auto sgd = optimizer();
        lit::StepLR scheduler{{.step_size = 3}};
        CHECK_THROWS_AS(scheduler.step(sgd), lit::ConfigError);
        lit::ReduceLROnPlateau plateau;
        CHECK_THROWS_AS(plateau.step(sgd, 1.0), lit::ConfigError);
    }

    TEST_CASE("a state of another number of groups is refused") {
        auto sgd = optimizer();
        lit::StepLR scheduler{{.step_size = 3}};
        scheduler.initialize(sgd);
        lit::Value state = scheduler.state_dict();
        state.dict().set("base_lrs", lit::List{0.1, 0.2});
        CHECK_THROWS_AS(scheduler.load_state_dict(state), lit::CheckpointError);
    }

    // As torch 2.11 does: schedules that go from rate to rate take added groups along, the others raise.
    TEST_CASE("a group that is added while training follows a schedule that goes from rate to rate") {
        const auto after_two_steps = [](auto scheduler) {
            auto sgd = optimizer(1.0);
            scheduler.initialize(sgd);
            lit::add_param_group(sgd, {torch::ones({1}).requires_grad_()}, 0.5);
            scheduler.step(sgd);
            scheduler.step(sgd);
            CHECK(scheduler.last_lr() ==
                  std::vector<double>{lit::learning_rate(sgd, 0), lit::learning_rate(sgd, 1)});
            CHECK(scheduler.state_dict().at("base_lrs").items().size() == 1);
            auto again = scheduler;
            CHECK_NOTHROW(again.load_state_dict(scheduler.state_dict()));
            return scheduler.last_lr();
        };
        using Rates = std::vector<double>;
        CHECK(after_two_steps(lit::StepLR{{.step_size = 2, .gamma = 0.5}}) == Rates{0.5, 0.25});
        CHECK(after_two_steps(lit::ExponentialLR{{.gamma = 0.5}}) == Rates{0.25, 0.125});
        CHECK(after_two_steps(lit::LinearLR{{.start_factor = 0.5, .total_iters = 2}}) == Rates{1.0, 1.0});
        CHECK(after_two_steps(lit::ConstantLR{{.factor = 0.5, .total_iters = 2}}) == Rates{1.0, 1.0});
    }
    TEST_CASE(
        "a schedule that starts from the first rates refuses an added group, the cosine where it turns") {
        auto sgd = optimizer();
        lit::LambdaLR lambda{[](std::int64_t) { return 1.0; }};
        lambda.initialize(sgd);
        lit::CosineAnnealingLR cosine{{.t_max = 2}};
        cosine.initialize(sgd);
        lit::add_param_group(sgd, {torch::ones({1}).requires_grad_()}, 0.5);
        CHECK_THROWS_WITH_AS(lambda.step(sgd),
                             doctest::Contains("2 parameter groups, the schedule was made for 1"),
                             lit::ConfigError);
        CHECK(lambda.last_epoch() == 0);  // a step that was refused was not taken
        CHECK_NOTHROW(cosine.step(sgd));
        CHECK_NOTHROW(cosine.step(sgd));
        CHECK_THROWS_AS(cosine.step(sgd), lit::ConfigError);
    }
}

TEST_SUITE("optim/reduce_lr_on_plateau") {
    TEST_CASE("lowers the rate after `patience` steps without improvement") {
        struct Row {
            double metric;
            double lr;
            const char* why;
        };
        auto sgd = optimizer(1.0);
        lit::ReduceLROnPlateau scheduler{{.factor = 0.5, .patience = 1, .cooldown = 1, .min_lr = 0.3}};
        scheduler.initialize(sgd);
        for (const Row& row :
             {Row{1.0, 1.0, "the first value always improves"}, Row{1.0, 1.0, "one is let pass"},
              Row{1.0, 0.5, "the second is not"}, Row{1.0, 0.5, "cooldown"}, Row{1.0, 0.5, "one is let pass"},
              Row{1.0, 0.3, "never below min_lr"}}) {
            CAPTURE(row.why);
            scheduler.step(sgd, row.metric);
            CHECK(lit::learning_rate(sgd) == row.lr);
        }
    }

    TEST_CASE("a larger value is better when told so") {
        auto sgd = optimizer(1.0);
        lit::ReduceLROnPlateau scheduler{{.mode = lit::Mode::maximize,
                                          .patience = 0,
                                          .threshold = 0.5,
                                          .threshold_mode = lit::ThresholdMode::abs}};
        scheduler.initialize(sgd);
        scheduler.step(sgd, 1.0);
        scheduler.step(sgd, 2.0);
        CHECK(lit::learning_rate(sgd) == 1.0);
        scheduler.step(sgd, 2.5);  // exactly the threshold is no improvement
        CHECK(lit::learning_rate(sgd) == 0.1);
    }

    TEST_CASE("a state is taken up with its settings") {
        auto sgd = optimizer(1.0);
        lit::ReduceLROnPlateau first{{.mode = lit::Mode::maximize, .patience = 4}};
        first.initialize(sgd);
        first.step(sgd, 3.0);
        first.step(sgd, 2.0);
        lit::ReduceLROnPlateau second;
        second.initialize(sgd);
        second.load_state_dict(first.state_dict());
        CHECK(second.state_dict().at("best").to_double() == 3.0);
        CHECK(second.state_dict().at("mode").equals("max"));
        CHECK(second.state_dict().at("num_bad_epochs").to_int() == 1);
        CHECK(second.state_dict().at("patience").to_int() == 4);
    }

    TEST_CASE("a list of min_lr of Python's stays one, and an added group has none") {
        auto sgd = optimizer(1.0);
        lit::ReduceLROnPlateau scheduler{{.patience = 0}};
        scheduler.initialize(sgd);
        lit::Dict saved = scheduler.state_dict().dict();
        saved.set("default_min_lr", nullptr);
        saved.set("min_lrs", lit::List{0.25});
        scheduler.load_state_dict(saved);
        CHECK(scheduler.state_dict().at("default_min_lr").is_none());
        lit::add_param_group(sgd, {torch::ones({1}).requires_grad_()}, 0.5);
        scheduler.step(sgd, 1.0);
        CHECK_THROWS_WITH_AS(scheduler.step(sgd, 1.0),
                             doctest::Contains("has 2 parameter groups, the file's min_lr is"),
                             lit::ConfigError);
    }

    TEST_CASE("lowers an added group too") {
        auto sgd = optimizer(1.0);
        lit::ReduceLROnPlateau scheduler{{.factor = 0.5, .patience = 0}};
        scheduler.initialize(sgd);
        lit::add_param_group(sgd, {torch::ones({1}).requires_grad_()}, 0.5);
        scheduler.step(sgd, 1.0);
        scheduler.step(sgd, 1.0);
        CHECK(scheduler.last_lr() == std::vector<double>{0.5, 0.25});
        lit::ReduceLROnPlateau resumed{{.factor = 0.5, .patience = 0}};
        auto fresh = optimizer(1.0);
        resumed.initialize(fresh);
        lit::add_param_group(fresh, {torch::ones({1}).requires_grad_()}, 0.5);
        CHECK_NOTHROW(resumed.load_state_dict(scheduler.state_dict()));
    }
}
