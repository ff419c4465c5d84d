// SPDX-License-Identifier: Apache-2.0
#include <lit/core/interrupt.hpp>
#include <lit/loops/signal_agreement.hpp>

#include "support/doctest.hpp"

#include <csignal>
#include <cstdint>
#include <utility>

namespace {

/// Two ranks, of which the other one says what the test has it say.
struct Asked {
    std::uint8_t interrupt = 0, terminate = 0;
    int reductions = 0;

    static std::int64_t world_size() { return 2; }
    at::Tensor all_reduce(const at::Tensor& mine, lit::ReduceOp /*op*/) {
        ++reductions;
        return at::maximum(mine, at::tensor({interrupt, terminate}, at::kByte));
    }
};
/// The same, and a reduction can be begun before it is waited for.
struct AskedAhead : Asked {
    at::Tensor start_all_reduce(const at::Tensor& mine, lit::ReduceOp op) { return all_reduce(mine, op); }
    static at::Tensor finish_all_reduce(at::Tensor started) { return started; }
};

}  // namespace

TEST_SUITE("loops/signal_agreement") {
    TEST_CASE("one rank hears its signal at once, and asks nobody") {
        const lit::SignalWatch watch;
        const lit::SingleProcess alone;
        CHECK_FALSE(lit::detail::SignalAgreement<lit::SingleProcess>::poll(alone).terminate);
        std::raise(SIGTERM);
        CHECK(lit::detail::SignalAgreement<lit::SingleProcess>::poll(alone).terminate);
        CHECK(lit::detail::SignalAgreement<lit::SingleProcess>::finish(alone).terminate);
    }

    TEST_CASE("what another rank was told is heard in the same poll, where reductions are waited for") {
        const lit::SignalWatch watch;
        Asked ranks;
        lit::detail::SignalAgreement<Asked> agreement;
        CHECK_FALSE(agreement.poll(ranks).terminate);
        ranks.terminate = 1;
        CHECK(agreement.poll(ranks).terminate);
        CHECK_FALSE(agreement.poll(ranks).interrupt);
        CHECK(ranks.reductions == 3);
    }

    TEST_CASE("and a poll later where they go on beside the batch, on every rank alike") {
        const lit::SignalWatch watch;
        AskedAhead ranks;
        lit::detail::SignalAgreement<AskedAhead> agreement;
        CHECK_FALSE(agreement.poll(ranks).terminate);
        std::raise(SIGTERM);  // the rank that is told itself waits as long as the others
        ranks.interrupt = 1;
        CHECK_FALSE(agreement.poll(ranks).terminate);
        const lit::detail::AskedToEnd agreed = agreement.poll(ranks);
        CHECK(agreed.terminate);
        CHECK(agreed.interrupt);
        CHECK(agreement.finish(ranks).terminate);
        CHECK_FALSE(agreement.finish(ranks).terminate);
    }

    TEST_CASE(
        "leaving tells which signal it was; the one to terminate is passed over where the run ends anyway") {
        CHECK_NOTHROW(lit::detail::AskedToEnd{}.leave());
        CHECK_THROWS_AS((lit::detail::AskedToEnd{.interrupt = true, .terminate = true}.leave(true)),
                        lit::KeyboardInterrupt);
        CHECK_THROWS_AS((lit::detail::AskedToEnd{.terminate = true}.leave()), lit::TerminationRequest);
        CHECK_NOTHROW((lit::detail::AskedToEnd{.terminate = true}.leave(true)));
    }
}
