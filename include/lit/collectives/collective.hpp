// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstdint>
#include <string>

namespace lit {

/// How values of several ranks become one.
enum class ReduceOp { mean, sum, minimum, maximum };

template <class C>
concept KnowsItsRank = requires(const C& c) {
    { c.rank() } -> std::convertible_to<std::int64_t>;
    { c.world_size() } -> std::convertible_to<std::int64_t>;
};
template <class C>
concept ReducesTensors = requires(C& c, at::Tensor t, ReduceOp op) {
    { c.all_reduce(t, op) } -> std::same_as<at::Tensor>;
};
template <class C>
concept GathersTensors = requires(C& c, const at::Tensor& t) {
    { c.all_gather(t) } -> std::same_as<at::Tensor>;
};
template <class C>
concept BroadcastsValues = requires(C& c, at::Tensor t, std::string s, std::int64_t root) {
    { c.broadcast(t, root) } -> std::same_as<at::Tensor>;
    { c.broadcast(s, root) } -> std::same_as<std::string>;
};

/// The ranks of a run, and what they can do together. Every call is made by every rank, in the same order.
///
/// all_reduce(t, op)   any shape in, the same shape out, equal on all ranks; `mean` divides after the sum.
/// all_gather(t)       [...] in, [world_size, ...] out; all ranks give the same shape.
/// broadcast(x, root)  the tensor (same shape everywhere) or string of rank `root`, on every rank.
/// barrier()           returns once all ranks have called it.
/// Errors  DistributedError when a rank is gone or did not answer in time.
/// Models  SingleProcess, ProcessGroupCollective.
template <class C>
concept CollectivePolicy = KnowsItsRank<C> && ReducesTensors<C> && GathersTensors<C> && BroadcastsValues<C> &&
                           requires(C& c) { c.barrier(); };

/// One rank that agrees with itself.
struct SingleProcess {
    [[nodiscard]] static constexpr std::int64_t rank() { return 0; }
    [[nodiscard]] static constexpr std::int64_t world_size() { return 1; }
    [[nodiscard]] static at::Tensor all_reduce(at::Tensor value, ReduceOp /*op*/) { return value; }
    [[nodiscard]] static at::Tensor all_gather(const at::Tensor& value) { return value.unsqueeze(0); }
    [[nodiscard]] static at::Tensor broadcast(at::Tensor value, std::int64_t /*root*/) { return value; }
    [[nodiscard]] static std::string broadcast(std::string value, std::int64_t /*root*/) { return value; }
    static void barrier() {}
};
static_assert(CollectivePolicy<SingleProcess>);

}  // namespace lit
