// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/pickle_cursor.hpp>
#include <lit/checkpoint/packed_value.hpp>
#include <lit/checkpoint/pickle_reader.hpp>
#include <lit/checkpoint/pickle_writer.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/Storage.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace lit {

LIT_INLINE at::Tensor pack_value(const Value& value) {
    Pickled pickled = write_pickle(value);
    pickled.bring_to_host();
    std::string head;
    const auto put = [&head](std::uint64_t number) {
        for (int shift = 0; shift < 64; shift += 8) {
            head.push_back(static_cast<char>(number >> shift & 0xffU));
        }
    };
    std::size_t bytes = 0;
    put(pickled.data.size());
    put(pickled.storages.size());
    for (const c10::Storage& storage : pickled.storages) {
        put(storage.nbytes());
        bytes += storage.nbytes();
    }
    at::Tensor row = at::empty({static_cast<std::int64_t>(head.size() + pickled.data.size() + bytes)}, at::kByte);
    auto* to = static_cast<char*>(row.mutable_data_ptr());
    const auto append = [&to](const void* from, std::size_t size) {
        if (size > 0) {
            std::memcpy(to, from, size);
        }
        to += size;
    };
    append(head.data(), head.size());
    append(pickled.data.data(), pickled.data.size());
    for (const c10::Storage& storage : pickled.storages) {
        append(storage.data(), storage.nbytes());
    }
    return row;
}

LIT_INLINE Value unpack_value(const at::Tensor& row) {
    detail::PickleCursor cursor({static_cast<const char*>(row.const_data_ptr()), static_cast<std::size_t>(row.numel())});
    const std::uint64_t pickle_size = cursor.number(8);
    const std::uint64_t count = cursor.number(8);
    std::vector<std::uint64_t> sizes;
    for (std::uint64_t i = 0; i < count; ++i) {
        sizes.push_back(cursor.number(8));
    }
    const std::string_view pickle = cursor.take(pickle_size);
    std::vector<std::string_view> storages;
    for (const std::uint64_t size : sizes) {
        storages.push_back(cursor.take(size));
    }
    return read_pickle(pickle, [&](const std::string& key, std::size_t /*bytes*/) {
        std::size_t index = 0;
        for (const char digit : key) {
            index = 10 * index + static_cast<std::size_t>(digit - '0');
        }
        if (index >= storages.size()) {
            cursor.refuse("it names a storage that is not there");
        }
        const at::Tensor copy = at::empty({static_cast<std::int64_t>(storages[index].size())}, at::kByte);
        if (copy.numel() > 0) {
            std::memcpy(copy.mutable_data_ptr(), storages[index].data(), storages[index].size());
        }
        return copy.storage();
    });
}

}  // namespace lit
