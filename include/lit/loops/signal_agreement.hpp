// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/collective.hpp>
#include <lit/core/interrupt.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

namespace lit::detail {

/// Which signals ask a run to end.
struct AskedToEnd {
    bool interrupt = false;
    bool terminate = false;

    [[nodiscard]] static AskedToEnd of_this_process() { return {SignalWatch::interrupted(), SignalWatch::terminated()}; }

    [[nodiscard]] bool any() const { return interrupt || terminate; }
    /// Errors  KeyboardInterrupt; TerminationRequest, unless what comes next ends the run anyway.
    void leave(bool ends_anyway = false) const {
        if (interrupt) {
            throw KeyboardInterrupt();
        }
        if (terminate && !ends_anyway) {
            throw TerminationRequest();
        }
    }
};

template <class Collective>
struct PendingOf {
    using type = std::monostate;
};
template <StartsReductions Collective>
struct PendingOf<Collective> {
    using type = decltype(std::declval<Collective&>().start_all_reduce(std::declval<const at::Tensor&>(), ReduceOp::maximum));
};

/// Has all ranks of a run end at the same batch, whichever of them a signal reached.
///
/// Every rank polls at the same places. What a poll answers was sent off at the one before, so that nobody waits for
/// the others' answers: a signal is heeded a batch later than on one rank.
/// Cost    on one rank two loads a poll; on several one reduction of two bytes, which goes on beside the batch.
template <class Collective>
class SignalAgreement {
 public:
    AskedToEnd poll(auto& ranks) {
        const AskedToEnd own = AskedToEnd::of_this_process();
        if (ranks.world_size() == 1) {
            return own;
        }
        const at::Tensor mine = at::tensor({own.interrupt ? 1 : 0, own.terminate ? 1 : 0}, at::kByte);
        if constexpr (StartsReductions<Collective>) {
            AskedToEnd agreed;
            if (pending_) {
                agreed = read(ranks.finish_all_reduce(*pending_));
            }
            pending_.emplace(ranks.start_all_reduce(mine, ReduceOp::maximum));
            return agreed;
        } else {
            return read(ranks.all_reduce(mine, ReduceOp::maximum));
        }
    }
    /// The last answer, once no poll is to come.
    AskedToEnd finish(auto& ranks) {
        if constexpr (StartsReductions<Collective>) {
            if (const auto last = std::exchange(pending_, std::nullopt)) {
                return read(ranks.finish_all_reduce(*last));
            }
        }
        return ranks.world_size() == 1 ? AskedToEnd::of_this_process() : AskedToEnd{};
    }

 private:
    static AskedToEnd read(const at::Tensor& answer) {
        const auto* asked = static_cast<const std::uint8_t*>(answer.const_data_ptr());
        return {asked[0] != 0, asked[1] != 0};
    }

    std::optional<typename PendingOf<Collective>::type> pending_;
};

/// One rank need not ask anybody.
template <>
class SignalAgreement<SingleProcess> {
 public:
    static AskedToEnd poll(const SingleProcess& /*ranks*/) { return AskedToEnd::of_this_process(); }
    static AskedToEnd finish(const SingleProcess& /*ranks*/) { return AskedToEnd::of_this_process(); }
};

}  // namespace lit::detail
