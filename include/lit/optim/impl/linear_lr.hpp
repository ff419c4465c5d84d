// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/epoch_schedule.hpp>
#include <lit/optim/detail/option_values.hpp>
#include <lit/optim/impl/epoch_schedule.hpp>
#include <lit/optim/linear_lr.hpp>

namespace lit::detail {

LIT_INLINE void LinearLRRule::check() const {
    require_option(options.start_factor > 0.0 && options.start_factor <= 1.0, name, "start_factor",
                   options.start_factor, "above 0 and at most 1");
    require_option(options.end_factor >= 0.0 && options.end_factor <= 1.0, name, "end_factor",
                   options.end_factor, "0 to 1");
}

LIT_INLINE Dict LinearLRRule::pack() const {
    return {{"start_factor", options.start_factor},
            {"end_factor", options.end_factor},
            {"total_iters", options.total_iters}};
}

LIT_INLINE void LinearLRRule::unpack(const Dict& saved) {
    take(saved, "start_factor", options.start_factor);
    take(saved, "end_factor", options.end_factor);
    take(saved, "total_iters", options.total_iters);
}

#if defined(LIT_COMPILED_LIBRARY)
template class EpochSchedule<LinearLRRule>;
#endif

}  // namespace lit::detail
