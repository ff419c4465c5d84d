// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/metric_table.hpp>
#include <lit/core/number.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace lit {

LIT_INLINE MetricTable::MetricTable() = default;
LIT_INLINE MetricTable::MetricTable(const MetricTable&) = default;
LIT_INLINE MetricTable::MetricTable(MetricTable&&) noexcept = default;
LIT_INLINE MetricTable& MetricTable::operator=(const MetricTable&) = default;
LIT_INLINE MetricTable& MetricTable::operator=(MetricTable&&) noexcept = default;
LIT_INLINE MetricTable::~MetricTable() = default;

LIT_INLINE void MetricTable::set(MetricId id, const Number& number) {
    if (id >= positions_.size()) {
        positions_.resize(id + std::size_t{1}, absent);
    }
    if (positions_[id] == absent) {
        positions_[id] = static_cast<std::uint32_t>(items_.size());
        items_.push_back({id, number});
    } else {
        items_[positions_[id]].number = number;
    }
}

LIT_INLINE void MetricTable::clear() {
    for (const Item& item : items_) {
        positions_[item.id] = absent;
    }
    items_.clear();
}

LIT_INLINE std::string MetricTable::names() const {
    std::string text;
    for (const Item& item : items_) {
        text += (text.empty() ? "" : ", ") + MetricNames::name(item.id);
    }
    return text.empty() ? "none" : text;
}

}  // namespace lit
