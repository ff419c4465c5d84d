// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/archive.hpp>
#include <lit/checkpoint/atomic_file.hpp>
#include <lit/checkpoint/legacy_file.hpp>
#include <lit/checkpoint/pickle_graph.hpp>
#include <lit/checkpoint/pickle_reader.hpp>
#include <lit/checkpoint/pickle_writer.hpp>
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

/// How a file of weights or a checkpoint is read.
struct ReadOptions {
    bool mmap = false;      ///< tensors stand in the mapped file, which is read where it is looked at; no checksum is verified
    PickleLimits limits{};  ///< on what is not tensors
};

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

/// Reads a file that `torch.save`, Lightning or lit wrote, without running anything that it says.
///
/// Known   the zip format and the one before it (PyTorch below 1.6). Tensors come to the CPU wherever they were.
/// Errors  FileError when the file cannot be opened; CheckpointError, with the path, for everything that is wrong in it, and
///         for a file that would have Python run code.
/// Cost    one copy of the tensors' bytes, from the file into the storages; none with `mmap`, whatever the size (files of
///         the old format are copied).
/// Source  `torch.load(path, map_location="cpu", weights_only=True, mmap=...)`.
inline Value load_checkpoint(const std::filesystem::path& path, const ReadOptions& options = {}) {
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

/// Writes what `write_pickle` made as a file; see `save_checkpoint_file`. The storages are on the CPU.
inline void write_checkpoint_file(const std::filesystem::path& path, const Pickled& pickled) {
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

/// Writes a file that `torch.load(weights_only=True)` and Lightning read; see AtomicFile for what happens on
/// failure.
///
/// Missing folders on the way are made.
/// Errors  FileError with the path and the system's reason; CheckpointError for values that cannot be
/// written. Cost    the file is written from the storages themselves; the caller waits until it is on the
/// disk.
inline void save_checkpoint_file(const std::filesystem::path& path, const Value& value) {
    Pickled pickled = write_pickle(value);
    pickled.bring_to_host();
    write_checkpoint_file(path, pickled);
}

}  // namespace lit
