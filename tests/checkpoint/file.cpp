// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "checkpoint/support.hpp"

#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/pickle_opcodes.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>

namespace {

using checkpoint_test::bytes_of;
using checkpoint_test::fixture;
using checkpoint_test::same;
using checkpoint_test::TemporaryFolder;
using checkpoint_test::write_bytes;

// As in fixtures/make.py.
lit::Value python_values() {
    const double inf = std::numeric_limits<double>::infinity();
    const std::int64_t one = 1;
    lit::Dict ordered{{"b", 1}, {"a", 2}};
    ordered.ordered = true;
    const lit::List shared{1, 2};
    lit::Dict values{
        {"none", nullptr},
        {"true", true},
        {"false", false},
        {"ints",
         lit::List{0, 255, 256, 65535, 65536, -1, (one << 31) - 1, -(one << 31), one << 31, one << 62,
                   std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}},
        {"floats", lit::List{0.0, -0.0, 1.5, 1e-300, inf, -inf}},
        {"nan", std::numeric_limits<double>::quiet_NaN()},
        {"text", lit::List{"", "plain", "Grüße", "日本語", "😀", "line\nbreak"}},
        {"tuples", lit::List{lit::Tuple{}, lit::Tuple{{1}}, lit::Tuple{{1, 2}}, lit::Tuple{{1, 2, 3}},
                             lit::Tuple{{1, 2, 3, 4}}}},
        {"nested", lit::Dict{{"a", lit::List{lit::Dict{{"b", lit::Tuple{{1, lit::List{2}}}}}}}}},
        {"ordered", ordered},
    };
    values.set(7, "integer key");
    values.set("shared", lit::List{shared, shared});
    values.set("tensor", at::arange(6, at::kFloat).view({2, 3}));
    return values;
}

}  // namespace

