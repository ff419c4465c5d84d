// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/file.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

/// Checkpoints as lines of text, to the last bit, so that two can be compared field by field.
namespace spelt {

/// `folder`, wherever it stands in a text, is spelt `<folder>`.
inline void spell(const lit::Value& value, const std::string& where, const std::string& folder, std::vector<std::string>& lines) {
    if (const auto* dict = value.get_if<lit::Dict>()) {
        for (const auto& [key, own] : *dict) {
            spell(own, where + "/" + (key.is<std::string>() ? key.string() : std::to_string(key.to_int())), folder, lines);
        }
    } else if (value.is<lit::List>() || value.is<lit::Tuple>()) {
        std::size_t index = 0;
        for (const lit::Value& own : value.items()) {
            spell(own, where + "/" + std::to_string(index++), folder, lines);
        }
    } else {
        std::ostringstream text;
        text << std::hexfloat;
        if (const auto* tensor = value.get_if<at::Tensor>()) {
            const at::Tensor bytes = tensor->contiguous().view({-1}).view(at::kByte);
            for (std::int64_t i = 0; i < bytes.numel(); ++i) {
                text << static_cast<int>(static_cast<const std::uint8_t*>(bytes.const_data_ptr())[i]) << ' ';
            }
        } else if (const auto* number = value.get_if<double>()) {
            text << *number;
        } else if (const auto* count = value.get_if<std::int64_t>()) {
            text << *count;
        } else if (const auto* flag = value.get_if<bool>()) {
            text << *flag;
        } else if (const auto* string = value.get_if<std::string>()) {
            const std::size_t found = folder.empty() ? std::string::npos : string->find(folder);
            text << (found == std::string::npos ? *string : std::string(*string).replace(found, folder.size(), "<folder>"));
        }
        lines.push_back(where + " = " + text.str());
    }
}
inline std::vector<std::string> lines_of(const std::filesystem::path& file, const std::filesystem::path& folder = {}) {
    std::vector<std::string> lines;
    spell(lit::load_checkpoint(file), "", folder.string(), lines);
    return lines;
}
/// The first difference, or nothing.
inline std::string difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        if (a[i] != b[i]) {
            return a[i].substr(0, 200) + "\n" + b[i].substr(0, 200);
        }
    }
    return a.size() == b.size() ? "" : "another number of fields";
}

}  // namespace spelt
