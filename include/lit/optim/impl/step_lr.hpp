// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/epoch_schedule.hpp>
#include <lit/optim/detail/option_values.hpp>
#include <lit/optim/impl/epoch_schedule.hpp>
#include <lit/optim/step_lr.hpp>

namespace lit::detail {

LIT_INLINE void StepLRRule::check() const {
    require_option(options.step_size >= 1, name, "step_size", static_cast<double>(options.step_size),
                   "1 or more");
}

LIT_INLINE Dict StepLRRule::pack() const { return {{"step_size", options.step_size}, {"gamma", options.gamma}}; }

LIT_INLINE void StepLRRule::unpack(const Dict& saved) {
    take(saved, "step_size", options.step_size);
    take(saved, "gamma", options.gamma);
}

#if defined(LIT_COMPILED_LIBRARY)
template class EpochSchedule<StepLRRule>;
#endif

}  // namespace lit::detail
