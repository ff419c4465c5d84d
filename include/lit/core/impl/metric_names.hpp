// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/metric_names.hpp>

#include <map>
#include <mutex>
#include <string_view>

namespace lit {

LIT_INLINE std::mutex& MetricNames::mutex() {
    static std::mutex instance;
    return instance;
}

LIT_INLINE std::map<std::string_view, MetricId>& MetricNames::ids() {
    static std::map<std::string_view, MetricId> instance;
    return instance;
}

LIT_INLINE MetricId MetricNames::intern(std::string_view name) {
    const std::lock_guard lock(mutex());
    if (const auto found = ids().find(name); found != ids().end()) {
        return found->second;
    }
    const auto id = static_cast<MetricId>(names().size());
    names().emplace_back(name);
    // The deque never moves its strings, so the view stays good.
    ids().emplace(names().back(), id);
    return id;
}

}  // namespace lit
