// SPDX-License-Identifier: Apache-2.0
#include "loggers/reference/folder.hpp"
#include "support/doctest.hpp"  // LibTorch defines CHECK and LOG; this drops them, then includes doctest

#include <lit/core/error.hpp>
#include <lit/loggers/run_folder.hpp>

#include <atomic>
#include <barrier>
#include <cstddef>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

using lit::detail::RunFolder;

std::string version_in(const reference::TemporaryFolder& folder) {
    RunFolder run("Test", folder.text(), "runs", "");
    run.start("unused");
    CHECK(run.log_dir() == folder.path() / "runs" / run.version());
    CHECK(std::filesystem::is_directory(run.log_dir()));
    return run.version();
}

TEST_SUITE("loggers/run_folder") {
    TEST_CASE("the version is one more than the greatest that is there") {
        const reference::TemporaryFolder folder;
        CHECK(version_in(folder) == "version_0");
        CHECK(version_in(folder) == "version_1");
        std::filesystem::create_directories(folder.path() / "runs" / "version_10");
        std::filesystem::create_directories(folder.path() / "runs" / "version_x");
        std::filesystem::create_directories(folder.path() / "runs" / "mine");
        reference::write(folder.path() / "runs" / "version_99", "a file is no version");
        CHECK(version_in(folder) == "version_11");
        std::filesystem::create_directories(folder.path() / "runs" / "version_20_old");
        CHECK(version_in(folder) == "version_21");
        // There is no number behind this one, and a link that leads in a circle is no folder.
        std::filesystem::create_directories(folder.path() / "runs" / "version_9223372036854775806");
        std::filesystem::create_symlink("version_50", folder.path() / "runs" / "version_50");
        CHECK(version_in(folder) == "version_22");
    }

    TEST_CASE("runs that start at once do not share a folder") {
        const reference::TemporaryFolder folder;
        constexpr std::ptrdiff_t count = 4;
        constexpr int rounds = 100;
        std::vector<std::vector<std::string>> versions(count);
        std::atomic<int> refused = 0;
        {
            std::barrier together(count);
            std::vector<std::thread> threads;
            for (auto& mine : versions) {
                threads.emplace_back([&] {
                    for (int round = 0; round < rounds; ++round) {
                        RunFolder run("Test", folder.text(), "runs", "");
                        together.arrive_and_wait();
                        try {
                            run.start("");
                        } catch (const lit::FileError&) {
                            ++refused;
                        }
                        mine.push_back(run.version());
                    }
                });
            }
            for (auto& thread : threads) {
                thread.join();
            }
        }
        CHECK(refused == 0);
        std::set<std::string> different;
        for (const auto& mine : versions) {
            different.insert(mine.begin(), mine.end());
        }
        CHECK(different.size() == static_cast<std::size_t>(count * rounds));
    }

    TEST_CASE(
        "a version that the user names is taken as it is, and a run that starts again stays where it was") {
        const reference::TemporaryFolder folder;
        RunFolder named("Test", "", "", "mine", "rank_0");
        CHECK(named.log_dir().empty());
        named.start(folder.path());
        CHECK(named.log_dir() == folder.path() / "mine" / "rank_0");
        RunFolder counted("Test", folder.text(), "runs", "");
        counted.start("");
        counted.start("");
        CHECK(counted.version() == "version_0");
    }

    TEST_CASE("a folder that cannot be made is refused with its path and the reason") {
        const reference::TemporaryFolder folder;
        reference::write(folder.path() / "file", "in the way");
        RunFolder run("CSVLogger", (folder.path() / "file" / "below").string(), "runs", "");
        CHECK_THROWS_WITH_AS(run.start(""), doctest::Contains("/file/below"), lit::FileError);
        RunFolder again("CSVLogger", (folder.path() / "file").string(), "", "");
        CHECK_THROWS_WITH_AS(again.start(""), doctest::Contains("Not a directory"), lit::FileError);
        CHECK_FALSE(again.started());
        RunFolder kernel("CSVLogger", "/proc/lit", "runs", "");
        CHECK_THROWS_WITH_AS(kernel.start(""),
                             doctest::Contains("CSVLogger: cannot create the folder /proc/lit"),
                             lit::FileError);
    }

    TEST_CASE("`~` is the home folder") {
        const char* home = std::getenv("HOME");
        if (home != nullptr) {
            CHECK(lit::detail::expand_home("~/runs") == std::filesystem::path(home) / "runs");
            CHECK(lit::detail::expand_home("~//runs") == std::filesystem::path(home) / "runs");
        }
        CHECK(lit::detail::expand_home("a~b") == "a~b");
    }

    TEST_CASE("a full disk is an error and not silence") {
        if (std::filesystem::exists("/dev/full")) {
            lit::detail::AppendFile file("CSVLogger", "/dev/full", lit::detail::AppendFile::Mode::append);
            CHECK_THROWS_WITH_AS(file.write("x"), doctest::Contains("No space left on device"),
                                 lit::FileError);
        }
    }

    TEST_CASE("a run that goes on takes its own folder again, and no other") {
        const reference::TemporaryFolder folder;
        RunFolder first("Test", folder.text(), "runs", "");
        first.start("unused");
        const lit::Dict identity = first.identity();
        CHECK(version_in(folder) == "version_1");
        RunFolder again("Test", folder.text(), "runs", "");
        again.go_on_with(identity);
        again.start("unused");
        CHECK(again.goes_on());
        CHECK(again.log_dir() == first.log_dir());

        RunFolder named("Test", folder.text(), "runs", "mine");  // the user's word counts for more
        named.go_on_with(identity);
        named.start("unused");
        CHECK(!named.goes_on());
        CHECK(named.version() == "mine");
        RunFolder same_name("Test", folder.text(), "runs", "version_0");
        same_name.go_on_with(identity);
        same_name.start("unused");
        CHECK(same_name.goes_on());

        const reference::TemporaryFolder elsewhere;  // another folder's version_0 is another run
        std::filesystem::create_directories(elsewhere.path() / "runs" / "version_0");
        RunFolder other("Test", elsewhere.text(), "runs", "");
        other.go_on_with(identity);
        other.start("unused");
        CHECK(!other.goes_on());
        CHECK(other.version() == "version_1");
        std::filesystem::remove_all(first.log_dir());  // gone: a new one
        RunFolder gone("Test", folder.text(), "runs", "");
        gone.go_on_with(identity);
        gone.start("unused");
        CHECK(!gone.goes_on());
    }
}

}  // namespace
