// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "checkpoint/support.hpp"

#include <lit/checkpoint/abandoned_files.hpp>
#include <lit/checkpoint/atomic_file.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

namespace {

namespace fs = std::filesystem;
using checkpoint_test::TemporaryFolder;

/// A process that is killed while it writes.
void leave_a_file(const fs::path& target) {
    const pid_t child = ::fork();
    if (child == 0) {
        lit::AtomicFile file(target);
        file.write("half", 4);
        ::raise(SIGKILL);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
}

}  // namespace

TEST_SUITE("checkpoint/abandoned_files") {
    TEST_CASE("what a killed process left half-written goes, what is being written and what is no such file stays") {
        const TemporaryFolder folder;
        leave_a_file(folder / "a.ckpt");
        leave_a_file(folder / "epoch=3-val=0.5.ckpt");
        REQUIRE(folder.files() == 2);
        for (const char* name : {".a.ckpt.tmp", ".a.x.1.tmp", "a.1.2.tmp", ".1.2.tmp", ".a.ckpt.1.2.tmp2", "b.ckpt"}) {
            checkpoint_test::write_bytes(folder / name, "mine");
        }
        {
            lit::AtomicFile at_work(folder / "c.ckpt");
            at_work.write("c", 1);
            CHECK(lit::remove_abandoned_files(folder.path()) == 2);
            CHECK(folder.files() == 7);
            CHECK(lit::remove_abandoned_files(folder.path()) == 0);
            at_work.commit();
        }
        CHECK(fs::exists(folder / "c.ckpt"));
        CHECK(folder.files() == 7);
    }
    TEST_CASE("a folder that is not there has nothing in it") {
        const TemporaryFolder folder;
        CHECK(lit::remove_abandoned_files(folder / "none") == 0);
    }
}
