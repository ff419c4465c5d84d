// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/constant_lr.hpp>
#include <lit/optim/detail/epoch_schedule.hpp>
#include <lit/optim/detail/option_values.hpp>
#include <lit/optim/impl/epoch_schedule.hpp>

namespace lit::detail {

LIT_INLINE void ConstantLRRule::check() const {
    require_option(options.factor > 0.0 && options.factor <= 1.0, name, "factor", options.factor,
                   "above 0 and at most 1");
}

LIT_INLINE Dict ConstantLRRule::pack() const {
    return {{"factor", options.factor}, {"total_iters", options.total_iters}};
}

LIT_INLINE void ConstantLRRule::unpack(const Dict& saved) {
    take(saved, "factor", options.factor);
    take(saved, "total_iters", options.total_iters);
}

#if defined(LIT_COMPILED_LIBRARY)
template class EpochSchedule<ConstantLRRule>;
#endif

}  // namespace lit::detail
