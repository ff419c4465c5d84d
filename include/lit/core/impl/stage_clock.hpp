// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/stage_clock.hpp>
#include <lit/core/value.hpp>

#include <cstddef>
#include <utility>

namespace lit {

LIT_INLINE Dict StageClock::state_dict() const {
    Dict elapsed;
    for (std::size_t i = 0; i < names.size(); ++i) {
        elapsed.append(names[i], time_elapsed(static_cast<RunningStage>(i + 1)));
    }
    return Dict{{"time_elapsed", std::move(elapsed)}};
}

LIT_INLINE void StageClock::load_state_dict(const Dict& state) {
    const Value* elapsed = state.find("time_elapsed");
    const Value* training = elapsed != nullptr ? elapsed->dict().find("train") : nullptr;
    offset_ = training != nullptr ? training->to_double() : 0.0;
    if (Span& span = of(RunningStage::training); span.start && !span.end) {
        span.start = now();  // what it counted so far is in the offset, or was another run's
    }
}

}  // namespace lit
