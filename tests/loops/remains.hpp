// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "loops/semantics_tools.hpp"
#include "support/process.hpp"
#include "support/spelt.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

/// Runs of tests/programs/learner*.cpp, and what they leave behind.
namespace remains {

namespace fs = std::filesystem;

inline constexpr int was_cut = 9;  ///< the exit status of a process that cut itself off

inline std::string text_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A run's last checkpoint, those of its ModelCheckpoint, its rows.
struct Remains {
    std::vector<std::string> end;
    std::map<std::string, std::vector<std::string>> checkpoints;
    std::string rows;

    explicit Remains(const fs::path& folder)
        : end(spelt::lines_of(folder / "end.ckpt", folder)),
          rows(text_of(folder / "lightning_logs" / "version_0" / "metrics.csv")) {
        for (const auto& entry : fs::directory_iterator(folder / "best")) {
            checkpoints[entry.path().filename().string()] = spelt::lines_of(entry.path(), folder);
        }
    }
    /// The first difference, or nothing.
    [[nodiscard]] std::string differs_from(const Remains& other) const {
        std::string found = spelt::difference(other.end, end);
        if (!found.empty()) {
            return "end.ckpt: " + found;
        }
        if (checkpoints.size() != other.checkpoints.size()) {
            return "another number of checkpoints";
        }
        for (const auto& [name, lines] : other.checkpoints) {
            const auto own = checkpoints.find(name);
            found = own == checkpoints.end() ? "is missing" : spelt::difference(lines, own->second);
            if (!found.empty()) {
                return name + ": " + found;
            }
        }
        return rows == other.rows ? "" : "metrics.csv:\n" + other.rows + "----\n" + rows;
    }
};

/// Processes of one folder, which is emptied for each run that begins.
struct Runs {
    semantics::Folder folder;

    [[nodiscard]] fs::path path(const std::string& name) const { return folder.path() / name; }
    [[nodiscard]] std::string output() const { return text_of(path("output.txt")); }
    void clear() const {
        for (const auto& entry : fs::directory_iterator(folder.path())) {
            fs::remove_all(entry.path());
        }
    }
    /// What every run is told.
    [[nodiscard]] std::vector<std::string> with_places(std::vector<std::string> arguments) const {
        arguments.push_back("folder=" + folder.path().string());
        arguments.push_back("end=" + path("end.ckpt").string());
        return arguments;
    }
    [[nodiscard]] int run(const std::string& program, const std::vector<std::string>& arguments) const {
        return process::wait(process::start(LIT_PROGRAMS "/" + program, with_places(arguments), path("output.txt").string()));
    }
    [[nodiscard]] std::vector<std::string> cut_at(const std::string& where, std::int64_t occasion) const {
        return {"save=" + path("cut.ckpt").string(), "where=" + where, "occasion=" + std::to_string(occasion)};
    }
    [[nodiscard]] std::vector<std::string> from_the_cut() const { return {"from=" + path("cut.ckpt").string(), "seed=77"}; }
};

}  // namespace remains
