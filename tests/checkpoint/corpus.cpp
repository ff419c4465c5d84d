// SPDX-License-Identifier: Apache-2.0
// The files that corpus/make.py makes: hostile and broken ones, and ones that only look strange.
#include "support/doctest.hpp"

#include "checkpoint/support.hpp"

#include <lit/checkpoint/file.hpp>
#include <lit/core/error.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_in(const std::string& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(fs::path(LIT_SOURCE_DIR) / "tests/checkpoint/corpus" / folder)) {
        files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

}  // namespace

TEST_SUITE("checkpoint/corpus") {
    TEST_CASE("every hostile and every broken file is refused with a message, read or mapped") {
        const auto files = files_in("refused");
        CHECK(files.size() > 80);
        for (const fs::path& file : files) {
            CAPTURE(file.filename().string());
            for (const bool mmap : {false, true}) {
                if (mmap && file.stem() == "a_bit_of_a_number") {
                    continue;  // nobody has looked at its checksum
                }
                CHECK_THROWS_WITH_AS(lit::load_checkpoint(file, {.mmap = mmap}), doctest::Contains(file.filename().c_str()),
                                     lit::CheckpointError);
            }
        }
        CHECK_FALSE(fs::exists("/tmp/lit_was_here"));
    }
    TEST_CASE("a file that only names what is not known is read") {
        const auto files = files_in("read");
        CHECK(files.size() == 10);
        for (const fs::path& file : files) {
            CAPTURE(file.filename().string());
            CHECK_NOTHROW(lit::load_checkpoint(file));
        }
    }
    TEST_CASE("memory is bounded by a limit that a reader may lower") {
        const fs::path file = fs::path(LIT_SOURCE_DIR) / "tests/checkpoint/corpus/read/user_class.pt";
        CHECK_THROWS_WITH_AS(lit::load_checkpoint(file, {.limits = {.max_bytes = 100}}),
                             doctest::Contains("more than 100 bytes"), lit::CheckpointError);
        CHECK_THROWS_WITH_AS(
            lit::load_checkpoint(file.parent_path() / "nested_50_deep.pt", {.limits = {.max_depth = 20}}),
            doctest::Contains("nested more than 20 deep"), lit::CheckpointError);
    }
}
