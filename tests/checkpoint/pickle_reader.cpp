// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "checkpoint/support.hpp"

#include <lit/checkpoint/pickle_reader.hpp>
#include <lit/checkpoint/pickle_writer.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>

#include <filesystem>
#include <limits>
#include <string>
#include <string_view>

namespace {

using namespace std::string_literals;
using checkpoint_test::same;

c10::Storage no_storage(const std::string& key, std::size_t) {
    throw lit::CheckpointError("no storage " + key);
}

lit::Value read(std::string_view data, lit::PickleLimits limits = {}) {
    return lit::read_pickle(data, no_storage, limits);
}

// Reads with one storage of 16 bytes behind every key.
lit::Value read_with_storage(std::string_view data) {
    return lit::read_pickle(
        data, [](const std::string&, std::size_t) { return at::arange(4, at::kFloat).storage(); });
}

std::string tensor_pickle(const std::string& offset, const std::string& sizes, const std::string& strides,
                          const std::string& count = "K\x04"s, const std::string& type = "FloatStorage") {
    return "\x80\x02"
           "ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\n" +
           type +
           "\nU\x01"
           "0U\x03"
           "cpu" +
           count + "tQ" + offset + sizes + strides +
           "\x89"
           "ccollections\nOrderedDict\n)RtR.";
}

}  // namespace

