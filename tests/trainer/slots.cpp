// SPDX-License-Identifier: Apache-2.0
#include <lit/callbacks/early_stopping.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/precision/bf16_mixed.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/slots.hpp>
#include <lit/trainer/trainer.hpp>

#include "support/doctest.hpp"

#include <concepts>
#include <memory>
#include <optional>

namespace {

struct OldDevice : lit::SingleDevice {
    template <class Precision>
    static constexpr bool can_compute_in = std::same_as<Precision, lit::Fp32>;
};
static_assert(lit::ComputesIn<lit::SingleDevice, lit::Bf16Mixed>);
static_assert(lit::ComputesIn<OldDevice, lit::Fp32> && !lit::ComputesIn<OldDevice, lit::Bf16Mixed>);

using Stopper = lit::EarlyStopping<"val_loss">;
static_assert(lit::detail::is_handle<Stopper*> && lit::detail::is_handle<std::unique_ptr<Stopper>>);
static_assert(!lit::detail::is_handle<Stopper> && !lit::detail::is_handle<std::optional<Stopper>>);

struct Counter {
    static constexpr const char* state_key() { return "Counter"; }
};
struct Other {
    static constexpr const char* state_key() { return "Other"; }
};
static_assert(lit::detail::fixed_state_keys_differ<Counter, Stopper, Stopper, Other>());
static_assert(!lit::detail::fixed_state_keys_differ<Counter, Other, std::optional<Counter>>());

/// A trainer with these components.
template <class... Components>
void build(Components... components) {
    lit::Trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, std::move(components)...};
}

}  // namespace

TEST_SUITE("trainer/slots") {
    TEST_CASE("two components whose state has one key are refused when the trainer is built") {
        // Lightning 2.6: RuntimeError, "Found more than one stateful callback of type ..." from Trainer(callbacks=[...]).
        CHECK_THROWS_WITH_AS(build(Stopper{}, Stopper{{.patience = 7}}),
                             doctest::Contains("EarlyStopping{'monitor': 'val_loss'"), lit::ConfigError);
        CHECK_THROWS_AS(build(lit::ModelCheckpoint<>{}, lit::ModelCheckpoint<>{{.save_last = true}}),
                        lit::ConfigError);
        CHECK_THROWS_AS(build(std::optional(Stopper{}), Stopper{}), lit::ConfigError);
    }
    TEST_CASE("components whose keys differ, and absent ones, are accepted") {
        CHECK_NOTHROW(build(Stopper{}, Stopper{{.mode = lit::Mode::maximize}}));
        CHECK_NOTHROW(build(lit::ModelCheckpoint<>{}, lit::ModelCheckpoint<"val_loss">{},
                            lit::ModelCheckpoint<>{{.every_n_train_steps = 2}}));
        CHECK_NOTHROW(build(std::optional<Stopper>{}, Stopper{}));
    }
}
