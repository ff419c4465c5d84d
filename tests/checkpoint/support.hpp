// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

#include <unistd.h>

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace checkpoint_test {

/// A folder of its own, gone at the end.
class TemporaryFolder {
 public:
    TemporaryFolder() {
        static std::atomic<int> counter = 0;
        path_ = std::filesystem::temp_directory_path() /
                ("lit_checkpoint_" + std::to_string(::getpid()) + "_" + std::to_string(counter++));
        std::filesystem::create_directories(path_);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::permissions(path_, std::filesystem::perms::owner_all, ignored);
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    [[nodiscard]] std::size_t files() const {
        return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
    }

 private:
    std::filesystem::path path_;
};

inline std::filesystem::path fixture(const std::string& name) {
    return std::filesystem::path(LIT_SOURCE_DIR) / "tests/checkpoint/fixtures" / name;
}

inline std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// Equal as Python would compare, except that types count, nan equals nan, and tensors must agree to the bit.
inline bool same(const lit::Value& a, const lit::Value& b) {
    if (a.storage().index() != b.storage().index()) {
        return false;
    }
    const auto same_items = [](const lit::List& x, const lit::List& y) {
        bool equal = x.size() == y.size();
        for (std::size_t i = 0; equal && i < x.size(); ++i) {
            equal = same(x[i], y[i]);
        }
        return equal;
    };
    if (const auto* tensor = a.get_if<at::Tensor>()) {
        const at::Tensor& other = b.tensor();
        if (tensor->scalar_type() != other.scalar_type() || tensor->sizes() != other.sizes() ||
            tensor->requires_grad() != other.requires_grad()) {
            return false;
        }
        const at::Tensor left = tensor->detach().contiguous();
        const at::Tensor right = other.detach().contiguous();
        return left.nbytes() == 0 || std::memcmp(left.data_ptr(), right.data_ptr(), left.nbytes()) == 0;
    }
    if (a.is<lit::List>() || a.is<lit::Tuple>()) {
        return same_items(a.items(), b.items());
    }
    if (const auto* dict = a.get_if<lit::Dict>()) {
        bool equal = dict->size() == b.dict().size() && dict->ordered == b.dict().ordered;
        auto other = b.dict().begin();
        for (auto item = dict->begin(); equal && item != dict->end(); ++item, ++other) {
            equal = same(item->first, other->first) && same(item->second, other->second);
        }
        return equal;
    }
    if (const auto* opaque = a.get_if<lit::Opaque>()) {
        return opaque->type == b.as<lit::Opaque>().type &&
               same_items(opaque->parts, b.as<lit::Opaque>().parts);
    }
    if (const auto* real = a.get_if<double>()) {
        return std::bit_cast<std::uint64_t>(*real) == std::bit_cast<std::uint64_t>(b.as<double>());
    }
    if (const auto* integer = a.get_if<std::int64_t>()) {
        return *integer == b.as<std::int64_t>();
    }
    if (const auto* boolean = a.get_if<bool>()) {
        return *boolean == b.as<bool>();
    }
    return a.is_none() || a.string() == b.string();
}

}  // namespace checkpoint_test
