// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/pickle_graph.hpp>
#include <lit/checkpoint/pickle_opcodes.hpp>
#include <lit/checkpoint/refused_names.hpp>
#include <lit/checkpoint/storage_source.hpp>
#include <lit/core/error.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>
#include <c10/core/Storage.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace lit::detail {

/// What a pickle's calls mean: tensors and Python's own containers are built, everything else stays data.
///
/// Nothing is looked up and nothing is run: a name that is not known here becomes an object with its
/// arguments.
class PickleRebuilder {
 public:
    PickleRebuilder(PickleGraph& graph, StorageSource source) : graph_(graph), source_(source) {}

    /// `callee(*args)`
    NodeId call(NodeId callee, NodeId args);
    /// `object.__setstate__(state)`
    void build(NodeId object, NodeId state);
    /// The storage that a persistent id names.
    NodeId storage(NodeId persistent_id);

 private:
    [[noreturn]] static void refuse(const std::string& what) {
        throw CheckpointError("pickle: " + what +
                              ". The file is damaged, or written by something other than PyTorch.");
    }
    [[nodiscard]] PickleNode& need(const std::vector<NodeId>& items, std::size_t index, NodeKind kind,
                                   const char* what) {
        if (index >= items.size() || graph_[items[index]].kind != kind) {
            refuse(std::string(what) + " is missing or of the wrong type");
        }
        return graph_[items[index]];
    }
    [[nodiscard]] std::vector<std::int64_t> integers(const std::vector<NodeId>& items, std::size_t index,
                                                     const char* what) {
        std::vector<std::int64_t> result;
        for (const NodeId item : need(items, index, NodeKind::tuple, what).items) {
            if (graph_[item].kind != NodeKind::integer) {
                refuse(std::string(what) + " holds something other than integers");
            }
            result.push_back(graph_[item].number);
        }
        return result;
    }
    NodeId tensor(const std::vector<NodeId>& args, std::size_t version);
    NodeId ordered_dict(const std::vector<NodeId>& args, bool ordered);
    NodeId path(const std::vector<NodeId>& args);
    NodeId latin1(const std::vector<NodeId>& args);
    std::optional<NodeId> numpy_scalar(const std::vector<NodeId>& args);

    PickleGraph& graph_;
    StorageSource source_;
    std::unordered_map<std::string, c10::Storage> storages_;
};

// `torch.FloatStorage`, `torch.cuda.FloatStorage`; quantised numbers are read as the integers they consist
// of.
inline c10::ScalarType storage_dtype(std::string_view type) {
    const std::size_t dot = type.rfind('.');
    const std::string_view name = dot == std::string_view::npos ? type : type.substr(dot + 1);
    for (const DtypeName& known : dtype_names) {
        if (!known.storage.empty() && known.storage == name) {
            return known.dtype;
        }
    }
    if (name == "QInt8Storage") {
        return c10::ScalarType::Char;
    }
    if (name == "QInt32Storage") {
        return c10::ScalarType::Int;
    }
    if (name == "UntypedStorage" || name == "QUInt8Storage" || name == "QUInt4x2Storage" ||
        name == "QUInt2x4Storage") {
        return c10::ScalarType::Byte;
    }
    throw CheckpointError("pickle: found a storage of the unknown type " + std::string(type) + ".");
}

// Bytes that the tensor reaches into its storage; nothing when that does not fit into 63 bits.
inline std::optional<std::int64_t> reach(const std::vector<std::int64_t>& sizes,
                                         const std::vector<std::int64_t>& strides, std::int64_t offset,
                                         std::int64_t item) {
    std::int64_t last = offset;
    std::int64_t count = 1;
    bool empty = false;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        std::int64_t step = 0;
        if (sizes[i] < 0 || strides[i] < 0 ||
            __builtin_mul_overflow(std::max<std::int64_t>(sizes[i], 1) - 1, strides[i], &step) ||
            __builtin_add_overflow(last, step, &last) ||
            __builtin_mul_overflow(count, std::max<std::int64_t>(sizes[i], 1), &count)) {
            return std::nullopt;
        }
        empty = empty || sizes[i] == 0;
    }
    std::int64_t bytes = 0;
    std::int64_t whole = 0;
    if (offset < 0 || __builtin_add_overflow(last, 1, &last) || __builtin_mul_overflow(last, item, &bytes) ||
        __builtin_mul_overflow(count, item, &whole)) {
        return std::nullopt;
    }
    return empty ? 0 : bytes;
}

