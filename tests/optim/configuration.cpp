// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/optim/adamw.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/lambda_lr.hpp>
#include <lit/optim/linear_lr.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/optim/step_lr.hpp>

#include <torch/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace {

using OneOfTwo = std::variant<lit::SGD, lit::AdamW>;
using AnySchedule = std::variant<lit::StepLR, lit::ReduceLROnPlateau>;
static_assert(lit::OptimizerPolicy<lit::OptimizerVariant<lit::SGD, lit::AdamW>>);
static_assert(lit::LRSchedulerPolicy<lit::SchedulerVariant<lit::StepLR, lit::ReduceLROnPlateau>>);

std::vector<at::Tensor> parameters() { return {torch::ones({2}).requires_grad_()}; }
lit::SGD sgd() { return lit::SGD{parameters(), {.lr = 0.5}}; }
lit::AdamW adamw() { return lit::AdamW{parameters(), {.lr = 0.25}}; }

/// `SGD0 AdamW1 | epoch:1 step:0` - optimizers with their index, schedulers with their interval and
/// optimizer.
std::string describe(auto configured) {
    std::string text;
    configured.for_each_optimizer([&](auto index, auto& optimizer) {
        text += lit::optimizer_name(optimizer) + std::to_string(std::size_t{index}) + " ";
        optimizer.zero_grad();
        optimizer.step();
    });
    text += "|";
    configured.for_each_scheduler([&](auto& slot, auto& optimizer) {
        slot.step(optimizer, 1.0);
        text += std::string(slot.interval == lit::Interval::epoch ? " epoch:" : " step:") +
                std::to_string(slot.optimizer_index);
    });
    return text;
}

auto taken_over(auto returned) { return lit::detail::configure(std::move(returned)); }

}  // namespace

