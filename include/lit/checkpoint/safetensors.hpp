// SPDX-License-Identifier: Apache-2.0
#pragma once

#if !__has_include(<nlohmann/json.hpp>)
#error "lit: safetensors files need nlohmann-json's headers: install nlohmann-json3-dev, or use .ckpt files."
#endif

#include <lit/checkpoint/atomic_file.hpp>
#include <lit/checkpoint/mapped_file.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

namespace lit {

/// What a safetensors file says of itself: names and texts.
using SafetensorsMetadata = std::map<std::string, std::string>;

namespace detail {

struct SafetensorsDtype {
    c10::ScalarType dtype;
    std::string_view name;
};
/// In the order in which the reference writer lays tensors out, last first.
inline constexpr std::array safetensors_dtypes{
    SafetensorsDtype{c10::ScalarType::Bool, "BOOL"},          SafetensorsDtype{c10::ScalarType::Byte, "U8"},
    SafetensorsDtype{c10::ScalarType::Char, "I8"},            SafetensorsDtype{c10::ScalarType::Float8_e5m2, "F8_E5M2"},
    SafetensorsDtype{c10::ScalarType::Float8_e4m3fn, "F8_E4M3"}, SafetensorsDtype{c10::ScalarType::Float8_e8m0fnu, "F8_E8M0"},
    SafetensorsDtype{c10::ScalarType::Short, "I16"},          SafetensorsDtype{c10::ScalarType::UInt16, "U16"},
    SafetensorsDtype{c10::ScalarType::Half, "F16"},           SafetensorsDtype{c10::ScalarType::BFloat16, "BF16"},
    SafetensorsDtype{c10::ScalarType::Int, "I32"},            SafetensorsDtype{c10::ScalarType::UInt32, "U32"},
    SafetensorsDtype{c10::ScalarType::Float, "F32"},          SafetensorsDtype{c10::ScalarType::ComplexFloat, "C64"},
    SafetensorsDtype{c10::ScalarType::Double, "F64"},         SafetensorsDtype{c10::ScalarType::Long, "I64"},
    SafetensorsDtype{c10::ScalarType::UInt64, "U64"},
};

inline constexpr std::string_view safetensors_metadata_key = "__metadata__";

/// One entry of the header.
struct SafetensorsEntry {
    std::string name;
    c10::ScalarType dtype;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

/// Reads the header; every rule of the format is checked, so that offsets can be trusted afterwards.
class SafetensorsHeader {
 public:
    using Json = nlohmann::ordered_json;

    /// Errors  CheckpointError that says what is wrong and of which tensor.
    explicit SafetensorsHeader(std::string_view file) {
        if (file.size() < 8) {
            refuse("it is too short for a length");
        }
        std::uint64_t length = 0;
        std::memcpy(&length, file.data(), 8);
        if (length > longest) {
            refuse("its header claims " + std::to_string(length) + " bytes, more than the 100 MB that are allowed");
        }
        if (length > file.size() - 8) {
            refuse("it ends inside of its header");
        }
        data_begin_ = 8 + length;
        read(parse(file.substr(8, length)), file.size() - data_begin_);
    }
    [[nodiscard]] const std::vector<SafetensorsEntry>& entries() const { return entries_; }
    [[nodiscard]] const SafetensorsMetadata& metadata() const { return metadata_; }
    /// Where the tensors' bytes begin in the file.
    [[nodiscard]] std::uint64_t data_begin() const { return data_begin_; }

 private:
    static constexpr std::uint64_t longest = 100'000'000;
    static constexpr int deepest = 3;

