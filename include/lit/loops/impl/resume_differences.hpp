// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/loops/resume_differences.hpp>

#include <cstddef>
#include <filesystem>
#include <string>

namespace lit::detail {

LIT_INLINE void ResumeDifferences::compare_scheduler(std::size_t index, const Value& own, const Value& saved) {
    if (own.is<Dict>() && saved.is<Dict>()) {
        compare_settings("scheduler " + std::to_string(index), own.dict(), saved.dict());
    }
}

LIT_INLINE void ResumeDifferences::refuse(const std::filesystem::path& file) const {
    if (stand_in_the_way_) {
        throw CheckpointError("fit: \"" + file.string() + "\" does not fit what configure_optimizers() returned:" + text() +
                              "\nResume with the optimizers and schedulers that wrote the file, or begin a new fit "
                              "from its weights with load_from_checkpoint.");
    }
}

LIT_INLINE std::string ResumeDifferences::text() const {
    std::string all;
    for (const std::string& line : lines_) {
        all += "\n  " + line;
    }
    return all;
}

LIT_INLINE void ResumeDifferences::compare_settings(const std::string& which, const Dict& own, const Dict& saved) {
    const std::string only_here = missing_in(saved, own);
    if (!only_here.empty()) {
        const std::string only_there = missing_in(own, saved);
        misfit(which + ": only here: " + only_here +
               (only_there.empty() ? std::string() : "; only in the file: " + only_there));
    }
}

LIT_INLINE std::string ResumeDifferences::missing_in(const Dict& where, const Dict& all) {
    std::string names;
    for (const auto& [key, value] : all) {
        const bool counts = key.is<std::string>() && !is_private(key) && !is_flag(value) && !key.equals("initial_lr") &&
                            !key.equals("name");
        if (counts && !where.contains(key.string())) {
            names += (names.empty() ? "" : ", ") + key.string();
        }
    }
    return names;
}

}  // namespace lit::detail
