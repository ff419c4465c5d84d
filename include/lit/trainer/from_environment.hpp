// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/loops/trainer_options.hpp>

namespace lit {

/// The options, with what stands in the environment in their place: `PL_TRAINER_MAX_EPOCHS=5` is max_epochs = 5.
///
/// Values are written as in Python: True, None, 0.5, 00:12:00:00, warn. An empty variable and one that names no option
/// are not looked at. What is set afterwards goes before the environment: `auto options = lit::from_environment();
/// options.max_steps = 100;`.
/// Errors  ConfigError that names the variable, for a text that is no value of the option.
/// Source  Lightning's `PL_TRAINER_<ARGUMENT>`, which its Trainer reads by itself. Here a program says so, since a
///         struct cannot tell a value that was given from one that was not.
[[nodiscard]] LIT_INLINE TrainerOptions from_environment(TrainerOptions options = {});

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/trainer/impl/from_environment.hpp>
#endif