    [[noreturn]] static void refuse(const std::string& what) {
        throw CheckpointError("safetensors: " + what + ". The file is damaged, or of another kind.");
    }
    static Json parse(std::string_view text) {
        std::vector<std::unordered_set<std::string>> names;  // of each object that is open
        bool deep = false;
        std::string twice;  // its second meaning would hide the first
        const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
            deep = deep || depth > deepest;
            if (event == Json::parse_event_t::object_start) {
                names.emplace_back();
            } else if (event == Json::parse_event_t::object_end) {
                names.pop_back();
            } else if (event == Json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second) {
                twice = parsed.get<std::string>();
            }
            return !deep;
        };
        Json header = Json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
        if (!twice.empty()) {
            refuse("the name " + twice + " comes twice");
        }
        if (deep || header.is_discarded() || !header.is_object()) {
            refuse("its header is no JSON object of names");
        }
        return header;
    }
    void read(const Json& header, std::uint64_t data_size) {
        for (const auto& [name, entry] : header.items()) {
            if (name == safetensors_metadata_key) {
                read_metadata(entry);
            } else {
                entries_.push_back(read_entry(name, entry));
            }
        }
        // Each tensor begins where the one before ended, and the last ends with the file: no holes, no overlaps.
        std::vector<const SafetensorsEntry*> by_place;
        for (const SafetensorsEntry& entry : entries_) {
            by_place.push_back(&entry);
        }
        std::ranges::sort(by_place, {}, [](const SafetensorsEntry* e) { return std::pair(e->begin, e->end); });
        std::uint64_t at = 0;
        for (const SafetensorsEntry* entry : by_place) {
            if (entry->begin != at) {
                refuse("the bytes of " + entry->name + " begin at " + std::to_string(entry->begin) + " where " +
                       std::to_string(at) + " was expected");
            }
            at = entry->end;
        }
        if (at != data_size) {
            refuse("its tensors have " + std::to_string(at) + " bytes, and the file has " + std::to_string(data_size));
        }
    }
    void read_metadata(const Json& entry) {
        if (!entry.is_object()) {
            refuse("its metadata are no names and texts");
        }
        for (const auto& [key, text] : entry.items()) {
            if (!text.is_string()) {
                refuse("the metadata \"" + key + "\" are no text");
            }
            metadata_[key] = text.get<std::string>();
        }
    }
    static SafetensorsEntry read_entry(const std::string& name, const Json& entry) {
        const auto number = [&name](const Json& value) {
            if (!value.is_number_unsigned()) {
                refuse("a number of " + name + " is negative, or none");
            }
            return value.get<std::uint64_t>();
        };
        if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets") ||
            !entry["dtype"].is_string() || !entry["shape"].is_array() || !entry["data_offsets"].is_array() ||
            entry["data_offsets"].size() != 2) {
            refuse("the entry " + name + " lacks a dtype, a shape or two offsets");
        }
        const auto dtype_name = entry["dtype"].get<std::string>();
        const auto* known = std::ranges::find(safetensors_dtypes, std::string_view(dtype_name), &SafetensorsDtype::name);
        if (known == safetensors_dtypes.end()) {
            throw CheckpointError("safetensors: " + name + " has the dtype " + dtype_name + ", which lit does not know.");
        }
        SafetensorsEntry result{.name = name, .dtype = known->dtype, .shape = {}};
        std::uint64_t bytes = c10::elementSize(known->dtype);
        if (entry["shape"].size() > max_dimensions) {
            refuse(name + " has more than " + std::to_string(max_dimensions) + " dimensions");
        }
        for (const Json& size : entry["shape"]) {
            const std::uint64_t count = number(size);
            if (__builtin_mul_overflow(bytes, count, &bytes) || count > max_count) {
                refuse("the shape of " + name + " is impossible");
            }
            result.shape.push_back(static_cast<std::int64_t>(count));
        }
        result.begin = number(entry["data_offsets"][0]);
        result.end = number(entry["data_offsets"][1]);
        if (result.begin > result.end || result.end - result.begin != bytes) {
            refuse(name + " has " + std::to_string(bytes) + " bytes by its shape, and not by its offsets");
        }
        return result;
    }

    static constexpr std::size_t max_dimensions = 64;
    static constexpr std::uint64_t max_count = std::uint64_t{1} << 62U;

    std::vector<SafetensorsEntry> entries_;
    SafetensorsMetadata metadata_;
    std::uint64_t data_begin_ = 0;
};

}  // namespace detail

/// The tensors of a safetensors file by their names, in the order of its header.
///
/// Shapes  on the CPU. They stand in the mapped file itself, which is read where it is looked at; to write into them changes
///         memory alone. A name of the metadata whose text is a tensor's name is another name of that tensor.
/// Errors  FileError where the file cannot be opened; CheckpointError, with the path, for everything that the format forbids:
///         holes, overlaps, sizes that do not fit, a header above 100 MB, a dtype that is not known.
/// Cost    no copy, whatever the size.
/// Source  the format of Hugging Face's `safetensors`; Python `safetensors.torch.load_file`.
[[nodiscard]] inline Dict load_safetensors(const std::filesystem::path& path, SafetensorsMetadata* metadata = nullptr) {
    const auto file = std::make_shared<MappedFile>(path);
    try {
        const detail::SafetensorsHeader header(file->bytes());
        Dict tensors;
        tensors.ordered = true;
        for (const detail::SafetensorsEntry& entry : header.entries()) {
            at::Tensor tensor = at::empty({0}, at::TensorOptions(entry.dtype));
            const std::size_t place = header.data_begin() + entry.begin;
            const std::size_t size = entry.end - entry.begin;
            if (size == 0) {
                tensor = at::empty(entry.shape, at::TensorOptions(entry.dtype));
            } else if ((place % c10::elementSize(entry.dtype)) == 0) {
                tensor.set_(MappedFile::storage(file, place, size));
                tensor = tensor.view(entry.shape);
            } else {  // a writer that did not align: numbers across two words are not for every instruction
                tensor = at::empty(entry.shape, at::TensorOptions(entry.dtype));
                std::memcpy(tensor.mutable_data_ptr(), file->bytes().data() + place, size);
            }
            tensors.append(Value(entry.name), Value(std::move(tensor)));
        }
        for (const auto& [name, text] : header.metadata()) {
            if (const Value* tensor = tensors.find(text); tensor != nullptr && !tensors.contains(name)) {
                const Value alias = *tensor;
                tensors.append(Value(name), alias);
            }
        }
        if (metadata != nullptr) {
            *metadata = header.metadata();
        }
        return tensors;
    } catch (const CheckpointError& error) {
        throw CheckpointError("\"" + path.string() + "\": " + error.what());
    }
}

