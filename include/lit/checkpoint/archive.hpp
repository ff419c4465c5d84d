// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/atomic_file.hpp>
#include <lit/checkpoint/pickle_writer.hpp>
#include <lit/checkpoint/zip_checksums.hpp>
#include <lit/core/error.hpp>

#include <c10/core/Storage.h>
#include <c10/util/Exception.h>
#include <caffe2/serialize/inline_container.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace lit {

/// The records of a zip that PyTorch wrote, by their names below the archive's own folder.
///
/// Errors  CheckpointError with the path for a damaged archive, a damaged record, and one that is not there.
class ArchiveReader {
    template <class Action>
    auto guarded(Action action) {
        try {
            return action();
        } catch (const c10::Error& error) {
            throw CheckpointError("\"" + path_.string() +
                                  "\" is damaged, or no PyTorch archive: " + error.what_without_backtrace());
        }
    }

 public:
    explicit ArchiveReader(const std::filesystem::path& path)
        : path_(path), file_size_(std::filesystem::file_size(path)) {
        guarded([&] { reader_.emplace(path.string()); });
        checksums_ = detail::zip_checksums(path);
    }

    [[nodiscard]] bool has(const std::string& record) {
        return guarded([&] { return reader_->hasRecord(record); });
    }
    [[nodiscard]] std::string text(const std::string& record) {
        const c10::Storage bytes = storage(record);
        return {static_cast<const char*>(bytes.data()), bytes.nbytes()};
    }
    /// The bytes of a record, read once, straight into their final place, and held against the record's
    /// checksum.
    [[nodiscard]] c10::Storage storage(const std::string& record) {
        return guarded([&]() -> c10::Storage {
            if (!reader_->hasRecord(record)) {
                throw CheckpointError("\"" + path_.string() + "\": the record " + record +
                                      " is missing. The file is damaged or incomplete.");
            }
            if (reader_->getRecordSize(record) > file_size_) {  // PyTorch compresses nothing
                throw CheckpointError("\"" + path_.string() + "\": the record " + record +
                                      " claims to be larger than the file. The file is damaged.");
            }
            auto [data, size] = reader_->getRecord(record);
            const auto checksum = checksums_.find(record);
            if (checksum != checksums_.end() && checksum->second != detail::crc32(data.get(), size)) {
                throw CheckpointError(
                    "\"" + path_.string() + "\": the record " + record +
                    " does not have its checksum. The file is damaged; use an earlier one.");
            }
            return {c10::Storage::use_byte_size_t(), size, std::move(data), nullptr, false};
        });
    }

 private:
    std::filesystem::path path_;
    std::uintmax_t file_size_;
    std::optional<caffe2::serialize::PyTorchStreamReader> reader_;
    std::unordered_map<std::string, std::uint32_t> checksums_;
};

namespace detail {

/// Writes a pickle and its storages as the zip that `torch.save` makes, through `sink(data, size)`.
template <class Sink>
void write_archive(Sink sink, const Pickled& pickled) {
    // A writer that was refused bytes throws from its destructor, which ends the program: it never hears of a
    // failure.
    std::optional<FileError> failure;
    {
        caffe2::serialize::PyTorchStreamWriter zip([&](const void* data, std::size_t size) -> std::size_t {
            if (!failure) {
                try {
                    sink(data, size);
                } catch (const FileError& error) {
                    failure = error;
                }
            }
            return size;
        });
        const auto record = [&](const std::string& name, const void* data, std::size_t size) {
            if (!failure) {
                zip.writeRecord(name, data, size);
            }
        };
        record("data.pkl", pickled.data.data(), pickled.data.size());
        record("byteorder", "little", 6);
        for (std::size_t i = 0; i < pickled.storages.size(); ++i) {
            const c10::Storage& storage = pickled.storages[i];
            record("data/" + std::to_string(i), storage.nbytes() == 0 ? "" : storage.data(),
                   storage.nbytes());
        }
        zip.writeEndOfFile();
    }
    if (failure) {
        throw FileError(*failure);
    }
}

}  // namespace detail
}  // namespace lit
