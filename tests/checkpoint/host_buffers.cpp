// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/checkpoint/host_buffers.hpp>
#include <lit/checkpoint/pickle_writer.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <cstdint>
#include <cstring>

TEST_SUITE("checkpoint/host_buffers") {
    TEST_CASE("copies stand apart from the tensors, and keep what they share") {
        const at::Tensor base = at::arange(10, at::kLong);
        lit::Pickled pickled = lit::write_pickle(lit::List{base, base.narrow(0, 2, 3), at::ones({3}), at::zeros({0})});
        CHECK(pickled.storages.size() == 3);
        lit::HostBuffers buffers;
        buffers.take(pickled);
        base.fill_(-1);
        CHECK(pickled.storages.size() == 3);
        CHECK(pickled.storages[0].nbytes() == 80);
        CHECK(static_cast<const std::int64_t*>(pickled.storages[0].data())[7] == 7);
        CHECK(static_cast<const float*>(pickled.storages[1].data())[2] == 1.0F);
        CHECK(pickled.storages[2].nbytes() == 0);
        for (const c10::Storage& storage : pickled.storages) {
            CHECK(reinterpret_cast<std::uintptr_t>(storage.data()) % 64 == 0);
        }
    }
    TEST_CASE("the memory is kept for what is not larger, and is let go before more is taken") {
        lit::HostBuffers buffers;
        const auto place_of = [&buffers](std::int64_t count) {
            lit::Pickled pickled = lit::write_pickle(lit::List{at::ones({count})});
            buffers.take(pickled);
            return pickled.storages[0].data();
        };
        const void* first = place_of(1000);
        CHECK(place_of(1000) == first);
        CHECK(place_of(10) == first);
        place_of(100000);
        const void* larger = place_of(100000);
        CHECK(place_of(1000) == larger);
    }
}
