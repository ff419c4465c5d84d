// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/metric_names.hpp>

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace lit {

struct MetricNames::Table {
    std::mutex mutex;
    std::deque<std::string> names;  ///< never moves its strings, so that views of them stay good
    std::map<std::string_view, MetricId> ids;
};

LIT_INLINE MetricNames::Table& MetricNames::table() {
    static Table instance;
    return instance;
}

LIT_INLINE MetricId MetricNames::intern(std::string_view name) {
    Table& known = table();
    const std::lock_guard lock(known.mutex);
    if (const auto found = known.ids.find(name); found != known.ids.end()) {
        return found->second;
    }
    const auto id = static_cast<MetricId>(known.names.size());
    known.ids.emplace(known.names.emplace_back(name), id);
    return id;
}

LIT_INLINE const std::string& MetricNames::name(MetricId id) {
    Table& known = table();
    const std::lock_guard lock(known.mutex);  // another thread may be adding one, for which the deque moves its map
    return known.names[id];
}

}  // namespace lit
