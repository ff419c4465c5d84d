// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/edge.h>

#include <cstdint>
#include <vector>

namespace lit {

/// `loss.backward()` without what LibTorch's engine does for other graphs than this one.
///
/// The engine prepares for several threads, devices, nested calls and hooks: for every node it takes a lock, and sets and
/// restores all of the thread's settings. A graph that lies on the CPU, whose nodes are LibTorch's own operators and that has
/// no hooks, needs none of that; its nodes are called here, in the engine's order, so that gradients are equal to the bit.
/// Whatever else there is goes to the engine: other devices, nested tensors, hooks of tensors and of nodes (those of
/// LibTorch's Reducer too), `retain_grad`, functions of one's own, in-place changes of views, anomaly detection, another
/// engine than LibTorch's, a call from inside the engine. A profile shows the nodes, without the engine's ranges around them.
///
/// Errors  those of `at::Tensor::backward`, with the same types and texts.
/// Cost    the nodes' own; buffers are kept from call to call. A small network's backward pass takes about two thirds
///         of the engine's time; where the engine has to be called, looking for the reason comes on top.
/// Threads one object is for one thread at a time.
/// Source  torch.Tensor.backward, with retain_graph and create_graph false.
class Backward {
 public:
    Backward();
    Backward(const Backward&);
    Backward(Backward&&) noexcept;
    Backward& operator=(const Backward&);
    Backward& operator=(Backward&&) noexcept;
    ~Backward();

    /// Adds the gradients of a loss of one element to those of the leaves, and frees what the graph kept.
    void operator()(const at::Tensor& loss);

    /// Whether the graph of this loss is called from here, and not by the engine.
    [[nodiscard]] bool walks(const at::Tensor& loss);

 private:
    using Edge = torch::autograd::Edge;
    using Node = torch::autograd::Node;
    using Index = std::uint32_t;

    struct Entry {
        Node* node;
        Index waits_for;  ///< gradients that are still to come
        std::vector<at::Tensor> gradients;
    };
    struct Ready {
        std::uint64_t sequence_nr;
        Index index;
        [[nodiscard]] friend bool operator<(const Ready& a, const Ready& b) { return a.sequence_nr < b.sequence_nr; }
    };
    struct Emptied;

    static constexpr Index nobody = ~Index{0};

    [[nodiscard]] static bool is_plain(Node& node);

    /// Where the graph begins; nowhere if it is not for us. It owns the graph: of a loss that is a leaf nobody else does.
    /// Inside the engine's own task the nodes would take its wishes for ours.
    [[nodiscard]] static Edge root_of(const at::Tensor& loss);

    /// Notes the nodes of the graph, each once, and how many gradients each gets; false if one is not plain.
    [[nodiscard]] bool collect(const Edge& root);

    [[nodiscard]] bool add(Node* node);

    /// The node's index in `entries_`, or where to write it: a hash table with open addressing, at most half full.
    [[nodiscard]] Index& place_of(const Node& node);

    /// Calls the nodes: of those that have all their gradients the one whose operator ran last, as the engine does.
    void walk(const at::Tensor& loss, const Edge& root);

    void push(Index index);

    static void give(Entry& entry, Index input, at::Tensor gradient);

    std::vector<Entry> entries_;
    std::vector<Index> places_;  ///< as many as a power of two
    std::vector<Ready> ready_;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/backward.hpp>
#endif