inline NodeId PickleRebuilder::storage(NodeId persistent_id) {
    if (graph_[persistent_id].kind != NodeKind::tuple) {
        refuse("a persistent id is not a tuple");
    }
    const std::vector<NodeId> items = graph_[persistent_id].items;
    const std::string tag = need(items, 0, NodeKind::text, "the tag of a persistent id").text;
    if (tag == "module" && items.size() > 1) {  // very old files carry the source of a class beside it
        return items[1];
    }
    if (tag != "storage") {
        refuse("a persistent id names neither a storage nor a module");
    }
    const c10::ScalarType dtype =
        storage_dtype(need(items, 1, NodeKind::global, "the type of a storage").text);
    if (items.size() < 5) {
        refuse("the description of a storage is too short");
    }
    const PickleNode& name = graph_[items[2]];
    if (name.kind != NodeKind::text && name.kind != NodeKind::integer) {
        refuse("the key of a storage is no name");
    }
    const std::string key = name.kind == NodeKind::text ? name.text : std::to_string(name.number);
    const std::int64_t count = need(items, 4, NodeKind::integer, "the length of a storage").number;
    if (items.size() > 5 && graph_[items[5]].kind != NodeKind::none) {
        refuse("a storage is a view of another, as PyTorch wrote before 0.4");
    }
    const auto width = static_cast<std::int64_t>(c10::elementSize(dtype));
    std::int64_t bytes = 0;
    if (count < 0 || __builtin_mul_overflow(count, width, &bytes)) {
        refuse("the length of a storage is impossible");
    }
    auto found = storages_.find(key);
    if (found == storages_.end()) {
        graph_.charge(key.size() + sizeof(c10::Storage));
        found = storages_.emplace(key, source_(key, static_cast<std::size_t>(bytes))).first;
        if (dtype == c10::ScalarType::Bool) {  // any other byte would be an invalid bool
            auto* byte = static_cast<std::uint8_t*>(found->second.mutable_data());
            std::for_each_n(byte, found->second.nbytes(), [](std::uint8_t& b) { b = b != 0 ? 1 : 0; });
        }
    }
    if (found->second.nbytes() < static_cast<std::size_t>(bytes)) {
        refuse("the storage " + key + " holds " + std::to_string(found->second.nbytes()) + " bytes where " +
               std::to_string(bytes) + " were announced");
    }
    at::Tensor row = at::empty({0}, at::TensorOptions().dtype(dtype));
    row.set_(found->second, 0, {count}, {1});
    return graph_.add_tensor(NodeKind::storage, std::move(row));
}

// version 1: (storage, offset, sizes, strides); 2: ..., requires_grad, hooks[, metadata]; 3: ..., hooks,
// dtype[, metadata]
inline NodeId PickleRebuilder::tensor(const std::vector<NodeId>& args, std::size_t version) {
    const at::Tensor row = need(args, 0, NodeKind::storage, "the storage of a tensor").tensor;
    const std::int64_t offset = need(args, 1, NodeKind::integer, "the offset of a tensor").number;
    const std::vector<std::int64_t> sizes = integers(args, 2, "the shape of a tensor");
    const std::vector<std::int64_t> strides = integers(args, 3, "the strides of a tensor");
    const bool requires_grad =
        version > 1 && need(args, 4, NodeKind::boolean, "requires_grad of a tensor").number != 0;
    c10::ScalarType dtype = row.scalar_type();
    if (version == 3) {
        const std::string_view name = need(args, 6, NodeKind::global, "the dtype of a tensor").text;
        const auto* known = std::ranges::find_if(dtype_names, [&](const DtypeName& d) {
            return name.starts_with("torch.") && name.substr(6) == d.name;
        });
        if (known == dtype_names.end()) {
            refuse("a tensor has the unknown dtype " + std::string(name));
        }
        dtype = known->dtype;
    }
    if (sizes.size() != strides.size() || sizes.size() > 64) {
        refuse("the shape and the strides of a tensor do not fit each other");
    }
    const auto bytes = reach(sizes, strides, offset, static_cast<std::int64_t>(c10::elementSize(dtype)));
    if (!bytes || static_cast<std::size_t>(*bytes) > row.storage().nbytes()) {
        refuse("a tensor reaches beyond its storage");
    }
    at::Tensor result = at::empty({0}, at::TensorOptions().dtype(dtype));
    result.set_(row.storage(), offset, sizes, strides);
    const std::size_t metadata = version == 3 ? 7 : 6;
    if (version > 1 && args.size() > metadata && graph_[args[metadata]].kind == NodeKind::dict) {
        const std::vector<NodeId>& items = graph_[args[metadata]].items;
        for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
            const bool set =
                graph_[items[i + 1]].kind == NodeKind::boolean && graph_[items[i + 1]].number != 0;
            if (set && graph_[items[i]].text == "conj" && result.is_complex()) {
                result = result.conj();
            } else if (set && graph_[items[i]].text == "neg") {
                result = result._neg_view();
            }
        }
    }
    if (requires_grad && (c10::isFloatingType(dtype) || c10::isComplexType(dtype))) {
        result.set_requires_grad(true);
    }
    return graph_.add_tensor(NodeKind::tensor, std::move(result));
}

