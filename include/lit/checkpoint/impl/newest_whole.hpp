// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/newest_whole.hpp>
#include <lit/core/compiled.hpp>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>
#include <vector>

namespace lit::detail {

LIT_INLINE std::vector<std::filesystem::path> checkpoints_beside(const std::filesystem::path& path) {
    std::vector<std::pair<std::filesystem::file_time_type, std::filesystem::path>> others;
    for (const auto& entry : std::filesystem::directory_iterator(path.has_parent_path() ? path.parent_path() : ".")) {
        std::error_code code;
        if (entry.path().extension() == ".ckpt" && entry.is_regular_file(code) &&
            !std::filesystem::equivalent(entry.path(), path, code)) {
            others.emplace_back(entry.last_write_time(code), entry.path());
        }
    }
    std::ranges::sort(others, std::greater{});
    std::vector<std::filesystem::path> found;
    for (auto& [written, other] : others) {
        found.push_back(std::move(other));
    }
    return found;
}

}  // namespace lit::detail
