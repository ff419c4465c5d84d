// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/number_text.hpp>
#include <lit/core/value.hpp>
#include <lit/core/yaml.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lit {
namespace detail {

/// Letters, digits and `_ . / -`, beginning with a letter or `_`, and none of the words that YAML 1.1 takes
/// for something else: such a text means itself without quotes.
[[nodiscard]] inline bool yaml_plain(std::string_view text) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    const auto inner = [&](char c) {
        return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '/' || c == '-';
    };
    if (text.empty() || !letter(text.front()) || !std::ranges::all_of(text, inner)) {
        return false;
    }
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    constexpr std::array<std::string_view, 9> reserved = {"y",   "n",    "yes",   "no",  "on",
                                                          "off", "true", "false", "null"};
    return std::ranges::find(reserved, lower) == reserved.end();
}

/// Reads one UTF-8 character at `i` and advances; a byte that is none comes back alone, with `valid` false.
[[nodiscard]] inline std::uint32_t next_utf8(std::string_view text, std::size_t& i, bool& valid) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    const std::uint32_t first = byte(i);
    const std::size_t size = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    std::uint32_t code = size == 1 ? first : first & (0x7FU >> size);
    valid = size == 1 || (first >= 0xC2 && first <= 0xF4 && i + size <= text.size());
    for (std::size_t k = 1; valid && k < size; ++k) {
        valid = (byte(i + k) & 0xC0U) == 0x80U;
        code = (code << 6) | (byte(i + k) & 0x3FU);
    }
    constexpr std::array<std::uint32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
    valid = valid && code >= least[size] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    i += valid ? size : 1;
    return valid ? code : first;
}

inline void append_yaml_string(std::string& out, std::string_view text) {
    if (yaml_plain(text)) {
        out += text;
        return;
    }
    const auto escape = [&](char kind, std::uint32_t code, int digits) {
        out += '\\';
        out += kind;
        for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
            out += "0123456789abcdef"[(code >> shift) & 0xFU];
        }
    };
    out += '"';
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t begin = i;
        bool valid = true;
        const std::uint32_t code = next_utf8(text, i, valid);
        if (code == '"' || code == '\\') {
            out += '\\';
            out += static_cast<char>(code);
        } else if (code == '\n') {
            out += "\\n";
        } else if (code == '\t') {
            out += "\\t";
        } else if (!valid || code < 0x20 || (code >= 0x7F && code < 0xA0)) {
            escape('x', code, 2);
        } else if (code == 0x2028 || code == 0x2029 || code == 0xFEFF || code == 0xFFFE || code == 0xFFFF) {
            escape('u', code, 4);
        } else {
            out += text.substr(begin, i - begin);
        }
    }
    out += '"';
}

/// PyYAML takes `1e-05` for a string: a float needs its dot.
inline void append_yaml_float(std::string& out, double value) {
    if (std::isnan(value) || std::isinf(value)) {
        out += std::isnan(value) ? ".nan" : value < 0 ? "-.inf" : ".inf";
        return;
    }
    const std::size_t begin = out.size();
    append_float(out, value);
    if (out.find('.', begin) == std::string::npos) {
        out.insert(out.find('e', begin), ".0");
    }
}

inline void append_yaml_tensor(std::string& out, const at::Tensor& tensor) {
    constexpr std::int64_t longest = 1000;  // beyond this a text file is the wrong place
    if (!tensor.defined() || tensor.numel() > longest || tensor.is_complex()) {
        std::string text = "tensor";
        if (tensor.defined()) {
            text = std::string(c10::toString(tensor.scalar_type())) + " tensor of shape [";
            for (std::int64_t d = 0; d < tensor.dim(); ++d) {
                text += (d == 0 ? "" : ", ") + std::to_string(tensor.size(d));
            }
            text += "]";
        }
        append_yaml_string(out, text);
    } else if (tensor.dim() > 0) {
        out += '[';
        for (std::int64_t i = 0; i < tensor.size(0); ++i) {
            out += i == 0 ? "" : ", ";
            append_yaml_tensor(out, tensor.select(0, i));
        }
        out += ']';
    } else if (tensor.scalar_type() == at::kBool) {
        out += tensor.item().toBool() ? "true" : "false";
    } else if (tensor.is_floating_point()) {
        append_yaml_float(out, tensor.item().toDouble());
    } else {
        append_int(out, tensor.item().toLong());
    }
}

inline void append_yaml_key(std::string& out, const Value& key) {
    if (key.is<List>() || key.is<Tuple>() || key.is<Dict>() || key.is<at::Tensor>() || key.is<Opaque>()) {
        std::string text;
        append_yaml_flow(text, key);
        append_yaml_string(out, text);
    } else {
        append_yaml_flow(out, key);
    }
    out += ':';
}

LIT_INLINE void append_yaml_flow(std::string& out, const Value& value) {
    const auto list = [&](const List& items) {
        out += '[';
        for (std::size_t i = 0; i < items.size(); ++i) {
            out += i == 0 ? "" : ", ";
            append_yaml_flow(out, items[i]);
        }
        out += ']';
    };
    if (const auto* flag = value.get_if<bool>()) {
        out += *flag ? "true" : "false";
    } else if (const auto* whole = value.get_if<std::int64_t>()) {
        append_int(out, *whole);
    } else if (const auto* real = value.get_if<double>()) {
        append_yaml_float(out, *real);
    } else if (const auto* text = value.get_if<std::string>()) {
        append_yaml_string(out, *text);
    } else if (const auto* tensor = value.get_if<at::Tensor>()) {
        append_yaml_tensor(out, *tensor);
    } else if (value.is<List>() || value.is<Tuple>()) {
        list(value.items());
    } else if (const auto* dict = value.get_if<Dict>()) {
        out += '{';
        bool first = true;
        for (const auto& [key, item] : *dict) {
            out += first ? "" : ", ";
            first = false;
            append_yaml_key(out, key);
            out += ' ';
            append_yaml_flow(out, item);
        }
        out += '}';
    } else if (const auto* opaque = value.get_if<Opaque>()) {
        append_yaml_string(out, opaque->type);
    } else {
        out += "null";
    }
}

inline void append_yaml_block(std::string& out, const Dict& dict, std::size_t indent) {
    for (const auto& [key, value] : dict) {
        out.append(indent, ' ');
        append_yaml_key(out, key);
        if (const auto* inner = value.get_if<Dict>(); inner != nullptr && !inner->empty()) {
            out += '\n';
            append_yaml_block(out, *inner, indent + 2);
        } else {
            out += ' ';
            append_yaml_flow(out, value);
            out += '\n';
        }
    }
}

}  // namespace detail

LIT_INLINE std::string to_yaml(const Dict& dict) {
    std::string out;
    detail::append_yaml_block(out, dict, 0);
    return out.empty() ? "{}\n" : out;
}

}  // namespace lit