// From nothing, from another dict, or from a list of pairs (as Python 2 wrote it).
inline NodeId PickleRebuilder::ordered_dict(const std::vector<NodeId>& args, bool ordered) {
    std::vector<NodeId> items;
    if (!args.empty() && graph_[args.back()].kind == NodeKind::dict) {
        items = graph_[args.back()].items;
    } else if (!args.empty() && graph_[args.back()].kind == NodeKind::list) {
        for (const NodeId pair : graph_[args.back()].items) {
            const PickleNode& node = graph_[pair];
            if ((node.kind != NodeKind::list && node.kind != NodeKind::tuple) || node.items.size() != 2) {
                refuse("a dict is built from something other than pairs");
            }
            items.insert(items.end(), node.items.begin(), node.items.end());
        }
    }
    const NodeId id = graph_.add_items(NodeKind::dict, std::move(items));
    graph_[id].ordered = ordered;
    return id;
}

inline NodeId PickleRebuilder::path(const std::vector<NodeId>& args) {
    std::string joined;
    for (std::size_t i = 0; i < args.size(); ++i) {
        const std::string& part = need(args, i, NodeKind::text, "a part of a path").text;
        graph_.charge(part.size());
        joined += (joined.empty() || joined.back() == '/' ? "" : "/") + part;
    }
    return graph_.add_text(NodeKind::text, joined);
}

// Protocol 2 has no bytes: they come as the text whose code points they are.
inline NodeId PickleRebuilder::latin1(const std::vector<NodeId>& args) {
    const std::string& text = need(args, 0, NodeKind::text, "the text behind bytes").text;
    graph_.charge(text.size());
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto lead = static_cast<std::uint8_t>(text[i]);
        if (lead < 0x80) {
            bytes.push_back(text[i]);
        } else if ((lead == 0xc2 || lead == 0xc3) && i + 1 < text.size()) {
            bytes.push_back(
                static_cast<char>(((lead & 3U) << 6U) | (static_cast<std::uint8_t>(text[++i]) & 0x3fU)));
        } else {
            refuse("bytes are given as text that is not latin-1");
        }
    }
    return graph_.add_text(NodeKind::bytes, bytes);
}

inline std::optional<NodeId> PickleRebuilder::numpy_scalar(const std::vector<NodeId>& args) {
    if (args.size() != 2 || graph_[args[0]].kind != NodeKind::object ||
        graph_[args[1]].kind != NodeKind::bytes || graph_[args[0]].items.empty() ||
        graph_[graph_[args[0]].items[0]].kind != NodeKind::text) {
        return std::nullopt;
    }
    const std::string type = graph_[graph_[args[0]].items[0]].text;
    const std::string bytes = graph_[args[1]].text;
    if (type.size() != 2 || static_cast<std::size_t>(type[1] - '0') != bytes.size() || bytes.size() > 8) {
        return std::nullopt;
    }
    std::uint64_t raw = 0;
    std::memcpy(&raw, bytes.data(), bytes.size());
    const auto unused = static_cast<unsigned>(64 - 8 * bytes.size());
    switch (type[0]) {
        case 'b':
            return graph_.add_number(NodeKind::boolean, raw != 0 ? 1 : 0);
        case 'i':
            return graph_.add_number(NodeKind::integer, std::bit_cast<std::int64_t>(raw << unused) >> unused);
        case 'u':
            if (raw > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
                return std::nullopt;
            }
            return graph_.add_number(NodeKind::integer, static_cast<std::int64_t>(raw));
        case 'f':
            if (bytes.size() == 8) {
                return graph_.add_real(std::bit_cast<double>(raw));
            }
            if (bytes.size() == 4) {
                return graph_.add_real(std::bit_cast<float>(static_cast<std::uint32_t>(raw)));
            }
            if (bytes.size() == 2) {
                return graph_.add_real(c10::Half(static_cast<std::uint16_t>(raw), c10::Half::from_bits()));
            }
            return std::nullopt;
        default:
            return std::nullopt;
    }
}