TEST_SUITE("optim/configuration") {
    TEST_CASE("everything that configure_optimizers may return becomes optimizers with schedulers") {
        using lit::LRSchedulerConfig;
        using lit::OptimizerConfig;
        const auto step_lr = [] { return lit::StepLR{{.step_size = 1}}; };
        CHECK(describe(taken_over(sgd())) == "SGD0 |");
        CHECK(describe(taken_over(std::tuple{})) == "|");
        CHECK(describe(taken_over(OptimizerConfig{.optimizer = sgd()})) == "SGD0 |");
        CHECK(describe(taken_over(OptimizerConfig{.optimizer = sgd(), .lr_scheduler = step_lr()})) ==
              "SGD0 | epoch:0");
        CHECK(describe(taken_over(OptimizerConfig{
                  .optimizer = sgd(),
                  .lr_scheduler = LRSchedulerConfig{.scheduler = step_lr(),
                                                    .interval = lit::Interval::step}})) == "SGD0 | step:0");
        CHECK(describe(taken_over(OptimizerConfig{.optimizer = sgd(),
                                                  .lr_scheduler = std::tuple{step_lr(), lit::LinearLR{}}})) ==
              "SGD0 | epoch:0 epoch:0");
        CHECK(describe(taken_over(
                  std::tuple{sgd(), OptimizerConfig{.optimizer = adamw(), .lr_scheduler = step_lr()}})) ==
              "SGD0 AdamW1 | epoch:1");
        CHECK(describe(taken_over(std::pair{adamw(), sgd()})) == "AdamW0 SGD1 |");
        CHECK(describe(taken_over(std::array{sgd(), sgd(), sgd()})) == "SGD0 SGD1 SGD2 |");
        std::vector<OptimizerConfig<lit::SGD, lit::StepLR>> several;
        several.push_back({sgd(), step_lr()});
        several.push_back({sgd(), step_lr()});
        CHECK(describe(taken_over(std::move(several))) == "SGD0 SGD1 | epoch:0 epoch:1");
        CHECK(describe(taken_over(lit::NullOptimizer{})) == "NullOptimizer0 |");
    }

    TEST_CASE("what is chosen at run time is a branch") {
        using lit::OptimizerConfig;
        CHECK(describe(taken_over(OneOfTwo{adamw()})) == "AdamW0 |");
        CHECK(describe(taken_over(OneOfTwo{sgd()})) == "SGD0 |");
        auto configured = taken_over(OptimizerConfig{.optimizer = OneOfTwo{adamw()},
                                                     .lr_scheduler = AnySchedule{lit::ReduceLROnPlateau{}},
                                                     .monitor = "val_loss"});
        configured.for_each_scheduler([](auto& slot, auto& optimizer) {
            CHECK(slot.needs_metric());
            CHECK(slot.monitor == "val_loss");
            CHECK_THROWS_AS(slot.step(optimizer), lit::ConfigError);
            slot.step(optimizer, 1.0);
            CHECK(lit::learning_rate(optimizer) == 0.25);
        });
        CHECK(describe(taken_over(OptimizerConfig{.optimizer = sgd(),
                                                  .lr_scheduler = std::optional<AnySchedule>{AnySchedule{
                                                      lit::StepLR{{.step_size = 1}}}}})) == "SGD0 | epoch:0");
        CHECK(describe(taken_over(OptimizerConfig{
                  .optimizer = sgd(), .lr_scheduler = std::optional<lit::StepLR>{}})) == "SGD0 |");
        CHECK(describe(taken_over(
                  OptimizerConfig{.optimizer = sgd(),
                                  .lr_scheduler = lit::LRSchedulerConfig{
                                      .scheduler = std::optional<lit::StepLR>{lit::StepLR{{.step_size = 2}}},
                                      .interval = lit::Interval::step}})) == "SGD0 | step:0");
    }

    TEST_CASE("counts are known to the compiler where the type says them") {
        auto two = taken_over(std::tuple{sgd(), adamw()});
        static_assert(decltype(two)::is_static && decltype(two)::static_count == 2);
        CHECK(two.optimizer_count() == 2);
        CHECK(two.scheduler_count() == 0);
        static_assert(std::is_same_v<decltype(two.optimizer<1>()), lit::AdamW&>);
        std::vector<lit::SGD> some;
        some.push_back(sgd());
        auto dynamic = taken_over(std::move(some));
        static_assert(!decltype(dynamic)::is_static);
        CHECK(dynamic.optimizer_count() == 1);
        CHECK(
            taken_over(lit::OptimizerConfig{.optimizer = sgd(), .lr_scheduler = std::optional<lit::StepLR>{}})
                .scheduler_count() == 0);
    }

    TEST_CASE("schedulers are attached when the configuration is taken over") {
        auto configured = taken_over(
            lit::OptimizerConfig{.optimizer = sgd(), .lr_scheduler = lit::LambdaLR{[](std::int64_t epoch) {
                                                         return 0.5 + static_cast<double>(epoch);
                                                     }}});
        CHECK(lit::learning_rate(configured.optimizer<0>()) == 0.25);
        CHECK(lit::initial_learning_rate(configured.optimizer<0>()) == 0.5);
    }

    TEST_CASE("a scheduler may lie beside a monitor of its own or of its optimizer") {
        auto configured = taken_over(lit::OptimizerConfig{
            .optimizer = sgd(),
            .lr_scheduler = std::tuple{lit::ReduceLROnPlateau{},
                                       lit::LRSchedulerConfig{.scheduler = lit::ReduceLROnPlateau{},
                                                              .frequency = 2,
                                                              .monitor = "inner",
                                                              .strict = false,
                                                              .name = "plateau"}},
            .monitor = "outer"});
        std::string seen;
        configured.for_each_scheduler([&](auto& slot, auto&) {
            seen +=
                slot.monitor + std::to_string(slot.frequency) + (slot.strict ? "s" : "l") + slot.name + " ";
        });
        CHECK(seen == "outer1s inner2lplateau ");
    }

    TEST_CASE("wrong settings are refused when the configuration is taken over") {
        CHECK_THROWS_WITH_AS(
            taken_over(lit::OptimizerConfig{
                .optimizer = sgd(),
                .lr_scheduler = lit::LRSchedulerConfig{.scheduler = lit::LinearLR{}, .frequency = 0}}),
            "LRSchedulerConfig: frequency is 0, expected 1 or more.", lit::ConfigError);
        CHECK_THROWS_AS(
            taken_over(lit::OptimizerConfig{.optimizer = sgd(), .lr_scheduler = lit::ReduceLROnPlateau{}}),
            lit::ConfigError);
        // With manual optimization the user steps, and no monitor is needed.
        CHECK_NOTHROW(static_cast<void>(lit::detail::configure(
            lit::OptimizerConfig{.optimizer = sgd(), .lr_scheduler = lit::ReduceLROnPlateau{}},
            /*automatic=*/false)));
    }
}
