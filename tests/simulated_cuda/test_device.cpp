// SPDX-License-Identifier: Apache-2.0
// The simulated device itself: that it catches what the tests beside it rely on.
#include "simulated_cuda/device.hpp"

#include "support/doctest.hpp"

#include <ATen/Functions.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstdint>
#include <string>
#include <vector>

namespace {

TEST_SUITE("simulated_cuda") {
    TEST_CASE("it computes what the CPU computes, out of the host's reach") {
        const at::Tensor a = at::arange(6, at::kFloat).view({2, 3});
        const at::Tensor there = a.to(simulated::cuda);
        CHECK(there.device() == simulated::cuda);
        const at::Tensor product = there.matmul(there.t()).relu().add(1);
        CHECK(product.device() == simulated::cuda);
        CHECK(product.cpu().equal(a.matmul(a.t()).relu().add(1)));
        CHECK(there.view({3, 2}).select(1, 0).is_alias_of(there));
        at::Tensor changed = there.clone();
        changed.slice(1, 0, 2).mul_(10);
        at::Tensor expected = a.clone();
        expected.slice(1, 0, 2).mul_(10);
        CHECK(changed.cpu().equal(expected));
        CHECK(at::empty({4}, at::device(simulated::cuda)).isnan().all().item<bool>());
    }

    TEST_CASE("autograd goes through it") {
        at::Tensor x = at::arange(4, at::kFloat).to(simulated::cuda).requires_grad_(true);
        (x * x).sum().backward();
        CHECK(x.grad().device() == simulated::cuda);
        CHECK(x.grad().cpu().equal(2 * at::arange(4, at::kFloat)));
    }

    TEST_CASE("tensors of both sides are refused, numbers of the host are not") {
        const at::Tensor there = at::ones({3}, at::device(simulated::cuda));
        CHECK_THROWS(there.add(at::ones({3})));
        CHECK(there.add(at::scalar_tensor(2)).cpu().equal(at::full({3}, 3.0F)));
    }

    TEST_CASE("what waits for it is counted") {
        const at::Tensor there = at::ones({3}, at::device(simulated::cuda));
        simulated::forget();
        CHECK(there.add(1).mul(2).sum().device() == simulated::cuda);
        CHECK(simulated::waits().empty());
        CHECK(there.sum().item<float>() == 3.0F);
        CHECK(simulated::waits() == std::vector<std::string>{"aten::_local_scalar_dense"});
        simulated::forget();
        CHECK(there.cpu().equal(at::ones({3})));
        CHECK(simulated::waits() == std::vector<std::string>{"copy to the host"});
        simulated::forget();
        CHECK(there.nonzero().size(0) == 3);
        CHECK(simulated::waits() == std::vector<std::string>{"aten::nonzero"});
    }

    TEST_CASE("streams that do not wait for each other on the same memory are told of") {
        const c10::impl::VirtualGuardImpl guard(at::kCUDA);
        const c10::Stream here = guard.getStream(simulated::cuda);
        const c10::Stream beside = guard.getStreamFromGlobalPool(simulated::cuda, false);
        REQUIRE(here != beside);
        const auto made_beside = [&](c10::Event& event) {
            const c10::StreamGuard in(beside);
            at::Tensor made = at::ones({5}, at::device(simulated::cuda));
            event.record(beside);
            return made;
        };
        simulated::forget();
        c10::Event made(at::kCUDA);
        at::Tensor there = made_beside(made);
        static_cast<void>(there.add(1));
        CHECK(simulated::races().size() == 1);
        made.block(here);
        static_cast<void>(there.add(1));
        CHECK(simulated::races().size() == 1);
        CHECK(simulated::operations()[1] > 0);
        simulated::forget();
        CHECK(simulated::operations() == std::vector<std::int64_t>{0, 0});
        // Its memory goes back to its stream, which does not know that the other one reads it.
        const void* place = there.storage().data();
        there = at::Tensor();
        c10::Event again(at::kCUDA);
        there = made_beside(again);
        REQUIRE(there.storage().data() == place);
        CHECK(simulated::races().size() == 1);
        again.block(here);
        static_cast<void>(there.add(1));
        guard.recordDataPtrOnStream(there.storage().data_ptr(), here);
        there = at::Tensor();
        simulated::forget();
        there = made_beside(again);
        REQUIRE(there.storage().data() == place);
        CHECK(simulated::races().empty());
    }

    TEST_CASE("copies without waiting need pinned memory, and are not there before somebody has waited") {
        const at::Tensor pinned = at::ones({3}).pin_memory();
        CHECK(pinned.is_pinned());
        CHECK_FALSE(at::ones({3}).is_pinned());
        simulated::forget();
        const at::Tensor there = pinned.to(simulated::cuda, at::kFloat, /*non_blocking=*/true);
        CHECK(simulated::waits().empty());
        CHECK(simulated::copies() == simulated::Copies{.pinned = 1, .pageable = 0});
        const at::Tensor back = at::empty({3}).pin_memory();
        back.copy_(there, /*non_blocking=*/true);
        CHECK(simulated::waits().empty());
        CHECK(back.isnan().all().item<bool>());
        c10::impl::VirtualGuardImpl(at::kCUDA).synchronizeDevice(0);
        CHECK(back.equal(at::ones({3})));
    }
}

}  // namespace