inline NodeId PickleRebuilder::call(NodeId callee, NodeId args_id) {
    if (graph_[callee].kind != NodeKind::global) {
        refuse("something that is no class or function is called");
    }
    if (graph_[args_id].kind != NodeKind::tuple) {
        refuse("the arguments of " + graph_[callee].text + " are no tuple");
    }
    std::string name = graph_[callee].text;
    if (is_refused_name(name)) {
        throw CheckpointError("pickle: the file would have Python call " + name.substr(0, 200) +
                              ", which no checkpoint needs: it was made to run code on the machine of whoever loads it. "
                              "Nothing was run, and nothing is read from it.");
    }
    graph_.charge(graph_[args_id].items.size() * sizeof(NodeId));
    std::vector<NodeId> args = graph_[args_id].items;
    // A tensor with attributes of its own: (function, type, its arguments, the attributes).
    if (name == "torch._tensor._rebuild_from_type_v2" && args.size() >= 3 &&
        graph_[args[0]].kind == NodeKind::global && graph_[args[2]].kind == NodeKind::tuple) {
        name = graph_[args[0]].text;
        args = std::vector<NodeId>(graph_[args[2]].items);
    }
    const auto is = [&](std::string_view module, std::string_view tail) {
        return name.size() > tail.size() && name.starts_with(module) && name.ends_with(tail);
    };
    if (name == "torch._utils._rebuild_tensor_v2") {
        return tensor(args, 2);
    }
    if (name == "torch._utils._rebuild_tensor_v3") {
        return tensor(args, 3);
    }
    if (name == "torch._utils._rebuild_tensor") {
        return tensor(args, 1);
    }
    if (name == "torch._utils._rebuild_parameter" || name == "torch._utils._rebuild_parameter_with_state") {
        const at::Tensor data = need(args, 0, NodeKind::tensor, "the tensor of a parameter").tensor;
        const bool requires_grad =
            need(args, 1, NodeKind::boolean, "requires_grad of a parameter").number != 0;
        at::Tensor parameter = data.detach();
        parameter.set_requires_grad(requires_grad &&
                                    (parameter.is_floating_point() || parameter.is_complex()));
        return graph_.add_tensor(NodeKind::tensor, std::move(parameter));
    }
    if (name == "collections.OrderedDict") {
        return ordered_dict(args, true);
    }
    if (name == "collections.defaultdict" || name == "collections.Counter" ||
        is("lightning", ".AttributeDict") || is("pytorch_lightning", ".AttributeDict")) {
        return ordered_dict(args, false);
    }
    if (name == "torch.Size" && args.size() == 1 &&
        (graph_[args[0]].kind == NodeKind::tuple || graph_[args[0]].kind == NodeKind::list)) {
        return graph_.add_items(NodeKind::tuple, std::vector<NodeId>(graph_[args[0]].items));
    }
    if (is("pathlib.", "Path") &&
        std::ranges::all_of(args, [&](NodeId a) { return graph_[a].kind == NodeKind::text; })) {
        return path(args);
    }
    if (name == "_codecs.encode" && args.size() == 2 && graph_[args[1]].text == "latin1") {
        return latin1(args);
    }
    if (is("numpy.", ".multiarray.scalar")) {
        if (const auto scalar = numpy_scalar(args)) {
            return *scalar;
        }
    }
    // A set comes as (list,): its members are its parts.
    if ((name == "builtins.set" || name == "builtins.frozenset") && args.size() == 1 &&
        graph_[args[0]].kind == NodeKind::list) {
        args = std::vector<NodeId>(graph_[args[0]].items);
    }
    const NodeId object = graph_.add_text(NodeKind::object, name);
    graph_.extend(object, args);
    return object;
}

inline void PickleRebuilder::build(NodeId object, NodeId state) {
    // The state of a dict is its Python attributes (`_metadata` of a state dict), that of a tensor its hooks.
    if (graph_[object].kind == NodeKind::object) {
        graph_.extend(object, {state});
    }
}

}  // namespace lit::detail
