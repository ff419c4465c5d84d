// SPDX-License-Identifier: Apache-2.0
#include <lit/loops/managed_scheduler.hpp>

#include <lit/optim/exponential_lr.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/step_lr.hpp>

#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <vector>

namespace {

/// Two optimizers, both with the first weight.
struct Shared : lit::Module<Shared> {
    static constexpr bool automatic_optimization = false;
    at::Tensor one = register_parameter("one", at::ones({1}));
    at::Tensor two = register_parameter("two", at::ones({1}));
    std::vector<bool> seen;

    void training_step(auto& trainer, const at::Tensor& /*batch*/) {
        auto& [first, second] = trainer.optimizers();
        for (auto* optimizer : {&first, &second}) {
            const auto toggled = trainer.toggled_optimizer(*optimizer);
            seen.push_back(one.requires_grad());
            seen.push_back(two.requires_grad());
        }
    }
    auto configure_optimizers() {
        return std::tuple{lit::SGD{std::vector<at::Tensor>{one}, {.lr = 1.0}},
                          lit::SGD{std::vector<at::Tensor>{one, two}, {.lr = 1.0}}};
    }
};

/// Two weights, each with an optimizer and a schedule of its own, all stepped by hand.
struct Pair : lit::Module<Pair> {
    static constexpr bool automatic_optimization = false;
    at::Tensor one = register_parameter("one", at::ones({1}));
    at::Tensor two = register_parameter("two", at::ones({1}));
    std::vector<std::vector<double>> rates;
    std::vector<std::int64_t> counts;
    bool throws = false;
    bool freed = false;

    void training_step(auto& trainer, const at::Tensor& batch, std::int64_t batch_idx) {
        auto& [first, second] = trainer.optimizers();
        auto& [halving, plateau] = trainer.lr_schedulers();
        static_assert(!std::is_same_v<decltype(halving), decltype(plateau)>);
        try {
            const auto toggled = trainer.toggled_optimizer(first);
            CHECK(one.requires_grad());
            CHECK_FALSE(two.requires_grad());
            first.zero_grad();
            trainer.manual_backward((one * two * batch).mean());
            first.step();
            if (throws) {
                throw std::runtime_error("in between");
            }
        } catch (const std::runtime_error&) {
            freed = two.requires_grad();
            throw;
        }
        CHECK(two.requires_grad());
        if (batch_idx == 1) {
            second.step();
        }
        halving.step();
        plateau.step(1.0);
        rates.push_back({halving.last_lr().at(0), plateau.last_lr().at(0)});
        counts = {trainer.global_step(), first.steps(), second.steps(), trainer.batches_seen(), trainer.updates()};
        CHECK(halving.name() == "halving");
    }
    auto configure_optimizers() {
        return std::tuple{
            lit::OptimizerConfig{.optimizer = lit::SGD{std::vector<at::Tensor>{one}, {.lr = 1.0}},
                                 .lr_scheduler = lit::LRSchedulerConfig{.scheduler = lit::StepLR{{.step_size = 2, .gamma = 0.5}},
                                                                        .name = "halving"}},
            lit::OptimizerConfig{.optimizer = lit::SGD{std::vector<at::Tensor>{two}, {.lr = 8.0}},
                                 .lr_scheduler = lit::ReduceLROnPlateau{{.factor = 0.1, .patience = 1}}}};
    }
};

struct Several : probe::LineBase<Several> {
    static constexpr bool automatic_optimization = false;
    std::size_t seen = 0;
    double rate = 0.0;
    bool absent = false;
    void training_step(auto& trainer, const at::Tensor&) {
        auto& [perhaps, never, all] = trainer.lr_schedulers();
        perhaps->step();
        absent = !never.has_value();
        for (auto& each : all) {
            each.step();
        }
        seen = all.size();
        rate = perhaps->last_lr().at(0);
    }
    auto configure_optimizers() {
        using Step = lit::StepLR;
        return lit::OptimizerConfig{
            .optimizer = lit::SGD{parameters(), {.lr = 1.0}},
            .lr_scheduler = std::tuple{std::optional(lit::ExponentialLR{{.gamma = 0.5}}), std::optional<Step>(),
                                       std::vector<Step>{Step{{.step_size = 9}}, Step{{.step_size = 9}}}}};
    }
};

struct InAVector : probe::LineBase<InAVector> {
    static constexpr bool automatic_optimization = false;
    double rate = 0.0;
    void training_step(auto& trainer, const at::Tensor&) {
        for (auto& scheduler : trainer.lr_schedulers()) {
            scheduler.step();
            rate += scheduler.last_lr().at(0);
        }
    }
    auto configure_optimizers() {
        std::vector<lit::OptimizerConfig<lit::SGD, lit::ExponentialLR>> all;
        all.push_back({.optimizer = lit::SGD{parameters(), {.lr = 1.0}}, .lr_scheduler = lit::ExponentialLR{{.gamma = 0.5}}});
        all.push_back({.optimizer = lit::SGD{parameters(), {.lr = 4.0}}, .lr_scheduler = lit::ExponentialLR{{.gamma = 0.5}}});
        return all;
    }
};

struct One : probe::LineBase<One> {
    static constexpr bool automatic_optimization = false;
    void training_step(auto& trainer, const at::Tensor& batch) {
        trainer.optimizers().zero_grad();
        trainer.manual_backward(loss(batch));
        trainer.optimizers().step();
        trainer.lr_schedulers().step();
    }
    auto configure_optimizers() {
        return lit::OptimizerConfig{.optimizer = lit::SGD{parameters(), {.lr = 1.0}},
                                    .lr_scheduler = lit::ExponentialLR{{.gamma = 0.5}}};
    }
};

}  // namespace

