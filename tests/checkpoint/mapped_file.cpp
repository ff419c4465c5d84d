// SPDX-License-Identifier: Apache-2.0
#include <lit/checkpoint/mapped_file.hpp>
#include <lit/core/error.hpp>

#include "checkpoint/support.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/empty.h>

#include <cstdint>
#include <memory>
#include <string>

using checkpoint_test::bytes_of;
using checkpoint_test::TemporaryFolder;
using checkpoint_test::write_bytes;

TEST_SUITE("checkpoint/mapped_file") {
    TEST_CASE("the bytes are the file's, also of an empty one") {
        const TemporaryFolder folder;
        write_bytes(folder / "some", "abcdef");
        write_bytes(folder / "none", "");
        CHECK(lit::MappedFile(folder / "some").bytes() == "abcdef");
        CHECK(lit::MappedFile(folder / "none").bytes().empty());
    }

    TEST_CASE("a storage keeps the file mapped, and what is written into it leaves the file alone") {
        const TemporaryFolder folder;
        write_bytes(folder / "some", "abcdef");
        auto file = std::make_shared<lit::MappedFile>(folder / "some");
        std::weak_ptr<lit::MappedFile> still_there = file;
        {
            const at::Tensor tensor =
                at::empty({0}, at::kByte).set_(lit::MappedFile::storage(file, 2, 3), 0, {3}, {1});
            file.reset();
            REQUIRE(still_there.lock() != nullptr);
            CHECK(tensor[0].item<std::uint8_t>() == 'c');
            tensor.fill_('x');
            CHECK(still_there.lock()->bytes() == "abxxxf");
        }
        CHECK(still_there.expired());
        CHECK(bytes_of(folder / "some") == "abcdef");
    }

    TEST_CASE("what cannot be mapped is named, with the reason") {
        const TemporaryFolder folder;
        CHECK_THROWS_WITH_AS(lit::MappedFile(folder / "absent"),
                             doctest::Contains("absent\" cannot be mapped: No such file"), lit::FileError);
        CHECK_THROWS_WITH_AS(lit::MappedFile{folder.path()}, doctest::Contains("Is a directory"),
                             lit::FileError);
        CHECK_THROWS_WITH_AS(lit::MappedFile("/dev/null"), doctest::Contains("/dev/null"), lit::FileError);
    }
}
