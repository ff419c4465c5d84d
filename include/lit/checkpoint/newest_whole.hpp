// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/file.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace lit {

/// Reads a checkpoint or, where it is damaged, the newest whole one beside it: every `.ckpt` file of its folder is tried, the
/// newest first. `tell(text)` hears of each file that is passed over, and of the one that was taken; one of which
/// `fits(contents)` says no is passed over too.
///
/// Returns the file that was read, and what is in it.
/// Errors  FileError when `path` cannot be opened; CheckpointError, that of `path`, when no file of the folder is whole.
template <class Tell, class Fits>
[[nodiscard]] std::pair<std::filesystem::path, Value> load_newest_whole_checkpoint(const std::filesystem::path& path, Tell&& tell,
                                                                                   Fits&& fits) {
    try {
        return {path, load_checkpoint(path)};
    } catch (const CheckpointError& error) {
        tell(std::string(error.what()));
        std::vector<std::pair<std::filesystem::file_time_type, std::filesystem::path>> others;
        for (const auto& entry : std::filesystem::directory_iterator(path.has_parent_path() ? path.parent_path() : ".")) {
            std::error_code code;
            if (entry.path().extension() == ".ckpt" && entry.is_regular_file(code) &&
                !std::filesystem::equivalent(entry.path(), path, code)) {
                others.emplace_back(entry.last_write_time(code), entry.path());
            }
        }
        std::ranges::sort(others, std::greater{});
        for (const auto& [written, other] : others) {
            try {
                Value value = load_checkpoint(other);
                if (!fits(std::as_const(value))) {
                    tell("\"" + other.string() + "\" holds only weights.");
                    continue;
                }
                tell("going on from \"" + other.string() + "\" instead, the newest whole file beside it.");
                return {other, std::move(value)};
            } catch (const CheckpointError& damage) {
                tell(std::string(damage.what()));
            } catch (const FileError&) {  // pruned or made unreadable a moment ago: as if it were not there
            }
        }
        throw;
    }
}

}  // namespace lit
