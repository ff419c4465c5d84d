// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "checkpoint/support.hpp"

#include <lit/checkpoint/pickle_opcodes.hpp>
#include <lit/checkpoint/pickle_reader.hpp>
#include <lit/checkpoint/pickle_writer.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <limits>
#include <string>

namespace {

using checkpoint_test::same;

lit::Value round_trip(const lit::Value& value) {
    const lit::Pickled pickled = lit::write_pickle(value);
    return lit::read_pickle(pickled.data, [&](const std::string& key, std::size_t) {
        return pickled.storages.at(std::stoul(key));
    });
}

}  // namespace

TEST_SUITE("checkpoint/pickle_writer") {
    TEST_CASE("every plain value comes back as it was") {
        using Limits = std::numeric_limits<std::int64_t>;
        lit::List integers;
        for (const std::int64_t edge :
             {std::int64_t{0}, std::int64_t{255}, std::int64_t{256}, std::int64_t{1} << 31,
              -(std::int64_t{1} << 31), -(std::int64_t{1} << 31) - 1, std::int64_t{-1},
              (std::int64_t{1} << 31) - 1, Limits::min(), Limits::max()}) {
            integers.emplace_back(edge);
        }
        lit::Dict keys;
        keys.set(1, "int");
        keys.set("1", "str");
        keys.set(lit::Tuple{{1, "a"}}, "tuple");
        keys.set(nullptr, "None");
        lit::Dict ordered{{"z", 1}, {"a", 2}};
        ordered.ordered = true;
        for (const lit::Value& value :
             {lit::Value(), lit::Value(true), lit::Value(false), lit::Value(integers), lit::Value(-0.0),
              lit::Value(1e-310), lit::Value(std::numeric_limits<double>::infinity()),
              lit::Value(std::numeric_limits<double>::quiet_NaN()), lit::Value(""), lit::Value("Grüße 😀\n"),
              lit::Value(std::string("a\0b", 3)), lit::Value(lit::List{}), lit::Value(lit::Tuple{}),
              lit::Value(lit::Tuple{{1, lit::Tuple{{2}}}}), lit::Value(lit::Dict{}), lit::Value(keys),
              lit::Value(ordered), lit::Value(std::string(100'000, 'x'))}) {
            CAPTURE(value.type_name());
            CHECK(same(round_trip(value), value));
        }
    }

    TEST_CASE("tensors of every dtype come back to the bit") {
        for (const lit::detail::DtypeName& known : lit::detail::dtype_names) {
            CAPTURE(known.name);
            const auto bytes = at::arange(48, at::kByte);
            const at::Tensor tensor =
                known.dtype == at::kBool ? at::arange(4).remainder(2).to(at::kBool) : bytes.view(known.dtype);
            CHECK(same(round_trip(tensor), tensor));
        }
    }

    TEST_CASE("shape, strides, gradient flag and shared storages are kept") {
        const auto base = at::arange(12, at::kFloat).view({3, 4});
        const lit::Value back = round_trip(lit::Dict{{"base", base},
                                                     {"transposed", base.t()},
                                                     {"row", base[1]},
                                                     {"expanded", at::ones({1}).expand({5})},
                                                     {"scalar", at::ones({})},
                                                     {"empty", at::zeros({0, 3})},
                                                     {"parameter", at::ones({2}).set_requires_grad(true)}});
        CHECK(same(back.at("transposed"), base.t()));
        CHECK(back.at("transposed").tensor().strides() == at::IntArrayRef{1, 4});
        CHECK(back.at("row").tensor().storage().is_alias_of(back.at("base").tensor().storage()));
        CHECK(back.at("expanded").tensor().stride(0) == 0);
        CHECK(back.at("scalar").tensor().dim() == 0);
        CHECK(back.at("empty").tensor().sizes() == at::IntArrayRef{0, 3});
        CHECK(back.at("parameter").tensor().requires_grad());
        CHECK_FALSE(back.at("base").tensor().requires_grad());
        CHECK(lit::write_pickle(lit::List{base, base.t(), base[1]}).storages.size() == 1);
        // One storage as two dtypes cannot be said in the format, so it is written twice.
        CHECK(lit::write_pickle(lit::List{base, base.view(at::kInt)}).storages.size() == 2);
    }

    TEST_CASE("lazily conjugated and negated tensors are written with their true values") {
        const auto complex = at::arange(2, at::kFloat).to(at::kComplexFloat).mul(c10::complex<float>(0, 1));
        CHECK(same(round_trip(complex.conj()), complex.conj().resolve_conj()));
    }

    TEST_CASE("what cannot be written is refused, and the message says where") {
        const lit::Value opaque(
            lit::Dict{{"hyper_parameters", lit::Dict{{"f", lit::Opaque{"my.Thing", {}}}}}});
        CHECK_THROWS_WITH_AS(lit::write_pickle(opaque), doctest::Contains("my.Thing"), lit::CheckpointError);
        CHECK_THROWS_WITH_AS(lit::write_pickle(opaque),
                             doctest::Contains("(in \"f\") (in \"hyper_parameters\")"), lit::CheckpointError);
        CHECK_THROWS_AS(lit::write_pickle(at::Tensor()), lit::CheckpointError);
        CHECK_THROWS_AS(lit::write_pickle(at::ones({2, 2}).to_sparse()), lit::CheckpointError);
        CHECK_THROWS_AS(lit::write_pickle(at::ones({2, 2}).to(at::kMeta)), lit::CheckpointError);
        CHECK_THROWS_AS(lit::write_pickle("\xff"), lit::CheckpointError);
        CHECK_THROWS_AS(lit::write_pickle("\xe2\x82"), lit::CheckpointError);
        lit::Dict unhashable;
        unhashable.set(lit::List{}, 1);
        CHECK_THROWS_AS(lit::write_pickle(unhashable), lit::CheckpointError);
        unhashable = {};
        unhashable.set(lit::Tuple{lit::List{lit::Value(lit::List{})}}, 1);
        CHECK_THROWS_AS(lit::write_pickle(unhashable), lit::CheckpointError);
        lit::Value deep;
        for (int i = 0; i < 150; ++i) {
            deep = lit::List{deep};
        }
        CHECK_THROWS_AS(lit::write_pickle(deep), lit::CheckpointError);
    }
}
