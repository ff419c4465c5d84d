// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/cosine_annealing_lr.hpp>
#include <lit/optim/detail/epoch_schedule.hpp>
#include <lit/optim/detail/option_values.hpp>
#include <lit/optim/impl/epoch_schedule.hpp>

namespace lit::detail {

LIT_INLINE void CosineAnnealingLRRule::check() const {
    require_option(options.t_max >= 1, name, "t_max", static_cast<double>(options.t_max), "1 or more");
}

LIT_INLINE Dict CosineAnnealingLRRule::pack() const { return {{"T_max", options.t_max}, {"eta_min", options.eta_min}}; }

LIT_INLINE void CosineAnnealingLRRule::unpack(const Dict& saved) {
    take(saved, "T_max", options.t_max);
    take(saved, "eta_min", options.eta_min);
}

#if defined(LIT_COMPILED_LIBRARY)
template class EpochSchedule<CosineAnnealingLRRule>;
#endif

}  // namespace lit::detail
