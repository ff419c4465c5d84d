// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/pickle_limits.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace lit::detail {

using NodeId = std::uint32_t;

enum class NodeKind : std::uint8_t {
    none,
    boolean,
    integer,
    real,
    text,
    bytes,
    tuple,
    list,
    dict,    ///< items are key, value, key, value
    global,  ///< text is `module.name`
    object,  ///< text is `module.name`, items are its arguments and state
    tensor,
    storage,  ///< tensor is the storage seen as one row
};

struct PickleNode {
    NodeKind kind = NodeKind::none;
    bool ordered = false;
    bool open = false;  ///< being converted further up: met again, it contains itself
    std::int64_t number = 0;
    std::string text;
    std::vector<NodeId> items;
    at::Tensor tensor;
};

/// The objects of a pickle as they refer to each other: shared and perhaps circular, so by number rather than
/// by pointer.
///
/// Errors  CheckpointError once the memory asked for passes the limit, and in `value` for a graph that is no
/// tree when
///         unfolded: one that contains itself, is nested too deeply, or would grow without bound.
class PickleGraph {
 public:
    explicit PickleGraph(PickleLimits limits) : limits_(limits) {}

    [[nodiscard]] PickleNode& operator[](NodeId id) { return nodes_[id]; }

    NodeId add(NodeKind kind) {
        charge(sizeof(PickleNode));
        nodes_.emplace_back().kind = kind;
        return static_cast<NodeId>(nodes_.size() - 1);
    }
    NodeId add_number(NodeKind kind, std::int64_t number) {
        const NodeId id = add(kind);
        nodes_[id].number = number;
        return id;
    }
    NodeId add_real(double number) { return add_number(NodeKind::real, std::bit_cast<std::int64_t>(number)); }
    NodeId add_text(NodeKind kind, std::string_view text) {
        charge(text.size());
        const NodeId id = add(kind);
        nodes_[id].text = text;
        return id;
    }
    NodeId add_tensor(NodeKind kind, at::Tensor tensor) {
        charge(tensor_cost);
        const NodeId id = add(kind);
        nodes_[id].tensor = std::move(tensor);
        return id;
    }
    NodeId add_items(NodeKind kind, std::vector<NodeId> items) {
        charge(items.size() * sizeof(NodeId));
        const NodeId id = add(kind);
        nodes_[id].items = std::move(items);
        return id;
    }
    void extend(NodeId id, const std::vector<NodeId>& more) {
        charge(more.size() * sizeof(NodeId));
        std::vector<NodeId>& items = nodes_[id].items;
        items.insert(items.end(), more.begin(), more.end());
    }
    void charge(std::size_t bytes) {
        if (bytes > limits_.max_bytes - used_) {
            throw CheckpointError(
                "pickle: the file asks for more than " + std::to_string(limits_.max_bytes) +
                " bytes besides its tensors. It is damaged, or made to exhaust memory; raise "
                "PickleLimits::max_bytes if it can be trusted.");
        }
        used_ += bytes;
    }

    /// The tree below `id`.
    [[nodiscard]] Value value(NodeId id) { return convert(id, 0); }

 private:
    static constexpr std::size_t tensor_cost = 512;

    Value convert(NodeId id, std::size_t depth);
    List convert_items(NodeId id, std::size_t depth);
    Value convert_dict(NodeId id, std::size_t depth);

    PickleLimits limits_;
    std::size_t used_ = 0;
    std::vector<PickleNode> nodes_;
};

inline Value PickleGraph::convert(NodeId id, std::size_t depth) {
    PickleNode& node = nodes_[id];
    if (depth > limits_.max_depth) {
        throw CheckpointError("pickle: containers are nested more than " + std::to_string(limits_.max_depth) +
                              " deep. The file is damaged, or not a checkpoint.");
    }
    if (node.open) {
        throw CheckpointError(
            "pickle: a container contains itself, which a checkpoint has no use for. Remove the "
            "reference before saving.");
    }
    charge(sizeof(Dict::Item) + node.text.size());
    switch (node.kind) {
        case NodeKind::none:
            return Value();
        case NodeKind::boolean:
            return Value(node.number != 0);
        case NodeKind::integer:
            return Value(node.number);
        case NodeKind::real:
            return Value(std::bit_cast<double>(node.number));
        case NodeKind::text:
            return Value(node.text);
        case NodeKind::bytes:
            return Value(Opaque{"builtins.bytes", {Value(node.text)}});
        case NodeKind::global:
            return Value(Opaque{node.text, {}});
        case NodeKind::tensor:
        case NodeKind::storage:
            return Value(node.tensor);
        case NodeKind::tuple:
            return Value(Tuple{convert_items(id, depth)});
        case NodeKind::list:
            return Value(convert_items(id, depth));
        case NodeKind::object:
            return Value(Opaque{node.text, convert_items(id, depth)});
        case NodeKind::dict:
            return convert_dict(id, depth);
    }
    return Value();
}

inline List PickleGraph::convert_items(NodeId id, std::size_t depth) {
    List result;
    nodes_[id].open = true;
    for (const NodeId item : nodes_[id].items) {
        result.push_back(convert(item, depth + 1));
    }
    nodes_[id].open = false;
    return result;
}

// A later entry replaces an earlier one of the same key, in the earlier one's place, as in Python.
inline Value PickleGraph::convert_dict(NodeId id, std::size_t depth) {
    PickleNode& node = nodes_[id];
    const std::vector<NodeId>& items = node.items;
    charge(items.size() * sizeof(NodeId));  // equal keys cost time as well
    std::unordered_map<std::string_view, std::size_t> texts;
    std::unordered_map<std::int64_t, std::size_t> integers;
    std::vector<std::pair<NodeId, NodeId>> entries;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
        const PickleNode& key = nodes_[items[i]];
        std::size_t place = entries.size();
        if (key.kind == NodeKind::text) {
            place = texts.try_emplace(key.text, place).first->second;
        } else if (key.kind == NodeKind::integer) {
            place = integers.try_emplace(key.number, place).first->second;
        }
        if (place == entries.size()) {
            entries.emplace_back(items[i], items[i + 1]);
        } else {
            entries[place].second = items[i + 1];
        }
    }
    Dict result;
    result.ordered = node.ordered;
    node.open = true;
    for (const auto& entry : entries) {
        Value key = convert(entry.first, depth + 1);
        result.append(std::move(key), convert(entry.second, depth + 1));
    }
    node.open = false;
    return Value(std::move(result));
}

}  // namespace lit::detail
