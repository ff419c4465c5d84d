// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/pickle_opcodes.hpp>
#include <lit/checkpoint/pickle_writer.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/Storage.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit {
namespace detail {

LIT_INLINE at::Tensor storage_bytes(const c10::Storage& storage) {
    at::Tensor bytes = at::empty({0}, at::TensorOptions(at::kByte).device(storage.device()));
    bytes.set_(storage, 0, {static_cast<std::int64_t>(storage.nbytes())}, {1});
    return bytes;
}

class PickleWriter {
 public:
    Pickled run(const Value& value) {
        put(Opcode::proto);
        put_number(2, 1);
        write(value, 0);
        put(Opcode::stop);
        return std::move(result_);
    }

 private:
    static constexpr std::size_t max_depth = 100;

    void put(Opcode opcode) { result_.data.push_back(static_cast<char>(opcode)); }
    void put_number(std::uint64_t number, std::size_t width) {
        for (std::size_t i = 0; i < width; ++i) {
            result_.data.push_back(static_cast<char>(number >> (8 * i) & 0xffU));
        }
    }
    void put_global(std::string_view module, std::string_view name) {
        put(Opcode::global);
        result_.data.append(module).append("\n").append(name).append("\n");
    }
    void put_integer(std::int64_t number);
    void put_real(double number);
    void put_text(std::string_view text);
    void put_integers(at::IntArrayRef numbers);
    void put_tensor(const at::Tensor& tensor);
    void put_dict(const Dict& dict, std::size_t depth);
    void put_key(const Value& key, std::size_t depth);
    void put_items(const List& items, std::size_t depth) {
        for (const Value& item : items) {
            write(item, depth + 1);
        }
    }
    void write(const Value& value, std::size_t depth);
    std::size_t storage_index(const at::Tensor& tensor, std::string_view type);

    Pickled result_;
    // Python cannot read one storage as two types, hence the type beside the storage.
    std::map<std::pair<const c10::StorageImpl*, std::string_view>, std::size_t> known_;
};

inline bool is_utf8(std::string_view text) {
    std::size_t rest = 0;
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (rest > 0) {
            if ((byte & 0xc0U) != 0x80U) {
                return false;
            }
            --rest;
        } else if (byte >= 0x80) {
            rest = byte >= 0xf0 && byte < 0xf5   ? 3U
                   : byte >= 0xe0 && byte < 0xf0 ? 2U
                   : byte >= 0xc2 && byte < 0xe0 ? 1U
                                                 : 0U;
            if (rest == 0) {
                return false;
            }
        }
    }
    return rest == 0;
}

inline void PickleWriter::put_integer(std::int64_t number) {
    if (number >= 0 && number < 256) {
        put(Opcode::binint1);
        put_number(static_cast<std::uint64_t>(number), 1);
    } else if (number >= std::numeric_limits<std::int32_t>::min() &&
               number <= std::numeric_limits<std::int32_t>::max()) {
        put(Opcode::binint);
        put_number(static_cast<std::uint64_t>(number), 4);
    } else {
        put(Opcode::long1);
        put_number(8, 1);
        put_number(static_cast<std::uint64_t>(number), 8);
    }
}

inline void PickleWriter::put_real(double number) {
    put(Opcode::binfloat);
    const auto bits = std::bit_cast<std::uint64_t>(number);
    for (int shift = 56; shift >= 0; shift -= 8) {
        result_.data.push_back(static_cast<char>(bits >> shift & 0xffU));
    }
}

inline void PickleWriter::put_text(std::string_view text) {
    if (text.size() > std::numeric_limits<std::uint32_t>::max() || !is_utf8(text)) {
        throw CheckpointError("save: a str of " + std::to_string(text.size()) +
                              " bytes is not UTF-8, or longer than 4 GiB. Keep raw bytes in a uint8 tensor.");
    }
    put(Opcode::binunicode);
    put_number(text.size(), 4);
    result_.data.append(text);
}

inline void PickleWriter::put_integers(at::IntArrayRef numbers) {
    put(Opcode::mark);
    for (const std::int64_t number : numbers) {
        put_integer(number);
    }
    put(Opcode::tuple);
}

inline std::size_t PickleWriter::storage_index(const at::Tensor& tensor, std::string_view type) {
    const c10::Storage& storage = tensor.storage();
    const auto [entry, added] =
        known_.try_emplace({storage.unsafeGetStorageImpl(), type}, result_.storages.size());
    if (added) {
        result_.storages.push_back(storage);
    }
    return entry->second;
}

