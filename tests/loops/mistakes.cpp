// SPDX-License-Identifier: Apache-2.0
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/core/misnamed_hooks.hpp>
#include <lit/loops/mistakes.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/trainer/trainer.hpp>

#include <ATen/ops/ones.h>

#include "support/any_device.hpp"
#include "support/doctest.hpp"

#include <optional>
#include <vector>

namespace {

using lit::detail::first_misnamed;
using lit::detail::HookOwner;
using lit::detail::MisnamedRow;

struct Removed {
    void training_epoch_end();
    void on_train_epoch_end();
};
struct Misspelt {
    void train_step();
};
struct Helper {
    void train_step();
    void training_step();
};
struct Field {
    int val_dataloaders;
};
struct Last final {
    void train_step();
};
static_assert(first_misnamed<Removed, HookOwner::module>() == MisnamedRow::training_epoch_end);
static_assert(first_misnamed<Misspelt, HookOwner::module>() == MisnamedRow::train_step);
static_assert(first_misnamed<Helper, HookOwner::module>() == MisnamedRow::none,
              "a helper beside the right hook is fine");
static_assert(first_misnamed<Misspelt, HookOwner::callback>() == MisnamedRow::none,
              "callbacks have no steps");
static_assert(first_misnamed<Misspelt, HookOwner::data_module>() == MisnamedRow::none);
static_assert(first_misnamed<Field, HookOwner::data_module>() == MisnamedRow::val_dataloaders);
static_assert(first_misnamed<Last, HookOwner::module>() == MisnamedRow::none,
              "nothing can derive from it to look");

struct ByHand : lit::Module<ByHand> {
    static constexpr bool automatic_optimization = false;
    int steps = 0;
    void training_step(const at::Tensor& /*batch*/) { ++steps; }
    lit::SGD configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.1}}; }
    at::Tensor w = register_parameter("w", at::ones({1}));
};

template <class... Components>
int steps_with(Components... components) {
    ByHand net;
    std::vector<at::Tensor> batches(3, at::ones({1}));
    lit::Trainer trainer{lit::testing::any_device(), lit::Fp32{},
                         lit::TrainerOptions{.max_epochs = 1}, std::move(components)...};
    trainer.fit(net, batches);
    return net.steps;
}

}  // namespace

TEST_SUITE("loops/mistakes") {
    TEST_CASE("clipping in manual optimization is refused where only the run knows that it is there") {
        // Lightning 2.6: MisconfigurationException when fit begins, for a gradient_clip_val above 0.
        CHECK_THROWS_WITH_AS(steps_with(std::optional(lit::GradientClip{1.0})),
                             doctest::Contains("manual optimization"), lit::ConfigError);
        CHECK(steps_with(std::optional(lit::GradientClip{0.0})) == 3);
        CHECK(steps_with(std::optional<lit::GradientClip>{}) == 3);
    }
    TEST_CASE("so is accumulation, of more than one batch") {
        CHECK_THROWS_WITH_AS(steps_with(std::optional(lit::GradientAccumulation{4})),
                             doctest::Contains("manual optimization"), lit::ConfigError);
        CHECK(steps_with(std::optional(lit::GradientAccumulation{1})) == 3);
        CHECK(steps_with(std::optional<lit::GradientAccumulation>{}) == 3);
    }
}
