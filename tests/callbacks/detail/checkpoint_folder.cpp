// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"

#include <lit/callbacks/detail/checkpoint_folder.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }

/// Where a trainer with one logger, or none, keeps its files.
struct Places {
    struct Logger {
        fs::path folder;
        std::string number;
        [[nodiscard]] fs::path save_dir() const { return folder; }
        [[nodiscard]] static const char* name() { return "runs"; }
        [[nodiscard]] std::string version() const { return number; }
    };
    fs::path root;
    bool logs = false;
    fs::path logger_folder{};
    bool fast = false;
    std::string version = "version_3";

    [[nodiscard]] bool fast_dev_run() const { return fast; }
    void for_each_logger(auto&& f) const {
        if (logs) {
            f(Logger{logger_folder, version});
        }
    }
    [[nodiscard]] fs::path default_root_dir() const { return root; }
};

}  // namespace

TEST_SUITE("callbacks/detail/checkpoint_folder") {
    TEST_CASE("a folder is written out: the home, links, no slash at the end") {
        const scripted::Folder folder;
        fs::create_directory(folder.path() / "real");
        fs::create_directory_symlink(folder.path() / "real", folder.path() / "link");
        const fs::path base = fs::canonical(folder.path());
        CHECK(lit::detail::real_folder(folder.path() / "link" / "new") == base / "real" / "new");
        CHECK(lit::detail::real_folder(folder.path() / "real" / "") == base / "real");
        CHECK(lit::detail::real_folder(folder.path() / "real" / ".." / "x") == base / "x");
        if (const char* home = std::getenv("HOME")) {
            CHECK(lit::detail::real_folder("~/x") == fs::weakly_canonical(home) / "x");
        }
    }
    TEST_CASE("the default lies in the first logger's folder, or in the root") {
        const auto folder_of = [](Places places) { return lit::detail::default_checkpoint_folder(places); };
        CHECK(folder_of({.root = "/made"}) == "/made/checkpoints");
        CHECK(folder_of({.root = "/made", .logs = true}) == "/made/runs/version_3/checkpoints");
        CHECK(folder_of({.root = "/made", .logs = true, .logger_folder = "/elsewhere"}) ==
              "/elsewhere/runs/version_3/checkpoints");
        CHECK(folder_of({.root = "/made", .logs = true, .fast = true}) == "/made/checkpoints");  // nobody logs
    }
    TEST_CASE("tells an empty folder from one that holds something") {
        const scripted::Folder folder;
        CHECK_FALSE(lit::detail::holds_something(folder.path()));
        CHECK_FALSE(lit::detail::holds_something(folder.path() / "none"));
        write(folder.path() / "a", "x");
        CHECK(lit::detail::holds_something(folder.path()));
    }
    TEST_CASE("the newest last*.ckpt is by the time of writing, not by name") {
        const scripted::Folder folder;
        CHECK(lit::detail::newest_last(folder.path()).empty());
        CHECK(lit::detail::newest_last(folder.path() / "none").empty());
        for (const char* name : {"last.ckpt", "last-v1.ckpt", "last.txt", "best.ckpt"}) {
            write(folder.path() / name, name);
        }
        const auto now = fs::file_time_type::clock::now();
        fs::last_write_time(folder.path() / "last-v1.ckpt", now - std::chrono::hours(1));
        fs::last_write_time(folder.path() / "last.ckpt", now - std::chrono::minutes(1));
        CHECK(lit::detail::newest_last(folder.path()) == folder.path() / "last.ckpt");
    }
    TEST_CASE("without a version, the newest last*.ckpt of all versions of the first logger") {
        const scripted::Folder folder;
        const Places nobody{.root = folder.path()};
        CHECK(lit::detail::newest_last_of_versions(nobody).empty());
        const Places unstarted{.root = folder.path(), .logs = true, .version = ""};
        CHECK(lit::detail::newest_last_of_versions(unstarted).empty());
        const auto now = fs::file_time_type::clock::now();
        for (int version = 0; version < 3; ++version) {
            const fs::path checkpoints = folder.path() / "runs" / ("version_" + std::to_string(version)) / "checkpoints";
            fs::create_directories(checkpoints);
            write(checkpoints / "last.ckpt", "x");
            fs::last_write_time(checkpoints / "last.ckpt", now - std::chrono::minutes(version == 1 ? 1 : 5));
        }
        CHECK(lit::detail::newest_last_of_versions(unstarted) == folder.path() / "runs/version_1/checkpoints/last.ckpt");
        const Places started{.root = folder.path(), .logs = true, .version = "version_2"};
        CHECK(lit::detail::newest_last_of_versions(started).empty());  // its folder is known, and looked into elsewhere
    }
    TEST_CASE("only a file of the own folder goes, and not the new one nor the one the run started from") {
        using lit::detail::may_remove;
        CHECK(may_remove("/f/a.ckpt", "/f/b.ckpt", "", "/f"));
        CHECK(may_remove("/f/sub/a.ckpt", "/f/b.ckpt", "/g/a.ckpt", "/f"));
        CHECK_FALSE(may_remove("/f/a.ckpt", "/f/./a.ckpt", "", "/f"));
        CHECK_FALSE(may_remove("/f/a.ckpt", "/f/b.ckpt", "/f/x/../a.ckpt", "/f"));
        CHECK_FALSE(may_remove("/g/a.ckpt", "/f/b.ckpt", "", "/f"));
        CHECK_FALSE(may_remove("/f", "/f/b.ckpt", "", "/f"));
    }
}