TEST_SUITE("loops/managed_scheduler") {
    TEST_CASE("schedulers are stepped by the module alone, each with its own type") {
        Pair module;
        auto train = probe::batches(3);
        auto trainer = probe::trainer({.max_epochs = 2});
        const lit::FitResult result = trainer.fit(module, train);
        // The plateau improves once, waits once, and lowers its rate at every second call from the third on.
        const std::vector<std::vector<double>> expected{{1.0, 8.0}, {0.5, 8.0},  {0.5, 0.8},
                                                        {0.25, 0.8}, {0.25, 0.08}, {0.125, 0.08}};
        REQUIRE(module.rates.size() == expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            CHECK(module.rates[i][0] == expected[i][0]);
            CHECK(module.rates[i][1] == doctest::Approx(expected[i][1]));
        }
        // Six steps of the first, two of the second; the batch in work, the sixth, is not counted yet.
        CHECK(module.counts == std::vector<std::int64_t>{8, 6, 2, 5, 5});
        CHECK(result.global_step == 8);
    }

    TEST_CASE("a toggled optimizer is untoggled also where an exception ends it") {
        Pair module;
        module.throws = true;
        auto train = probe::batches(1);
        auto trainer = probe::trainer({.max_epochs = 1});
        CHECK_THROWS_WITH(trainer.fit(module, train), "in between");
        CHECK(module.freed);
    }

    TEST_CASE("one scheduler is one handle; it may be absent or several; optimizers in a vector give a vector") {
        auto train = probe::batches(2);
        Several several;
        probe::trainer({.max_epochs = 1}).fit(several, train);
        CHECK(several.seen == 2);
        CHECK(several.absent);
        CHECK(several.rate == 0.25);

        InAVector in_a_vector;
        probe::trainer({.max_epochs = 1}).fit(in_a_vector, train);
        CHECK(in_a_vector.rate == 0.5 + 2.0 + 0.25 + 1.0);

        One one;
        probe::trainer({.max_epochs = 1}).fit(one, train);
        CHECK(one.value() == 1.0F - 1.0F - 0.5F * 2.0F);
    }
    TEST_CASE("a parameter of two optimizers requires its gradient while either is toggled, and afterwards") {
        Shared module;
        auto train = probe::batches(1);
        probe::trainer({.max_epochs = 1}).fit(module, train);
        CHECK(module.seen == std::vector<bool>{true, false, true, true});
        CHECK(module.one.requires_grad());
        CHECK(module.two.requires_grad());
    }
}
