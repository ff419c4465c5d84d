// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "data/idx_files.hpp"

#include <lit/core/error.hpp>
#include <lit/data/idx.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

using namespace idx_files;

Bytes content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
template <class Error>
std::string message(const fs::path& path, const lit::IdxExpectation& expected = {}) {
    try {
        static_cast<void>(lit::read_idx(path, expected));
    } catch (const Error& error) {
        CHECK(std::string(error.what()).find(path.string()) != std::string::npos);
        return error.what();
    }
    return "no exception";
}
bool has(const std::string& text, const std::string& part) {
    CAPTURE(text);
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
    return text.find(part) != std::string::npos;
}

const Bytes good = idx(0x08, {3, 4, 5}, counting(60));

}  // namespace

TEST_SUITE("data/idx") {
    TEST_CASE("plain and gzip files give the same tensor, whatever their name") {
        const Folder folder;
        const at::Tensor plain = lit::read_idx(folder.plain("a.gz", good));
        const at::Tensor packed = lit::read_idx(folder.packed("b", good), {.dtype = at::kByte, .dims = 3});
        CHECK(plain.sizes().vec() == std::vector<std::int64_t>{3, 4, 5});
        CHECK((plain.scalar_type() == at::kByte));
        CHECK(plain[0][0][1].item<int>() == 37);
        CHECK(at::equal(plain, packed));
        CHECK(lit::read_idx(folder.plain("empty", idx(0x08, {0, 28, 28}, ""))).numel() == 0);
    }
    TEST_CASE("every type is read, from the file's byte order to this machine's") {
        const Folder folder;
        CHECK(lit::read_idx(folder.plain("i8", idx(0x09, {1}, "\xff")))[0].item<int>() == -1);
        CHECK(lit::read_idx(folder.plain("i16", idx(0x0B, {2}, big_endian(0x0102FFFE))))[1].item<int>() ==
              -2);
        CHECK(lit::read_idx(folder.packed("i32", idx(0x0C, {2}, big_endian(258) + big_endian(0xFFFFFFFF))))[0]
                  .item<int>() == 258);
        CHECK(lit::read_idx(folder.plain("f32", idx(0x0D, {1}, big_endian(0x3FC00000))))[0].item<float>() ==
              1.5F);
        CHECK(lit::read_idx(folder.plain("f64", idx(0x0E, {1}, big_endian(0xC0040000) + big_endian(0))))[0]
                  .item<double>() == -2.5);
    }
    TEST_CASE("a missing file, a folder and a file of another kind are told apart") {
        const Folder folder;
        has(message<lit::FileError>(folder.path() / "absent"), "no such file");
        has(message<lit::FileError>(folder.path()), "not a regular file");
        has(message<lit::DataError>(folder.plain("png", "\x89PNG\r\n")),
            "starts with 89 50 4e 47, not with 00 00");
        has(message<lit::DataError>(folder.plain("type", idx(0x0A, {1}, "a"))), "this is no IDX file");
        has(message<lit::DataError>(folder.plain("none", Bytes(4, '\0'))), "this is no IDX file");
        has(message<lit::DataError>(folder.plain("short", Bytes(2, '\0'))),
            "ends within the first four bytes");
        has(message<lit::DataError>(folder.plain("zero", "")), "ends within the first four bytes");
        const fs::path path = folder.plain("good", good);
        has(message<lit::DataError>(path, {.dims = 1}), "has 3 dimensions, expected 1");
        has(message<lit::DataError>(path, {.dtype = at::kFloat}), "holds Byte, expected Float");
    }
    TEST_CASE("a truncated file says what is there and what was announced") {
        const Folder folder;
        has(message<lit::DataError>(folder.plain("body", good.substr(0, good.size() - 10))),
            "announces 3 x 4 x 5 values, 60 bytes, but 50 follow the header: truncated");
        has(message<lit::DataError>(folder.plain("header", good.substr(0, 10))), "ends within its header");
        has(message<lit::DataError>(folder.packed("short.gz", good.substr(0, good.size() - 10))),
            "ends after 50 of the 60 bytes that its header announces (3 x 4 x 5): truncated");
        const Bytes packed = content(folder.packed("whole.gz", idx(0x08, {4000}, counting(4000))));
        for (const std::size_t size : {packed.size() / 2, packed.size() - 8, packed.size() - 4}) {
            CAPTURE(size);
            has(message<lit::DataError>(folder.plain("cut.gz", packed.substr(0, size))), "breaks off");
        }
    }
    TEST_CASE("a file with more than it announces is refused") {
        const Folder folder;
        has(message<lit::DataError>(folder.plain("long", good + "x")),
            "60 bytes, but 61 follow the header: too long");
        has(message<lit::DataError>(folder.packed("long.gz", good + "x")), "goes on after the 60 bytes");
    }
    TEST_CASE("a damaged gzip stream is refused, wherever the damage is") {
        const Folder folder;
        const Bytes packed = content(folder.packed("whole.gz", idx(0x08, {4000}, counting(4000))));
        Bytes body = packed;
        body[body.size() / 2] = static_cast<char>(body[body.size() / 2] ^ 0x55);
        has(message<lit::DataError>(folder.plain("body.gz", body)), "IDX file");
        Bytes checksum = packed;
        checksum[checksum.size() - 8] = static_cast<char>(checksum[checksum.size() - 8] ^ 1);
        has(message<lit::DataError>(folder.plain("sum.gz", checksum)), "damaged gzip data");
    }
    TEST_CASE("an absurd header is refused before anything is allocated") {
        const Folder folder;
        const std::uint32_t huge = 0xFFFFFFFF;
        has(message<lit::DataError>(folder.plain("a", idx(0x0E, {huge, huge, huge}, "x"))),
            "more than a file can hold");
        has(message<lit::DataError>(folder.plain("b", idx(0x08, {huge, 200}, "x"))),
            "858993459000 bytes, but 1 follow the header");
        has(message<lit::DataError>(folder.packed("c.gz", idx(0x08, {huge, 200}, "x"))),
            "bytes of gzip can hold: damaged header");
    }
}
