// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "checkpoint/support.hpp"

#include <lit/checkpoint/safetensors.hpp>
#include <lit/core/error.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace {

using checkpoint_test::bytes_of;
using checkpoint_test::same;
using checkpoint_test::TemporaryFolder;
using checkpoint_test::write_bytes;

std::string file_of(const std::string& header, const std::string& data = "") {
    const std::uint64_t length = header.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    return bytes + header + data;
}
const std::string floats(16, '\0');  // four of them

}  // namespace

TEST_SUITE("checkpoint/safetensors") {
    TEST_CASE("tensors of every dtype come back to the bit, by name, with the metadata") {
        const TemporaryFolder folder;
        lit::Dict tensors;
        for (const auto& dtype : lit::detail::safetensors_dtypes) {
            at::Tensor bytes = at::arange(static_cast<std::int64_t>(6 * c10::elementSize(dtype.dtype)), at::kByte);
            if (dtype.dtype == at::kBool) {
                bytes = bytes.remainder(2);
            }
            tensors.append(std::string(dtype.name), bytes.view(dtype.dtype).view({2, 3}));
        }
        tensors.append("scalar", at::tensor(1.5));
        tensors.append("empty", at::zeros({0, 3}));
        tensors.append("a \"quoted\" näme", at::rand({3}));
        lit::save_safetensors(folder / "a.safetensors", tensors, {{"format", "pt"}, {"note", "two\nlines"}});
        lit::SafetensorsMetadata metadata;
        const lit::Dict back = lit::load_safetensors(folder / "a.safetensors", &metadata);
        CHECK(back.size() == tensors.size());
        for (const auto& [name, tensor] : tensors) {
            CAPTURE(name.string());
            CHECK(same(back.at(name.string()), tensor));
        }
        CHECK(metadata == lit::SafetensorsMetadata{{"format", "pt"}, {"note", "two\nlines"}});
        CHECK(folder.files() == 1);
    }
    TEST_CASE("the layout is the reference writer's: large numbers first, then by name, the header padded to 8") {
        const TemporaryFolder folder;
        lit::save_safetensors(folder / "a.safetensors", {{"b", at::zeros({1})},
                                                        {"flag", at::ones({1}, at::kBool)},
                                                        {"a", at::zeros({1})},
                                                        {"count", at::zeros({1}, at::kLong)}});
        const std::string bytes = bytes_of(folder / "a.safetensors");
        std::uint64_t length = 0;
        std::memcpy(&length, bytes.data(), 8);
        CHECK(length % 8 == 0);
        CHECK(bytes.substr(8, length).starts_with(
            "{\"count\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],"
            "\"data_offsets\":[8,12]},\"b\":"));
        CHECK(bytes.size() == 8 + length + 17);
    }
    TEST_CASE("nothing is copied, and to write into a tensor leaves the file alone") {
        const TemporaryFolder folder;
        const at::Tensor numbers = at::rand({100});
        lit::save_safetensors(folder / "a.safetensors", {{"x", numbers}});
        const std::string before = bytes_of(folder / "a.safetensors");
        at::Tensor kept;
        {
            const lit::Dict file = lit::load_safetensors(folder / "a.safetensors");
            kept = file.at("x").tensor();
        }
        CHECK(same(kept, numbers));
        kept.zero_();
        CHECK(bytes_of(folder / "a.safetensors") == before);
    }
    TEST_CASE("views are written as they read, tied tensors once") {
        const TemporaryFolder folder;
        const at::Tensor base = at::rand({3, 4});
        lit::save_safetensors(folder / "a.safetensors",
                              {{"head", base}, {"turned", base.t()}, {"embedding", base}, {"row", base[1]}});
        lit::SafetensorsMetadata metadata;
        const lit::Dict back = lit::load_safetensors(folder / "a.safetensors", &metadata);
        CHECK(same(back.at("turned"), base.t().contiguous()));
        CHECK(same(back.at("row"), base[1].clone()));
        CHECK(metadata == lit::SafetensorsMetadata{{"embedding", "head"}});
        const bool tied = back.at("embedding").tensor().is_same(back.at("head").tensor());
        CHECK(tied);
    }
    TEST_CASE("what the format cannot hold is refused, and leaves the file that was there") {
        const TemporaryFolder folder;
        lit::save_safetensors(folder / "a.safetensors", {{"x", at::ones({1})}});
        const std::string before = bytes_of(folder / "a.safetensors");
        for (const lit::Value& value : {lit::Value(1), lit::Value(at::Tensor()), lit::Value(at::ones({2, 2}).to_sparse()),
                                        lit::Value(at::ones({2}, at::kComplexDouble))}) {
            CHECK_THROWS_WITH_AS(lit::save_safetensors(folder / "a.safetensors", {{"bad", value}}),
                                 doctest::Contains("safetensors: bad is"), lit::CheckpointError);
        }
        CHECK_THROWS_AS(lit::save_safetensors(folder / "a.safetensors", {{"\xff", at::ones({1})}}), lit::CheckpointError);
        CHECK_THROWS_AS(lit::save_safetensors(folder / "a.safetensors", {{"__metadata__", at::ones({1})}}),
                        lit::CheckpointError);
        CHECK(bytes_of(folder / "a.safetensors") == before);
        CHECK(folder.files() == 1);
    }
    TEST_CASE("every rule of the format is held, with the path and what is wrong") {
        const TemporaryFolder folder;
        const std::string good = R"({"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})";
        struct Row {
            std::string bytes;
            const char* says;
        };
        const auto header = [](const std::string& text, const std::string& data = floats) { return file_of(text, data); };
        std::string long_header = file_of("{}");
        long_header[4] = 1;
        for (const Row& row :
             {Row{"short", "too short"}, Row{long_header, "more than the 100 MB"},
              Row{file_of(good).substr(0, 20), "ends inside of its header"}, Row{header("[]"), "no JSON object"},
              Row{header("{\"x\""), "no JSON object"}, Row{header("{\"x\":1}"), "lacks a dtype"},
              Row{header(R"({"x":{"dtype":"F32","shape":[4]}})"), "lacks a dtype"},
              Row{header(R"({"x":{"dtype":"F32","shape":[4],"data_offsets":[0]}})"), "two offsets"},
              Row{header(R"({"x":{"dtype":"Q8","shape":[4],"data_offsets":[0,16]}})"), "dtype Q8, which lit does not know"},
              Row{header(R"({"x":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}})"), "negative"},
              Row{header(R"({"x":{"dtype":"F32","shape":[4.5],"data_offsets":[0,16]}})"), "negative, or none"},
              Row{header(R"({"x":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}})"), "by its shape"},
              Row{header(R"({"x":{"dtype":"F32","shape":[5],"data_offsets":[0,16]}})"), "20 bytes by its shape"},
              Row{header(R"({"x":{"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,16]}})"), "impossible"},
              Row{header(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})"), "begin at 8 where 0"},
              Row{header(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"), "have 8 bytes, and the file has 16"},
              Row{header(R"({"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"y":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})"),
                  "begin at 0 where 16"},
              Row{header(R"({"x":{"dtype":"F32","shape":[8],"data_offsets":[0,32]}})"), "have 32 bytes, and the file has 16"},
              Row{header(R"({"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"x":{"dtype":"I32","shape":[4],"data_offsets":[0,16]}})"),
                  "the name x comes twice"},
              Row{header(R"({"__metadata__":{"a":1},"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})"), "are no text"},
              Row{header(R"({"__metadata__":[],"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})"), "no names and texts"},
              Row{header("{\"x\":" + std::string(5000, '[') + std::string(5000, ']') + "}"), "no JSON object"}}) {
            CAPTURE(row.says);
            write_bytes(folder / "bad.safetensors", row.bytes);
            CHECK_THROWS_WITH_AS((void)lit::load_safetensors(folder / "bad.safetensors"), doctest::Contains(row.says),
                                 lit::CheckpointError);
            CHECK_THROWS_WITH_AS((void)lit::load_safetensors(folder / "bad.safetensors"),
                                 doctest::Contains("bad.safetensors"), lit::CheckpointError);
        }
        CHECK_THROWS_WITH_AS((void)lit::load_safetensors(folder / "none"), doctest::Contains("none"), lit::FileError);
        CHECK_THROWS_AS((void)lit::load_safetensors(folder.path()), lit::FileError);
    }
    TEST_CASE("each prefix of a file, and each file with one byte changed, is read or refused") {
        const TemporaryFolder folder;
        lit::save_safetensors(folder / "a.safetensors", {{"x", at::arange(3, at::kFloat)}, {"flag", at::ones({2}, at::kBool)}},
                              {{"format", "pt"}});
        const std::string good = bytes_of(folder / "a.safetensors");
        std::size_t refused = 0;
        const auto attempt = [&](const std::string& bytes) {
            write_bytes(folder / "b.safetensors", bytes);
            try {
                for (const auto& [name, tensor] : lit::load_safetensors(folder / "b.safetensors")) {
                    static_cast<void>(tensor.tensor().to(at::kDouble).sum().item<double>());
                }
                return true;
            } catch (const lit::CheckpointError&) {
                ++refused;
                return false;
            }
        };
        for (std::size_t length = 0; length < good.size(); ++length) {
            CHECK_FALSE(attempt(good.substr(0, length)));
        }
        for (std::size_t place = 0; place < good.size(); ++place) {
            for (int change = 1; change < 256; change += 3) {
                std::string bad = good;
                bad[place] = static_cast<char>(bad[place] ^ change);
                attempt(bad);
            }
        }
        CHECK(refused > 10'000);
    }
}
