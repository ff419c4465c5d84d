// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/resume_point.hpp>
#include <lit/core/value.hpp>

#include <string_view>

namespace lit {

LIT_INLINE Dict ResumePoint::state_dict() const {
    Dict state;
    visit(*this, [&state](std::string_view key, const auto& own) { state.append(Value(key), saved(own)); });
    return state;
}

LIT_INLINE void ResumePoint::load_state_dict(const Dict& state) {
    *this = {};
    visit(*this, [&state](std::string_view key, auto& own) {
        if (const Value* found = state.find(key); found != nullptr && !found->is_none()) {
            load(*found, own);
        }
    });
}

}  // namespace lit
