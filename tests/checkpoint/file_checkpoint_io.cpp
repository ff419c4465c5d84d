// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "checkpoint/support.hpp"

#include <lit/checkpoint/file_checkpoint_io.hpp>

#include <filesystem>

namespace {

namespace fs = std::filesystem;
using checkpoint_test::bytes_of;
using checkpoint_test::TemporaryFolder;
using checkpoint_test::write_bytes;

}  // namespace

TEST_SUITE("checkpoint/file_checkpoint_io") {
    TEST_CASE("saves, finds and removes files and folders") {
        const TemporaryFolder folder;
        const lit::FileCheckpointIO io;
        const fs::path path = folder / "a.ckpt";
        CHECK(!io.exists(path));
        io.save_checkpoint({{"step", 3}}, path);
        CHECK(io.exists(path));
        CHECK(lit::load_checkpoint(path).at("step").to_int() == 3);
        io.remove_checkpoint(path);
        CHECK(!io.exists(path));
        io.remove_checkpoint(path);  // what is not there is no error
        fs::create_directories(folder / "sharded.ckpt" / "rank_0");
        io.remove_checkpoint(folder / "sharded.ckpt");
        CHECK(folder.files() == 0);
    }
    TEST_CASE("a link is relative, and takes the place of what is there") {
        const TemporaryFolder folder;
        const lit::FileCheckpointIO io;
        write_bytes(folder / "a.ckpt", "a");
        write_bytes(folder / "last.ckpt", "old");
        io.link_checkpoint(folder / "a.ckpt", folder / "last.ckpt");
        CHECK(fs::read_symlink(folder / "last.ckpt") == "a.ckpt");
        CHECK(bytes_of(folder / "last.ckpt") == "a");
        fs::create_directory(folder / "folder.ckpt");
        io.link_checkpoint(folder / "a.ckpt", folder / "folder.ckpt");
        CHECK(bytes_of(folder / "folder.ckpt") == "a");
        io.link_checkpoint(folder / "a.ckpt", folder / "a.ckpt");  // to itself: nothing
        CHECK(fs::is_regular_file(folder / "a.ckpt"));
        CHECK(folder.files() == 3);
        CHECK_THROWS_WITH_AS(io.link_checkpoint(folder / "a.ckpt", folder.path() / "none" / "last.ckpt"),
                             doctest::Contains("cannot be made to point to"), lit::FileError);
    }
    TEST_CASE("what cannot be removed is named" * doctest::skip(::geteuid() == 0)) {
        const TemporaryFolder folder;
        fs::create_directories(folder / "shut");
        write_bytes(folder.path() / "shut" / "a.ckpt", "a");
        fs::permissions(folder / "shut", fs::perms::owner_read | fs::perms::owner_exec);
        CHECK_THROWS_WITH_AS(lit::remove_checkpoint_file(folder.path() / "shut" / "a.ckpt"), doctest::Contains("a.ckpt"),
                             lit::FileError);
        fs::permissions(folder / "shut", fs::perms::owner_all);
    }
}