/// Writes tensors as a safetensors file, atomically; see AtomicFile for what happens on failure.
///
/// Shapes  a tensor that is not contiguous is written as it reads. One that is the same as another, memory and all (tied
///         weights), is written once, with its further names in the metadata.
/// Errors  FileError with the path and the system's reason; CheckpointError for what is no tensor, and for tensors that the
///         format cannot hold: undefined, sparse, quantised.
/// Cost    no copy of contiguous tensors on the CPU.
/// Source  as `load_safetensors`; Python `safetensors.torch.save_file`, and `save_model` for the further names.
inline void save_safetensors(const std::filesystem::path& path, const Dict& tensors, SafetensorsMetadata metadata = {}) {
    struct Entry {
        std::size_t dtype;
        std::string name;
        at::Tensor tensor;
    };
    std::vector<Entry> entries;
    std::map<std::tuple<const void*, std::vector<std::int64_t>, c10::ScalarType>, std::string> known;
    for (const auto& [key, value] : tensors) {
        const std::string& name = key.string();
        const auto* tensor = value.get_if<at::Tensor>();
        const auto refuse = [&name](const std::string& found) {
            throw CheckpointError("safetensors: " + name + " is " + found + ", which the format cannot hold.");
        };
        if (tensor == nullptr || !tensor->defined()) {
            refuse(tensor == nullptr ? "a " + std::string(value.type_name()) : "an undefined tensor");
        }
        const auto* dtype = std::ranges::find(detail::safetensors_dtypes, tensor->scalar_type(), &detail::SafetensorsDtype::dtype);
        if (tensor->layout() != at::kStrided || tensor->is_meta() || dtype == detail::safetensors_dtypes.end() ||
            name == detail::safetensors_metadata_key) {
            refuse("a tensor of type " + tensor->toString());
        }
        at::Tensor plain = tensor->detach().resolve_conj().resolve_neg().cpu().contiguous();
        if (plain.numel() > 0) {
            const auto [same, added] =
                known.try_emplace({plain.const_data_ptr(), plain.sizes().vec(), plain.scalar_type()}, name);
            if (!added) {
                metadata[name] = same->second;
                continue;
            }
        }
        entries.push_back({static_cast<std::size_t>(dtype - detail::safetensors_dtypes.begin()), name, std::move(plain)});
    }
    std::ranges::sort(entries, [](const Entry& a, const Entry& b) { return std::tie(b.dtype, a.name) < std::tie(a.dtype, b.name); });
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata.empty()) {
        header[std::string(detail::safetensors_metadata_key)] = metadata;
    }
    std::uint64_t at = 0;
    for (const Entry& entry : entries) {
        const std::uint64_t end = at + entry.tensor.nbytes();
        header[entry.name] = {{"dtype", detail::safetensors_dtypes[entry.dtype].name},
                              {"shape", entry.tensor.sizes().vec()},
                              {"data_offsets", {at, end}}};
        at = end;
    }
    std::string text;
    try {
        text = header.dump();
    } catch (const nlohmann::ordered_json::exception&) {
        throw CheckpointError("safetensors: a name, or a text of the metadata, is not UTF-8.");
    }
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = text.size();
    AtomicFile file(path);
    file.write(&length, sizeof length);
    file.write(text.data(), text.size());
    for (const Entry& entry : entries) {
        if (entry.tensor.nbytes() > 0) {
            file.write(entry.tensor.const_data_ptr(), entry.tensor.nbytes());
        }
    }
    file.commit();
}

}  // namespace lit
