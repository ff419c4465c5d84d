// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/optim/backward.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones_like.h>
#include <torch/csrc/autograd/anomaly_mode.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/graph_task.h>
#include <torch/csrc/autograd/input_buffer.h>
#include <torch/csrc/autograd/input_metadata.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

namespace lit {

/// However a call ends, no gradient and no node is held on to.
struct Backward::Emptied {
    Backward& self;
    explicit Emptied(Backward& backward) : self(backward) {}
    Emptied(const Emptied&) = delete;
    Emptied& operator=(const Emptied&) = delete;
    ~Emptied() {
        self.entries_.clear();
        self.ready_.clear();
    }
};

LIT_INLINE Backward::Backward() = default;
LIT_INLINE Backward::Backward(const Backward&) = default;
LIT_INLINE Backward::Backward(Backward&&) noexcept = default;
LIT_INLINE Backward& Backward::operator=(const Backward&) = default;
LIT_INLINE Backward& Backward::operator=(Backward&&) noexcept = default;
LIT_INLINE Backward::~Backward() = default;

LIT_INLINE void Backward::operator()(const at::Tensor& loss) {
    const Emptied emptied(*this);
    const Edge root = root_of(loss);
    if (collect(root)) {
        walk(loss, root);
    } else {
        loss.backward();
    }
}

LIT_INLINE bool Backward::walks(const at::Tensor& loss) {
    const Emptied emptied(*this);
    return collect(root_of(loss));
}

LIT_INLINE bool Backward::is_plain(Node& node) {
    if (!node.pre_hooks().empty() || !node.post_hooks().empty() || !node.tensor_pre_hooks().empty() ||
        !node.retains_grad_hooks().empty()) {
        return false;
    }
    for (Index input = 0; input < node.num_inputs(); ++input) {
        const torch::autograd::InputMetadata& metadata = node.input_metadata(input);
        if (!metadata.device().is_cpu() || metadata.is_tensor_subclass() || metadata.is_nested_tensor()) {
            return false;
        }
    }
    const std::type_info& type = typeid(node);
    if (type == typeid(torch::autograd::AccumulateGrad)) {
        return !node.tensor_post_acc_grad_hooks();
    }
    // LibTorch's operators have nodes in a namespace of their own, as the name in the Itanium ABI tells. Of the engine they
    // ask which gradients are wanted, all without a task under way; a function of one's own may ask more.
    return std::string_view(type.name()).starts_with("N5torch8autograd9generated");
}

LIT_INLINE Backward::Edge Backward::root_of(const at::Tensor& loss) {
    if (!loss.defined() || !loss.device().is_cpu() || loss.sym_numel() != 1 || !loss.is_floating_point() ||
        !loss.requires_grad() || torch::autograd::get_current_graph_task_exec_info() != nullptr ||
        torch::autograd::AnomalyMode::is_enabled() ||
        &torch::autograd::Engine::get_default_engine() != &torch::autograd::Engine::get_base_engine()) {
        return {};
    }
    return torch::autograd::impl::gradient_edge(loss);
}

LIT_INLINE bool Backward::collect(const Edge& root) {
    entries_.clear();
    ready_.clear();
    std::fill(places_.begin(), places_.end(), nobody);
    if (!add(root.function.get())) {
        return false;
    }
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        for (const Edge& edge : entries_[i].node->next_edges()) {
            if (Node* const next = edge.function.get()) {
                Index index = place_of(*next);
                if (index == nobody) {
                    if (!add(next)) {
                        return false;
                    }
                    index = static_cast<Index>(entries_.size() - 1);
                }
                ++entries_[index].waits_for;
            }
        }
    }
    return true;
}

LIT_INLINE bool Backward::add(Node* node) {
    if (node == nullptr || !is_plain(*node)) {
        return false;
    }
    entries_.push_back({.node = node, .waits_for = 0, .gradients = {}});
    if (entries_.size() * 2 > places_.size()) {
        places_.assign(std::max<std::size_t>(64, places_.size() * 2), nobody);
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            place_of(*entries_[i].node) = static_cast<Index>(i);
        }
    } else {
        place_of(*node) = static_cast<Index>(entries_.size() - 1);
    }
    return true;
}

LIT_INLINE Backward::Index& Backward::place_of(const Node& node) {
    const std::size_t mask = places_.size() - 1;
    std::size_t place = (reinterpret_cast<std::uintptr_t>(&node) >> 4) * 0x9E3779B97F4A7C15U >> 32;
    for (;; ++place) {
        Index& index = places_[place & mask];
        if (index == nobody || entries_[index].node == &node) {
            return index;
        }
    }
}

LIT_INLINE void Backward::walk(const at::Tensor& loss, const Edge& root) {
    const at::AutoGradMode without_graph(false);
    // A new tensor every time: the gradient of a parameter of one element may come to be this very memory.
    give(entries_.front(), root.input_nr, at::ones_like(loss, at::MemoryFormat::Contiguous));
    push(0);
    while (!ready_.empty()) {
        std::pop_heap(ready_.begin(), ready_.end());
        Entry& entry = entries_[ready_.back().index];
        ready_.pop_back();
        Node& node = *entry.node;
        node.will_release_variables();
        // The gradients go with the call: the node only reads them, and who holds another reference keeps the next node from
        // taking the memory.
        torch::autograd::variable_list outputs = node(std::exchange(entry.gradients, {}));
        torch::autograd::validate_outputs(node.next_edges(), outputs, [&node](const std::string& what) {
            return "Function " + node.name() + " returned an " + what;
        });
        node.release_variables();
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            const Edge& next = node.next_edge(i);
            if (next.is_valid()) {
                const Index index = place_of(*next.function);
                give(entries_[index], next.input_nr, std::move(outputs[i]));
                if (--entries_[index].waits_for == 0) {
                    push(index);
                }
            }
        }
    }
}

LIT_INLINE void Backward::push(Index index) {
    ready_.push_back({.sequence_nr = entries_[index].node->sequence_nr(), .index = index});
    std::push_heap(ready_.begin(), ready_.end());
}

LIT_INLINE void Backward::give(Entry& entry, Index input, at::Tensor gradient) {
    if (entry.gradients.empty()) {
        entry.gradients.resize(entry.node->num_inputs());
    }
    if (!entry.gradients[input].defined()) {
        entry.gradients[input] = std::move(gradient);
    } else if (gradient.defined()) {
        torch::autograd::InputBuffer sum(std::move(entry.gradients));  // adds as the engine does, in place where it may
        sum.add(input, std::move(gradient), std::nullopt, std::nullopt, entry.node);
        entry.gradients = std::move(sum.buffer);
    }
}

}  // namespace lit
