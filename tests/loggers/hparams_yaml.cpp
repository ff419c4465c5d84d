// SPDX-License-Identifier: Apache-2.0
#include "loggers/reference/folder.hpp"
#include "support/doctest.hpp"  // LibTorch defines CHECK and LOG; this drops them, then includes doctest

#include <lit/core/error.hpp>
#include <lit/loggers/hparams_yaml.hpp>

#include <filesystem>
#include <iterator>

namespace {

using lit::Dict;

TEST_SUITE("loggers/hparams_yaml") {
    TEST_CASE("a file is replaced as a whole, and a folder that is missing is named") {
        const reference::TemporaryFolder folder;
        const auto path = folder.path() / "hparams.yaml";
        reference::write(path, "old content that is longer than the new one\n");
        lit::save_hparams_to_yaml(path, Dict{{"a", 1}});
        CHECK(reference::content(path) == "a: 1\n");
        CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
        CHECK_THROWS_WITH_AS(lit::save_hparams_to_yaml(folder.path() / "none" / "hparams.yaml", Dict{}),
                             doctest::Contains("No such file or directory"), lit::FileError);
    }
}

}  // namespace
