// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/archive.hpp>
#include <lit/checkpoint/atomic_file.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/legacy_file.hpp>
#include <lit/checkpoint/pickle_reader.hpp>
#include <lit/checkpoint/pickle_writer.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <c10/core/Storage.h>
#include <c10/util/Exception.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

namespace lit {

namespace detail {

inline Value read_archive(const std::filesystem::path& path, const ReadOptions& options) {
    ArchiveReader archive(path);
    if (options.mmap) {
        archive.map();
    }
    if (archive.has("byteorder") && archive.text("byteorder") != "little") {
        throw CheckpointError("written on a big-endian machine, which is not read.");
    }
    const std::string pickle = archive.text("data.pkl");
    return read_pickle(
        pickle, [&](const std::string& key, std::size_t) { return archive.storage("data/" + key); },
        options.limits);
}

}  // namespace detail

LIT_INLINE Value load_checkpoint(const std::filesystem::path& path, const ReadOptions& options) {
    std::error_code code;
    std::ifstream file(path, std::ios::binary);
    if (!file || !std::filesystem::is_regular_file(path, code)) {
        const int reason = std::filesystem::is_directory(path, code) ? EISDIR : errno != 0 ? errno : ENOENT;
        throw FileError("\"" + path.string() + "\" cannot be read: " + std::strerror(reason) + ".");
    }
    std::array<char, 4> head{};
    file.read(head.data(), head.size());
    const std::string_view start(head.data(), static_cast<std::size_t>(file.gcount()));
    file.close();
    try {
        return start == "PK\3\4" ? detail::read_archive(path, options) : detail::read_legacy(path, options.limits);
    } catch (const CheckpointError& error) {
        const std::string message = error.what();
        const std::string name = "\"" + path.string() + "\"";
        throw CheckpointError(message.starts_with(name) ? message : name + ": " + message);
    } catch (const c10::Error& error) {
        throw CheckpointError("\"" + path.string() + "\" is damaged: " + error.what_without_backtrace());
    } catch (const std::bad_alloc&) {
        throw CheckpointError("\"" + path.string() + "\" is damaged, or needs more memory than there is.");
    }
}

LIT_INLINE void write_checkpoint_file(const std::filesystem::path& path, const Pickled& pickled) {
    if (path.has_parent_path()) {
        std::error_code code;
        std::filesystem::create_directories(path.parent_path(), code);
        if (code && !std::filesystem::is_directory(path.parent_path())) {
            throw FileError("\"" + path.string() +
                            "\" was not saved: cannot make its folder: " + code.message() + ".");
        }
    }
    AtomicFile file(path);
    try {
        detail::write_archive([&](const void* data, std::size_t size) { file.write(data, size); }, pickled);
    } catch (const c10::Error& error) {
        throw CheckpointError("\"" + path.string() + "\" was not saved: " + error.what_without_backtrace());
    }
    file.commit();
}

LIT_INLINE void save_checkpoint_file(const std::filesystem::path& path, const Value& value) {
    Pickled pickled = write_pickle(value);
    pickled.bring_to_host();
    write_checkpoint_file(path, pickled);
}

}  // namespace lit