TEST_SUITE("checkpoint/pickle_reader") {
    TEST_CASE("every opcode of protocols 2 to 5 is read as Python reads it") {
        struct Row {
            std::string data;
            lit::Value expected;
        };
        const double inf = std::numeric_limits<double>::infinity();
        const lit::Value dict12 = [] {
            lit::Dict dict;
            dict.set(1, 2);
            return lit::Value(dict);
        }();
        for (const Row& row : {
                 Row{"\x80\x02N."s, nullptr},
                 Row{"\x80\x02\x88."s, true},
                 Row{"\x80\x02\x89."s, false},
                 Row{"\x80\x02K\xff."s, 255},
                 Row{"\x80\x02M\xff\xff."s, 65535},
                 Row{"\x80\x02J\xff\xff\xff\xff."s, -1},
                 Row{"\x80\x02\x8a\x00."s, 0},
                 Row{"\x80\x02\x8a\x01\x80."s, -128},
                 Row{"\x80\x02\x8a\x05\x00\x00\x00\x80\x00."s, std::int64_t{1} << 31},
                 Row{"\x80\x02\x8b\x02\x00\x00\x00\x00\x80."s, -32768},
                 Row{"\x80\x02G\x3f\xf8\x00\x00\x00\x00\x00\x00."s, 1.5},
                 Row{"\x80\x02G\x7f\xf0\x00\x00\x00\x00\x00\x00."s, inf},
                 Row{"\x80\x02X\x02\x00\x00\x00hi."s, "hi"},
                 Row{"\x80\x02U\x02hi."s, "hi"},
                 Row{"\x80\x02T\x02\x00\x00\x00hi."s, "hi"},
                 Row{"\x80\x04\x8c\x02hi\x94."s, "hi"},
                 Row{"\x80\x04\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi."s, "hi"},
                 Row{"\x80\x04\x95\x04\x00\x00\x00\x00\x00\x00\x00K\x01\x94."s, 1},
                 Row{"\x80\x02)."s, lit::Tuple{}},
                 Row{"\x80\x02K\x01\x85."s, lit::Tuple{{1}}},
                 Row{"\x80\x02K\x01K\x02\x86."s, lit::Tuple{{1, 2}}},
                 Row{"\x80\x02K\x01K\x02K\x03\x87."s, lit::Tuple{{1, 2, 3}}},
                 Row{"\x80\x02(K\x01t."s, lit::Tuple{{1}}},
                 Row{"\x80\x02]K\x01"
                     "a."s,
                     lit::List{1}},
                 Row{"\x80\x02](K\x01K\x02"
                     "e."s,
                     lit::List{1, 2}},
                 Row{"\x80\x02(K\x01K\x02l."s, lit::List{1, 2}},
                 Row{"\x80\x02}K\x01K\x02s."s, dict12},
                 Row{"\x80\x02}(K\x01K\x02u."s, dict12},
                 Row{"\x80\x02(K\x01K\x02"
                     "d."s,
                     dict12},
                 Row{"\x80\x02}(K\x01K\x07K\x01K\x02u."s, dict12},  // the later of two equal keys
                 Row{"\x80\x02K\x01"
                     "2\x86."s,
                     lit::Tuple{{1, 1}}},
                 Row{"\x80\x02K\x01K\x02"
                     "0."s,
                     1},
                 Row{"\x80\x02K\x01(K\x02K\x03"
                     "1."s,
                     1},
                 Row{"\x80\x02K\x05q\x00h\x00\x86."s, lit::Tuple{{5, 5}}},
                 Row{"\x80\x02K\x05r\x01\x00\x00\x00j\x01\x00\x00\x00\x86."s, lit::Tuple{{5, 5}}},
                 Row{"\x80\x04K\x05\x94h\x00\x86."s, lit::Tuple{{5, 5}}},
                 Row{"\x80\x04\x8f(K\x01\x90."s, lit::Opaque{"builtins.set", {1}}},
                 Row{"\x80\x04(K\x01\x91."s, lit::Opaque{"builtins.frozenset", {1}}},
                 Row{"\x80\x04"
                     "C\x01\xff."s,
                     lit::Opaque{"builtins.bytes", {"\xff"}}},
                 Row{"\x80\x04"
                     "B\x01\x00\x00\x00\xff."s,
                     lit::Opaque{"builtins.bytes", {"\xff"}}},
                 Row{"\x80\x04\x8e\x01\x00\x00\x00\x00\x00\x00\x00\xff."s,
                     lit::Opaque{"builtins.bytes", {"\xff"}}},
                 Row{"\x80\x02"
                     "ca\nB\n."s,
                     lit::Opaque{"a.B", {}}},
                 Row{"\x80\x04\x8c\x01"
                     "a\x8c\x01"
                     "B\x93."s,
                     lit::Opaque{"a.B", {}}},
                 Row{"\x80\x02"
                     "ca\nB\nK\x01\x85\x81K\x02"
                     "b."s,
                     lit::Opaque{"a.B", {1, 2}}},
                 Row{"\x80\x04"
                     "ca\nB\nK\x01\x85K\x03\x92."s,
                     lit::Opaque{"a.B", {1, 3}}},
             }) {
            CAPTURE(row.data);
            CHECK(same(read(row.data), row.expected));
        }
    }

    TEST_CASE("a call of a function that is not known stays data") {
        const lit::Value value = read(
            "\x80\x02"
            "cmy.module\nrun\nX\x04\x00\x00\x00"
            "echo\x85R."s);
        CHECK(value.as<lit::Opaque>().type == "my.module.run");
        CHECK(value.as<lit::Opaque>().parts.at(0).string() == "echo");
    }

    TEST_CASE("every malformed pickle is refused with CheckpointError") {
        for (const std::string& data : {
                 ""s,
                 "."s,
                 "\x80"s,
                 "\x80\x06N."s,
                 "N"s,
                 "NN."s,
                 "(N."s,
                 "\xff."s,
                 "0."s,
                 "1."s,
                 "2."s,
                 "a."s,
                 "N]a"s,
                 "Na."s,
                 "NNa."s,
                 "(u."s,
                 "N(u."s,
                 "](NNu."s,
                 "}(Nu."s,
                 "}Ns."s,
                 "\x85."s,
                 "N\x86."s,
                 "t."s,
                 "(0t."s,
                 "h\x00."s,
                 "j\xff\xff\xff\xff."s,
                 "q\x00."s,
                 "Nr\xff\xff\xff\xff."s,  // an index of the memo that no honest file has
                 "X\xff\xff\xff\xff"
                 "a."s,
                 "\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
                 "a."s,
                 "B\xff\xff\xff\x7f."s,
                 "\x8b\xff\xff\xff\xff."s,
                 "G\x00."s,
                 "ca"s,
                 "ca\nb"s,
                 "NR."s,
                 "NNR."s,
                 "ca\nb\nNR."s,
                 "N)R."s,
                 "NQ."s,
                 ")Q."s,
                 "(U\x07storageK\x01K\x02K\x03K\x04tQ."s,
                 "NN\x93."s,
                 "N)\x81."s,
                 "ctorch._utils\n_rebuild_tensor_v2\n)R."s,
                 "ctorch._utils\n_rebuild_parameter\n)R."s,
                 "ctorch._utils\n_rebuild_tensor_v3\n(NNNNNNNtR."s,
                 "c_codecs\nencode\n(U\x03\xe2\x82\xacU\x06latin1tR."s,
                 "ccollections\nOrderedDict\n]Na\x85R."s,
             }) {
            CAPTURE(data);
            CHECK_THROWS_AS(read(data), lit::CheckpointError);
        }
    }

    TEST_CASE("a tensor that reaches beyond its storage is refused") {
        const std::string zero = "K\x00"s;
        CHECK(read_with_storage(tensor_pickle(zero, "K\x04\x85", "K\x01\x85")).tensor().sizes() ==
              at::IntArrayRef{4});
        CHECK(read_with_storage(tensor_pickle(zero, "K\x02K\x02\x86", "K\x02K\x01\x86"))
                  .tensor()[1][1]
                  .item<float>() == 3);
        CHECK(read_with_storage(tensor_pickle("K\x03", "K\x09\x85", "K\x00\x85"s))
                  .tensor()
                  .sum()
                  .item<float>() == 27);
        const std::string huge = "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"s;
        const std::string minus = "J\xff\xff\xff\xff"s;
        struct Row {
            std::string offset, sizes, strides, count = "K\x04";
        };
        for (const Row& row : {
                 Row{"K\x01", "K\x04\x85", "K\x01\x85"},
                 Row{zero, "K\x05\x85", "K\x01\x85"},
                 Row{zero, "K\x03\x85", "K\x02\x85"},
                 Row{minus, "K\x01\x85", "K\x01\x85"},
                 Row{"K\x03", "K\x02\x85", minus + "\x85"},
                 Row{zero, minus + "\x85", "K\x01\x85"},
                 Row{zero, "K\x04\x85", ")"},
                 Row{huge, "K\x01\x85", "K\x01\x85"},
                 Row{zero, huge + "\x85", huge + "\x85"},
                 Row{zero, huge + huge + "\x86", "K\x00K\x00\x86"s},
                 Row{zero, "K\x05\x85", "K\x01\x85", "K\x05"},
                 Row{zero, "K\x04\x85", "K\x01\x85", huge},
                 Row{zero, "K\x04\x85", "K\x01\x85", minus},
                 Row{zero, "N", "K\x01\x85"},
                 Row{"N", "K\x04\x85", "K\x01\x85"},
             }) {
            CAPTURE(row.offset + row.sizes + row.strides);
            CHECK_THROWS_AS(read_with_storage(tensor_pickle(row.offset, row.sizes, row.strides, row.count)),
                            lit::CheckpointError);
        }
        CHECK_THROWS_AS(read_with_storage(tensor_pickle(zero, ")", ")", zero, "OddStorage")),
                        lit::CheckpointError);
    }

    TEST_CASE("bytes other than 0 and 1 become valid bools") {
        const auto bytes = at::full({2}, 7, at::kByte);
        const lit::Value value =
            lit::read_pickle(tensor_pickle("K\x00"s, "K\x02\x85", "K\x01\x85", "K\x02", "BoolStorage"),
                             [&](const std::string&, std::size_t) { return bytes.storage(); });
        CHECK(value.tensor().view(at::kByte).eq(1).all().item<bool>());
    }

    TEST_CASE("nesting, growth and circles are bounded") {
        const auto nested = [](std::size_t depth) {
            return std::string(depth, ']') + std::string(depth - 1, 'a') + "."s;
        };
        CHECK(read(nested(100)).is<lit::List>());
        CHECK_THROWS_AS(read(nested(1'000'000)), lit::CheckpointError);
        CHECK_THROWS_AS(read(std::string(1'000'000, ')') + "."s), lit::CheckpointError);
        std::string tuples = ")";
        tuples += std::string(1'000'000, '\x85') + ".";
        CHECK_THROWS_AS(read(tuples), lit::CheckpointError);

        CHECK_THROWS_WITH_AS(read("]q\x00h\x00"
                                  "a."s),
                             doctest::Contains("contains itself"), lit::CheckpointError);
        CHECK_THROWS_WITH_AS(read("}q\x00K\x01h\x00s."s), doctest::Contains("contains itself"),
                             lit::CheckpointError);
        CHECK_THROWS_AS(read("ca\nB\n)\x81q\x00h\x00\x85"
                             "b."s),
                        lit::CheckpointError);

        // Ten times the list before, forty times over: 10^40 items.
        std::string laughs =
            "](]K\x01"
            "a";
        for (int level = 0; level < 40; ++level) {
            const std::string place(1, static_cast<char>(level));
            laughs += "q" + place + "](";
            for (int i = 0; i < 10; ++i) {
                laughs += "h" + place;
            }
            laughs += "e";
        }
        CHECK_THROWS_WITH_AS(read(laughs + "e.", {.max_bytes = 1 << 24}), doctest::Contains("asks for more"),
                             lit::CheckpointError);
        // A text of 1 MB, a thousand times.
        std::string texts = "](X\x00\x00\x10\x00"s + std::string(1 << 20, 'a') + "q\x00"s;
        for (int i = 0; i < 1000; ++i) {
            texts += "h\x00"s;
        }
        CHECK_THROWS_WITH_AS(read(texts + "e.", {.max_bytes = 1 << 26}), doctest::Contains("asks for more"),
                             lit::CheckpointError);
        CHECK(read(texts + "e.").items().size() == 1001);
        // Calls that copy a long list each time.
        std::string copies = "]q\x00("s + std::string(10'000, 'N') + "e0(";
        for (int i = 0; i < 10'000; ++i) {
            copies += "cbuiltins\nset\nh\x00\x85R"s;
        }
        CHECK_THROWS_WITH_AS(read(copies + "t.", {.max_bytes = 1 << 26}), doctest::Contains("asks for more"),
                             lit::CheckpointError);
    }

    TEST_CASE("wrapping a function's arguments in itself does not recurse") {
        // _rebuild_from_type_v2(itself, type, (itself, type, (...)))
        std::string data = "\x80\x02)q\x01"s;
        const std::string name = "ctorch._tensor\n_rebuild_from_type_v2\n";
        for (int i = 0; i < 100'000; ++i) {
            data += "q\x01" + name + "q\x02Nh\x01\x87"s;
        }
        CHECK_THROWS_AS(read(name + "(" + data.substr(2) + "tR."), lit::CheckpointError);
    }

    TEST_CASE("each prefix of a pickle, and each pickle with one byte changed, is read or refused") {
        lit::Dict dict{{"a", lit::List{1, 2.5, "x"}}, {"t", lit::Tuple{{true, nullptr}}}};
        dict.set("tensor", at::arange(4, at::kFloat));
        dict.ordered = true;
        const std::string good = lit::write_pickle(dict).data;
        CHECK(same(read_with_storage(good), dict));
        for (std::size_t length = 0; length < good.size(); ++length) {
            CHECK_THROWS_AS(read_with_storage(good.substr(0, length)), lit::CheckpointError);
        }
        std::size_t accepted = 0;
        for (std::size_t place = 0; place < good.size(); ++place) {
            for (int change = 1; change < 256; ++change) {
                std::string bad = good;
                bad[place] = static_cast<char>(bad[place] ^ change);
                try {
                    (void)read_with_storage(bad);
                    ++accepted;
                } catch (const lit::CheckpointError&) {
                } catch (const c10::Error&) {
                    FAIL_CHECK("torch refused what the reader should have refused, at byte " << place);
                }
            }
        }
        CHECK(accepted > 0);
    }
}