TEST_SUITE("checkpoint/file") {
    TEST_CASE("files of torch.save are read, of each protocol and of the old format") {
        for (const char* name : {"values.pt", "protocol4.pt", "protocol5.pt"}) {
            CAPTURE(name);
            const lit::Value value = lit::load_checkpoint(fixture(name));
            // `List{List}` is one list in a list only when spelt out.
            lit::Value expected = python_values();
            for (const auto& item : expected.dict()) {
                CAPTURE(item.first.type_name());
                const lit::Value* found = item.first.is<std::string>()
                                              ? value.dict().find(item.first.string())
                                              : value.dict().find(7);
                REQUIRE(found != nullptr);
                CHECK(same(*found, item.second));
            }
            CHECK(same(value, expected));
        }
        const lit::Value legacy = lit::load_checkpoint(fixture("legacy.pt"));
        CHECK(same(legacy.at("values"), python_values()));
        CHECK(same(legacy.at("weight"), at::arange(4, at::kFloat)));
        const lit::List& shared = legacy.at("shared").items();
        CHECK(shared.at(1).tensor().storage().is_alias_of(shared.at(0).tensor().storage()));
        CHECK(shared.at(1).tensor()[1].item<std::int64_t>() == 2);
        CHECK(legacy.at("flag").tensor()[0].item<bool>());
    }

    TEST_CASE("tensors of torch.save are read with dtype, strides and shared storage") {
        const lit::Value value = lit::load_checkpoint(fixture("tensors.pt"));
        const auto base = at::arange(12, at::kFloat).view({3, 4});
        CHECK(same(value.at("base"), base));
        CHECK(same(value.at("transposed"), base.t()));
        CHECK(value.at("row").tensor().storage().is_alias_of(value.at("base").tensor().storage()));
        CHECK(value.at("expanded").tensor().stride(0) == 0);
        CHECK(value.at("scalar").tensor().item<float>() == 2.5);
        CHECK(value.at("empty").tensor().sizes() == at::IntArrayRef{0, 3});
        CHECK(value.at("parameter").tensor().requires_grad());
        CHECK((value.at("conj").tensor().item<c10::complex<float>>() == c10::complex<float>(1, -2)));
        for (const lit::detail::DtypeName& dtype : lit::detail::dtype_names) {
            const lit::Value* found = value.dict().find(dtype.name);
            if (dtype.name == "float32" || dtype.name == "complex32" || dtype.name.ends_with("uz") ||
                dtype.name.ends_with("nu")) {
                continue;  // not in the file
            }
            CAPTURE(dtype.name);
            REQUIRE(found != nullptr);
            CHECK((found->tensor().scalar_type() == dtype.dtype));
            const at::Tensor numbers = found->tensor().to(at::kComplexDouble);
            if (dtype.name.starts_with("complex")) {
                CHECK(at::equal(numbers,
                                at::tensor({c10::complex<double>(1, 2), c10::complex<double>(0, -3)})));
            } else if (dtype.name.starts_with("float8")) {
                CHECK(at::equal(numbers, at::tensor({1.0, -2.0, 0.5}).to(at::kComplexDouble)));
            } else if (dtype.name.starts_with("uint") && dtype.name != "uint8") {
                CHECK(at::equal(numbers, at::tensor({1.0, 2.0, 40000.0}).to(at::kComplexDouble)));
            } else {
                CHECK(at::equal(numbers, at::tensor({0.0, 1.0, 1.0, 0.0}).to(at::kComplexDouble)));
            }
        }
    }

    TEST_CASE("Python's own classes become plain values where they are, and data where they are not") {
        const lit::Value value = lit::load_checkpoint(fixture("opaque.pt"));
        const auto opaque = [&](std::string_view key) -> const lit::Opaque& {
            return value.at(key).as<lit::Opaque>();
        };
        CHECK(value.at("path").string() == "/data/run/1");
        CHECK(opaque("namespace").type == "argparse.Namespace");
        CHECK(opaque("namespace").parts.back().at("lr").to_double() == 0.5);
        CHECK(opaque("set").type == "builtins.set");
        CHECK(opaque("set").parts.at(0).to_int() == 1);
        CHECK(opaque("bytes").type == "builtins.bytes");
        CHECK(opaque("bytes").parts.at(0).string() == std::string("a\xff\0", 3));
        CHECK(opaque("complex").parts.at(1).to_double() == 2.0);
        CHECK(opaque("delta").type == "datetime.timedelta");
        CHECK(opaque("enum").parts.at(0).to_int() == 1);
        CHECK(same(value.at("size"), lit::Tuple{{2, 3}}));
        CHECK(opaque("dtype").type == "torch.float32");
        CHECK(opaque("device").type == "torch.device");
        CHECK(value.at("numpy_double").to_double() == 0.25);
        CHECK(value.at("numpy_single").to_double() == 0.5);
        CHECK(value.at("numpy_int").to_int() == -7);
        CHECK(value.at("numpy_bool").to_bool());
        CHECK(value.at("default").at("a").to_int() == 1);
        CHECK(value.at("counter").at("a").to_int() == 2);
        CHECK(value.at("attributes").at("lr").to_double() == 0.1);
        CHECK(opaque("big").type == "builtins.int");
        CHECK(opaque("sparse").type == "torch._utils._rebuild_sparse_tensor");
    }

    TEST_CASE("a file that asks to run a command is refused, and nothing is run") {
        for (const bool mmap : {false, true}) {
            CHECK_THROWS_WITH_AS(lit::load_checkpoint(fixture("evil.pt"), {.mmap = mmap}),
                                 doctest::Contains("would have Python call posix.system"), lit::CheckpointError);
        }
        CHECK_FALSE(std::filesystem::exists("/tmp/lit_was_here"));
        CHECK_THROWS_WITH_AS(lit::load_checkpoint(fixture("circle.pt")), doctest::Contains("circle.pt"),
                             lit::CheckpointError);
    }

    TEST_CASE("what was saved is loaded again, under any name and into new folders") {
        const TemporaryFolder folder;
        for (const char* name : {"epoch=3-val_loss=0.25.ckpt", "deeper/still/a.ckpt", "no_suffix"}) {
            const auto path = folder / name;
            lit::save_checkpoint_file(path, python_values());
            CHECK(same(lit::load_checkpoint(path), python_values()));
        }
        const auto read_back = lit::load_checkpoint(fixture("lightning.ckpt"));
        lit::save_checkpoint_file(folder / "again.ckpt", read_back);
        CHECK(same(lit::load_checkpoint(folder / "again.ckpt"), read_back));
        lit::save_checkpoint_file(folder / "again.ckpt", 7);
        CHECK(lit::load_checkpoint(folder / "again.ckpt").to_int() == 7);
    }

    TEST_CASE("a value that cannot be written leaves the file that was there, and no other") {
        const TemporaryFolder folder;
        lit::save_checkpoint_file(folder / "a.ckpt", 1);
        CHECK_THROWS_AS(lit::save_checkpoint_file(folder / "a.ckpt", lit::Opaque{"my.Thing", {}}),
                        lit::CheckpointError);
        CHECK(lit::load_checkpoint(folder / "a.ckpt").to_int() == 1);
        CHECK(folder.files() == 1);
    }

    TEST_CASE("what is no file, or no checkpoint, is refused by name") {
        const TemporaryFolder folder;
        CHECK_THROWS_WITH_AS(lit::load_checkpoint(folder / "none.ckpt"), doctest::Contains("No such file"),
                             lit::FileError);
        CHECK_THROWS_WITH_AS(lit::load_checkpoint(folder.path()), doctest::Contains("Is a directory"),
                             lit::FileError);
        for (const std::string& bytes :
             {std::string(), std::string("PK\3\4"), std::string("PK\3\4 and then something else"),
              std::string("{\"json\": 1}"), std::string(100'000, '\0')}) {
            write_bytes(folder / "bad.ckpt", bytes);
            CHECK_THROWS_WITH_AS(lit::load_checkpoint(folder / "bad.ckpt"), doctest::Contains("bad.ckpt"),
                                 lit::CheckpointError);
        }
    }

    TEST_CASE("a file that is cut off anywhere is refused") {
        const TemporaryFolder folder;
        for (const char* name : {"values.pt", "legacy.pt"}) {
            const std::string good = bytes_of(fixture(name));
            for (std::size_t length = 0; length < good.size(); ++length) {
                CAPTURE(length);
                write_bytes(folder / "cut.pt", good.substr(0, length));
                CHECK_THROWS_AS(lit::load_checkpoint(folder / "cut.pt"), lit::CheckpointError);
            }
        }
    }

    TEST_CASE("a file with any one byte changed is read or refused, and nothing worse") {
        const TemporaryFolder folder;
        for (const char* name : {"values.pt", "legacy.pt", "evil.pt"}) {
            const std::string good = bytes_of(fixture(name));
            std::size_t refused = 0;
            for (std::size_t place = 0; place < good.size(); ++place) {
                for (const int change : {0x01, 0x80, 0xff}) {
                    std::string bad = good;
                    bad[place] = static_cast<char>(bad[place] ^ change);
                    write_bytes(folder / "changed.pt", bad);
                    try {
                        (void)lit::load_checkpoint(folder / "changed.pt");
                    } catch (const lit::CheckpointError&) {
                        ++refused;
                    }
                }
            }
            CHECK(refused > 100);
        }
    }
}