inline void PickleWriter::put_tensor(const at::Tensor& given) {
    if (!given.defined()) {
        throw CheckpointError("save: found an undefined tensor. Leave its key out, or save None.");
    }
    const auto* dtype = std::ranges::find(dtype_names, given.scalar_type(), &DtypeName::dtype);
    if (given.layout() != at::kStrided || given.is_meta() || dtype == dtype_names.end() ||
        !given.has_storage()) {
        throw CheckpointError(
            "save: found a tensor of type " + given.toString() +
            ", which .ckpt files cannot hold here. Save it dense, with data, and not quantised.");
    }
    const bool requires_grad = given.requires_grad();
    const at::Tensor tensor = given.detach().resolve_conj().resolve_neg();
    const std::string_view type = dtype->storage.empty() ? "UntypedStorage" : dtype->storage;
    const std::size_t index = storage_index(tensor, type);
    const std::size_t width = dtype->storage.empty() ? 1 : tensor.element_size();

    put_global("torch._utils", dtype->storage.empty() ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
    put(Opcode::mark);
    put(Opcode::mark);
    put_text("storage");
    // PyTorch writes the class of an untyped storage by the module that defines it.
    put_global(dtype->storage.empty() ? "torch.storage" : "torch", type);
    put_text(std::to_string(index));
    put_text("cpu");
    put_integer(static_cast<std::int64_t>(tensor.storage().nbytes() / width));
    put(Opcode::tuple);
    put(Opcode::binpersid);
    put_integer(tensor.storage_offset());
    put_integers(tensor.sizes());
    put_integers(tensor.strides());
    put(requires_grad ? Opcode::newtrue : Opcode::newfalse);
    put_global("collections", "OrderedDict");
    put(Opcode::empty_tuple);
    put(Opcode::reduce);
    if (dtype->storage.empty()) {
        put_global("torch", dtype->name);
    }
    put(Opcode::tuple);
    put(Opcode::reduce);
}

inline void PickleWriter::put_key(const Value& key, std::size_t depth) {
    if (key.is<at::Tensor>() || key.is<List>() || key.is<Dict>()) {
        throw CheckpointError("save: a dict has a key of type " + std::string(key.type_name()) +
                              ", which Python cannot hash. Use a str, an int or a tuple of them.");
    }
    if (const auto* tuple = key.get_if<Tuple>()) {
        put(Opcode::mark);
        for (const Value& item : tuple->items) {
            if (depth > max_depth) {
                throw CheckpointError("save: a key is nested more than " + std::to_string(max_depth) +
                                      " deep.");
            }
            put_key(item, depth + 1);
        }
        put(Opcode::tuple);
        return;
    }
    write(key, depth);
}

inline void PickleWriter::put_dict(const Dict& dict, std::size_t depth) {
    if (dict.ordered) {
        put_global("collections", "OrderedDict");
        put(Opcode::empty_tuple);
        put(Opcode::reduce);
    } else {
        put(Opcode::empty_dict);
    }
    if (!dict.empty()) {
        put(Opcode::mark);
        for (const auto& item : dict) {
            put_key(item.first, depth + 1);
            try {
                write(item.second, depth + 1);
            } catch (const CheckpointError& error) {  // says where: one "in" for each level on the way up
                const std::string key = item.first.is<std::string>()    ? item.first.string()
                                        : item.first.is<std::int64_t>() ? std::to_string(item.first.to_int())
                                                                        : std::string(item.first.type_name());
                throw CheckpointError(std::string(error.what()) + " (in \"" + key + "\")");
            }
        }
        put(Opcode::setitems);
    }
}

inline void PickleWriter::write(const Value& value, std::size_t depth) {
    if (depth > max_depth) {
        throw CheckpointError("save: containers are nested more than " + std::to_string(max_depth) +
                              " deep.");
    }
    if (value.is_none()) {
        put(Opcode::none);
    } else if (const auto* boolean = value.get_if<bool>()) {
        put(*boolean ? Opcode::newtrue : Opcode::newfalse);
    } else if (const auto* integer = value.get_if<std::int64_t>()) {
        put_integer(*integer);
    } else if (const auto* real = value.get_if<double>()) {
        put_real(*real);
    } else if (const auto* text = value.get_if<std::string>()) {
        put_text(*text);
    } else if (const auto* tensor = value.get_if<at::Tensor>()) {
        put_tensor(*tensor);
    } else if (const auto* list = value.get_if<List>()) {
        put(Opcode::empty_list);
        if (!list->empty()) {
            put(Opcode::mark);
            put_items(*list, depth);
            put(Opcode::appends);
        }
    } else if (const auto* tuple = value.get_if<Tuple>()) {
        put(Opcode::mark);
        put_items(tuple->items, depth);
        put(Opcode::tuple);
    } else if (const auto* dict = value.get_if<Dict>()) {
        put_dict(*dict, depth);
    } else {
        throw CheckpointError(
            "save: found an object of the Python class " + value.as<Opaque>().type +
            ", which lit can read as data but not write. Replace it by plain values, or remove it.");
    }
}

}  // namespace detail

LIT_INLINE void Pickled::bring_to_host() {
    for (c10::Storage& storage : storages) {
        if (!storage.device().is_cpu()) {
            storage = detail::storage_bytes(storage).cpu().storage();
        }
    }
}

LIT_INLINE Pickled write_pickle(const Value& value) { return detail::PickleWriter().run(value); }

}  // namespace lit
