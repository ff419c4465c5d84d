// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/file.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lit {
namespace detail {

/// The `.ckpt` files of the folder of `path` other than `path`, the newest first.
[[nodiscard]] LIT_INLINE std::vector<std::filesystem::path> checkpoints_beside(const std::filesystem::path& path);

}  // namespace detail

/// The newest whole `.ckpt` file of a folder other than `damaged`, and what is in it; empty when there is none. `tell(text)`
/// hears of each file that is passed over; one of which `fits(contents)` says no is passed over too.
template <class Tell, class Fits>
[[nodiscard]] std::optional<std::pair<std::filesystem::path, Value>> find_newest_whole_checkpoint(
    const std::filesystem::path& damaged, Tell&& tell, Fits&& fits) {
    for (const std::filesystem::path& other : detail::checkpoints_beside(damaged)) {
        try {
            Value value = load_checkpoint(other);
            if (fits(std::as_const(value))) {
                return std::pair(other, std::move(value));
            }
            tell("\"" + other.string() + "\" holds only weights.");
        } catch (const CheckpointError& damage) {
            tell(std::string(damage.what()));
        } catch (const FileError&) {  // pruned or made unreadable a moment ago: as if it were not there
        }
    }
    return std::nullopt;
}

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
        auto found = find_newest_whole_checkpoint(path, tell, fits);
        if (!found) {
            throw;
        }
        tell("going on from \"" + found->first.string() + "\" instead, the newest whole file beside it.");
        return std::move(*found);
    }
}

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/checkpoint/impl/newest_whole.hpp>
#endif
