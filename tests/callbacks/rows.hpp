// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/loggers/logger.hpp>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace scripted {

/// A logger that keeps the rows of which one name begins with the given prefix.
struct KeptRows {
    struct Row {
        std::int64_t step = 0;
        std::vector<std::pair<std::string, double>> values{};

        [[nodiscard]] std::string names() const {
            std::string all;
            for (const auto& [name, value] : values) {
                all += (all.empty() ? "" : " ") + name;
            }
            return all;
        }
        [[nodiscard]] double at(std::string_view wanted) const {
            for (const auto& [name, value] : values) {
                if (name == wanted) {
                    return value;
                }
            }
            return -1.0;
        }
    };
    std::string prefix{};
    std::vector<Row> rows{};

    void log_metrics(std::span<const lit::Scalar> metrics, std::int64_t step) {
        if (metrics.front().name.starts_with(prefix)) {
            Row& row = rows.emplace_back(Row{step, {}});
            for (const lit::Scalar& scalar : metrics) {
                row.values.emplace_back(std::string(scalar.name), scalar.value);
            }
        }
    }
    static void start(const std::filesystem::path& /*root*/) {}
    static void log_hyperparams(const lit::Dict& /*params*/) {}
    static void save() {}
    static void finalize(std::string_view /*status*/) {}
    [[nodiscard]] static std::string name() { return {}; }
    [[nodiscard]] static std::string version() { return {}; }
    [[nodiscard]] static std::filesystem::path save_dir() { return {}; }
    [[nodiscard]] static std::filesystem::path log_dir() { return {}; }
};
static_assert(lit::LoggerPolicy<KeptRows>);

}  // namespace scripted
