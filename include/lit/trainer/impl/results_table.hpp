// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/loops/evaluation_metrics.hpp>
#include <lit/trainer/results_table.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lit::detail {

LIT_INLINE std::string results_table(const std::vector<Metrics>& results, std::string_view title) {
    std::set<std::string> names;
    for (const Metrics& metrics : results) {
        for (const auto& [name, value] : metrics) {
            names.insert(name);
        }
    }
    if (names.empty()) {
        return {};
    }
    std::size_t width = title.size();
    for (const std::string& name : names) {
        width = std::max(width, name.size());
    }
    std::string text;
    const auto line = [&](std::string_view first, auto&& cell) {
        text += std::string(first) + std::string(width - first.size(), ' ');
        for (std::size_t i = 0; i < results.size(); ++i) {
            const std::string content = cell(i);
            text += "  " + std::string(content.size() < 14 ? 14 - content.size() : 0, ' ') + content;
        }
        text += '\n';
    };
    line(title, [&](std::size_t i) { return results.size() == 1 ? std::string("value") : "loader " + std::to_string(i); });
    text += std::string(width + 16 * results.size(), '-') + '\n';
    for (const std::string& name : names) {
        line(name, [&](std::size_t i) {
            const auto found = results[i].find(name);
            if (found == results[i].end()) {
                return std::string("-");
            }
            char number[32];
            std::snprintf(number, sizeof number, "%.6g", found->second);
            return std::string(number);
        });
    }
    return text;
}

}  // namespace lit::detail
