// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lit::detail {

/// Reads forward through the bytes of a pickle and never past their end.
///
/// Errors  CheckpointError that says where.
class PickleCursor {
 public:
    explicit PickleCursor(std::string_view data) : data_(data) {}

    [[nodiscard]] std::size_t position() const { return position_; }
    [[nodiscard]] std::size_t size() const { return data_.size(); }
    [[noreturn]] void refuse(const std::string& what) const {
        throw CheckpointError("pickle: " + what + " (at byte " + std::to_string(position_) + " of " +
                              std::to_string(data_.size()) + "). The file is damaged, or not a checkpoint.");
    }
    std::string_view take(std::size_t count) {
        if (count > data_.size() - position_) {
            refuse("the data end too early");
        }
        const std::string_view piece = data_.substr(position_, count);
        position_ += count;
        return piece;
    }
    // Little-endian, of 1 to 8 bytes.
    std::uint64_t number(std::size_t width) {
        std::uint64_t value = 0;
        const std::string_view bytes = take(width);
        for (std::size_t i = 0; i < width; ++i) {
            value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(bytes[i])) << (8 * i);
        }
        return value;
    }
    // The bytes behind a length of `width` bytes.
    std::string_view counted(std::size_t width) { return take(number(width)); }
    std::string_view line() {
        const std::size_t end = data_.find('\n', position_);
        if (end == std::string_view::npos) {
            refuse("a name has no end");
        }
        const std::string_view piece = take(end - position_);
        position_ += 1;
        return piece;
    }

 private:
    std::string_view data_;
    std::size_t position_ = 0;
};

}  // namespace lit::detail
