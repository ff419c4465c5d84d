// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "checkpoint/support.hpp"
#include "support/small_disk.hpp"

#include <lit/checkpoint/atomic_file.hpp>
#include <lit/checkpoint/file.hpp>

#include <ATen/ops/zeros.h>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace {

using checkpoint_test::bytes_of;
using checkpoint_test::TemporaryFolder;
using checkpoint_test::write_bytes;
using lit::testing::SmallDisk;

}  // namespace

TEST_SUITE("checkpoint/atomic_file") {
    TEST_CASE("the file appears on commit, complete, and replaces the one before") {
        const TemporaryFolder folder;
        write_bytes(folder / "a", "before");
        {
            lit::AtomicFile file(folder / "a");
            file.write("one ", 4);
            file.write("two", 3);
            CHECK(bytes_of(folder / "a") == "before");
            file.commit();
        }
        CHECK(bytes_of(folder / "a") == "one two");
        CHECK(folder.files() == 1);
    }

    TEST_CASE("without commit nothing remains") {
        const TemporaryFolder folder;
        {
            lit::AtomicFile file(folder / "a");
            file.write("x", 1);
            CHECK(folder.files() == 1);
        }
        CHECK(folder.files() == 0);
    }

    TEST_CASE("the permissions are those of any new file") {
        const TemporaryFolder folder;
        const mode_t before = ::umask(027);
        lit::AtomicFile file(folder / "a");
        file.commit();
        ::umask(before);
        struct stat status {};
        REQUIRE(::stat((folder / "a").c_str(), &status) == 0);
        CHECK((status.st_mode & 07777U) == 0640U);
    }

    TEST_CASE("a name without a folder is a file of the working folder, a long name is possible") {
        const TemporaryFolder folder;
        const auto before = std::filesystem::current_path();
        std::filesystem::current_path(folder.path());
        lit::AtomicFile file("plain");
        file.commit();
        std::filesystem::current_path(before);
        CHECK(std::filesystem::exists(folder / "plain"));
        const std::string name(255, 'n');  // the longest that Linux allows
        lit::AtomicFile longest(folder / name);
        longest.commit();
        CHECK(std::filesystem::exists(folder / name));
    }

    TEST_CASE("a full disk leaves the file before, no other, and a message with the reason") {
        const TemporaryFolder folder;
        lit::save_checkpoint_file(folder / "a.ckpt", 1);
        const lit::Value large(lit::List{lit::Value(at::zeros({1 << 16})), lit::Value(at::zeros({1 << 16}))});
        for (const rlim_t room : {0, 100, 5000, 300'000}) {
            CAPTURE(room);
            const SmallDisk disk(room);
            CHECK_THROWS_WITH_AS(lit::save_checkpoint_file(folder / "a.ckpt", large),
                                 doctest::Contains("File too large"), lit::FileError);
            CHECK(folder.files() == 1);
        }
        CHECK(lit::load_checkpoint(folder / "a.ckpt").to_int() == 1);
    }

    TEST_CASE("what the system refuses is a FileError with path and reason") {
        const TemporaryFolder folder;
        write_bytes(folder / "file", "");
        std::filesystem::create_directory(folder / "taken");
        CHECK_THROWS_WITH_AS(lit::AtomicFile(folder / "file" / "a"), doctest::Contains("Not a directory"),
                             lit::FileError);
        CHECK_THROWS_WITH_AS(lit::AtomicFile(folder / "none" / "a"), doctest::Contains("No such file"),
                             lit::FileError);
        CHECK_THROWS_AS(lit::AtomicFile(folder.path() / ""), lit::FileError);
        CHECK_THROWS_AS(lit::AtomicFile(folder / std::string(256, 'n')).commit(), lit::FileError);
        CHECK_THROWS_AS(lit::save_checkpoint_file(folder / "file" / "a.ckpt", 1), lit::FileError);
        CHECK_THROWS_WITH_AS(lit::save_checkpoint_file(folder / "taken", 1), doctest::Contains("taken"),
                             lit::FileError);
        CHECK(folder.files() == 2);
    }

    TEST_CASE("a folder that may not be written is named" * doctest::skip(::geteuid() == 0)) {
        const TemporaryFolder folder;
        std::filesystem::permissions(folder.path(),
                                     std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
        CHECK_THROWS_WITH_AS(lit::AtomicFile(folder / "a"), doctest::Contains("Permission denied"),
                             lit::FileError);
    }
}
