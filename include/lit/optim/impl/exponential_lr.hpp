// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/epoch_schedule.hpp>
#include <lit/optim/detail/option_values.hpp>
#include <lit/optim/exponential_lr.hpp>
#include <lit/optim/impl/epoch_schedule.hpp>

namespace lit::detail {

LIT_INLINE void ExponentialLRRule::check() const {
    require_option(options.gamma >= 0.0, name, "gamma", options.gamma, "0 or more");
}

LIT_INLINE Dict ExponentialLRRule::pack() const { return {{"gamma", options.gamma}}; }

LIT_INLINE void ExponentialLRRule::unpack(const Dict& saved) { take(saved, "gamma", options.gamma); }

#if defined(LIT_COMPILED_LIBRARY)
template class EpochSchedule<ExponentialLRRule>;
#endif

}  // namespace lit::detail
