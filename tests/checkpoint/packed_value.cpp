// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "checkpoint/support.hpp"

#include <lit/checkpoint/packed_value.hpp>
#include <lit/core/error.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

TEST_SUITE("checkpoint/packed_value") {
    TEST_CASE("a value comes back from its bytes, whatever stands behind them") {
        const at::Tensor base = at::arange(12, at::kDouble);
        lit::Dict value{{"none", nullptr}, {"text", "Grüße"}, {"list", lit::List{1, 2.5, true}}};
        value.set("base", base);
        value.set("view", base.view({3, 4}).t());
        value.set("empty", at::zeros({0}));
        for (int i = 0; i < 20; ++i) {  // storages with keys of two digits
            value.set("t" + std::to_string(i), at::full({2}, i));
        }
        const at::Tensor row = lit::pack_value(value);
        CHECK((row.scalar_type() == at::kByte));
        CHECK(row.dim() == 1);
        for (const at::Tensor& bytes : {row, at::cat({row, at::ones({9}, at::kByte)})}) {
            const lit::Value back = lit::unpack_value(bytes);
            CHECK(checkpoint_test::same(value, back));
            const bool shared = back.at("view").tensor().is_alias_of(back.at("base").tensor());
            CHECK(shared);
        }
    }
    TEST_CASE("bytes of anything else are refused") {
        const at::Tensor row = lit::pack_value(lit::Dict{{"x", at::ones({4})}});
        for (std::int64_t size = 0; size < row.numel(); ++size) {
            CHECK_THROWS_AS(static_cast<void>(lit::unpack_value(row.narrow(0, 0, size))), lit::CheckpointError);
        }
        CHECK_THROWS_AS(static_cast<void>(lit::unpack_value(at::full({64}, 255, at::kByte))), lit::CheckpointError);
    }
}
