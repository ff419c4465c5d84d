// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/pickle_reader.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/Storage.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <unordered_map>

namespace lit::detail {

/// Reads what `torch.save` wrote before PyTorch 1.6: five pickles in a row, then each storage as its length
/// and its bytes.
inline Value read_legacy(const std::filesystem::path& path, const PickleLimits& limits) {
    static constexpr std::string_view magic =
        "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";  // a LONG1, then STOP
    std::string data(std::filesystem::file_size(path), '\0');
    std::ifstream file(path, std::ios::binary);
    file.read(data.data(), static_cast<std::streamsize>(data.size()));
    std::string_view rest = data;
    if (!file || rest.size() < 2 + magic.size() || rest[0] != '\x80' || !rest.substr(2).starts_with(magic)) {
        throw CheckpointError("neither a zip nor a pickle that torch.save wrote. Is it a checkpoint?");
    }
    rest.remove_prefix(2 + magic.size());

    std::unordered_map<std::string, c10::Storage> storages;
    std::size_t promised = 0;
    const auto source = [&](const std::string& key, std::size_t bytes) {
        promised += bytes;
        if (bytes > data.size() || promised > data.size()) {
            throw CheckpointError("the storages are larger than the file, which is damaged.");
        }
        const at::Tensor row = at::zeros({static_cast<std::int64_t>(bytes)}, at::TensorOptions().dtype(at::kByte));
        return storages.emplace(key, row.storage()).first->second;
    };
    const auto next = [&] {
        std::size_t consumed = 0;
        Value value = read_pickle(rest, source, limits, &consumed);
        rest.remove_prefix(consumed);
        return value;
    };
    if (const Value version = next(); !version.is<std::int64_t>() || version.to_int() != 1001) {
        throw CheckpointError(
            "the protocol of this torch.save file is not 1001, the only one there ever was.");
    }
    next();  // the sizes of C's types where it was written
    Value result = next();
    const Value keys = next();
    for (const Value& key : keys.items()) {
        const std::string name = key.is<std::int64_t>() ? std::to_string(key.to_int()) : key.string();
        const auto found = storages.find(name);
        std::uint64_t count = 0;
        if (found == storages.end() || rest.size() < sizeof(count)) {
            throw CheckpointError("the storage " + name + " is unknown or missing. The file is damaged.");
        }
        std::memcpy(&count, rest.data(), sizeof(count));
        rest.remove_prefix(sizeof(count));
        c10::Storage& storage = found->second;
        if (count > storage.nbytes() || rest.size() < storage.nbytes()) {
            throw CheckpointError("the storage " + name + " is cut off. The file is damaged.");
        }
        if (storage.nbytes() > 0) {
            std::memcpy(storage.mutable_data(), rest.data(), storage.nbytes());
        }
        rest.remove_prefix(storage.nbytes());
    }
    return result;
}

}  // namespace lit::detail
