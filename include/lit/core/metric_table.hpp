// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/metric_names.hpp>
#include <lit/core/number.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lit {

/// Published metrics, found by number: `callback_metrics`, `logged_metrics`, `progress_bar_metrics`.
///
/// Cost    `set` and `find` index; nothing is allocated once every name has been seen.
class MetricTable {
 public:
    struct Item {
        MetricId id = 0;
        Number number;
    };

    MetricTable();
    MetricTable(const MetricTable&);
    MetricTable(MetricTable&&) noexcept;
    MetricTable& operator=(const MetricTable&);
    MetricTable& operator=(MetricTable&&) noexcept;
    ~MetricTable();

    void set(MetricId id, const Number& number);
    [[nodiscard]] const Number* find(MetricId id) const {
        return id < positions_.size() && positions_[id] != absent ? &items_[positions_[id]].number : nullptr;
    }
    [[nodiscard]] const Number* find(std::string_view name) const { return find(MetricNames::intern(name)); }
    [[nodiscard]] std::optional<double> value(std::string_view name) const {
        const Number* found = find(name);
        return found != nullptr ? std::optional(found->value()) : std::nullopt;
    }
    [[nodiscard]] bool contains(std::string_view name) const { return find(name) != nullptr; }
    /// In the order in which the names first came.
    [[nodiscard]] const std::vector<Item>& items() const { return items_; }
    [[nodiscard]] bool empty() const { return items_.empty(); }
    [[nodiscard]] std::size_t size() const { return items_.size(); }
    void clear();
    /// "a, b, c", for messages.
    [[nodiscard]] std::string names() const;

 private:
    static constexpr std::uint32_t absent = ~std::uint32_t{0};
    std::vector<Item> items_;
    std::vector<std::uint32_t> positions_;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/metric_table.hpp>
#endif
