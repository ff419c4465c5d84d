// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

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

/// Optional: `finish_all_reduce(start_all_reduce(t, op))` is `all_reduce(t, op)`, and what stands between them is done while
/// the ranks talk.
template <class C>
concept StartsReductions = requires(C& c, const at::Tensor& t, ReduceOp op) {
    { c.finish_all_reduce(c.start_all_reduce(t, op)) } -> std::same_as<at::Tensor>;
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

/// Another collective by reference, through plain functions, for those who cannot know its type: a module that logs
/// a metric object does not know the trainer's strategy.
///
/// Cost    one indirect call per operation, each of which waits for other ranks.
class CollectiveRef {
 public:
    template <CollectivePolicy C>
        requires(!std::same_as<std::remove_const_t<C>, CollectiveRef>)
    explicit CollectiveRef(C& collective)
        : collective_(const_cast<void*>(static_cast<const void*>(&collective))),
          rank_(collective.rank()),
          world_size_(collective.world_size()),
          all_reduce_([](void* c, at::Tensor t, ReduceOp op) { return to<C>(c).all_reduce(std::move(t), op); }),
          all_gather_([](void* c, const at::Tensor& t) { return to<C>(c).all_gather(t); }),
          broadcast_([](void* c, at::Tensor t, std::int64_t root) { return to<C>(c).broadcast(std::move(t), root); }),
          broadcast_text_(
              [](void* c, std::string s, std::int64_t root) { return to<C>(c).broadcast(std::move(s), root); }),
          barrier_([](void* c) { to<C>(c).barrier(); }) {}

    [[nodiscard]] std::int64_t rank() const { return rank_; }
    [[nodiscard]] std::int64_t world_size() const { return world_size_; }
    [[nodiscard]] at::Tensor all_reduce(at::Tensor value, ReduceOp op) const {
        return all_reduce_(collective_, std::move(value), op);
    }
    [[nodiscard]] at::Tensor all_gather(const at::Tensor& value) const { return all_gather_(collective_, value); }
    [[nodiscard]] at::Tensor broadcast(at::Tensor value, std::int64_t root) const {
        return broadcast_(collective_, std::move(value), root);
    }
    [[nodiscard]] std::string broadcast(std::string value, std::int64_t root) const {
        return broadcast_text_(collective_, std::move(value), root);
    }
    void barrier() const { barrier_(collective_); }

 private:
    template <class C>
    static C& to(void* collective) {
        return *static_cast<C*>(collective);
    }

    void* collective_;
    std::int64_t rank_;
    std::int64_t world_size_;
    at::Tensor (*all_reduce_)(void*, at::Tensor, ReduceOp);
    at::Tensor (*all_gather_)(void*, const at::Tensor&);
    at::Tensor (*broadcast_)(void*, at::Tensor, std::int64_t);
    std::string (*broadcast_text_)(void*, std::string, std::int64_t);
    void (*barrier_)(void*);
};
static_assert(CollectivePolicy<CollectiveRef>);

}  // namespace lit
