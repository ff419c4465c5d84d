// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/mapped_file.hpp>
#include <lit/checkpoint/pickle_writer.hpp>
#include <lit/checkpoint/zip_directory.hpp>
#include <lit/core/error.hpp>

#include <c10/core/Storage.h>
#include <c10/util/Exception.h>
#include <caffe2/serialize/inline_container.h>

#include <zlib.h>

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
        detail::ZipDirectory directory = detail::zip_directory(path);
        if (directory.largest > file_size_) {  // PyTorch compresses nothing
            throw CheckpointError("\"" + path.string() + "\": a record claims " + std::to_string(directory.largest) +
                                  " bytes, more than the file has. The file is damaged.");
        }
        directory_ = std::move(directory.records);
        guarded([&] { reader_.emplace(path.string()); });
    }
    /// From here on `storage` hands out pieces of the mapped file instead of copies, without looking at checksums, which would
    /// read them.
    void map() { mapped_ = std::make_shared<MappedFile>(path_); }

    [[nodiscard]] bool has(const std::string& record) {
        return guarded([&] { return reader_->hasRecord(record); });
    }
    [[nodiscard]] std::string text(const std::string& record) {
        const c10::Storage bytes = read(record);
        return {static_cast<const char*>(bytes.data()), bytes.nbytes()};
    }
    [[nodiscard]] c10::Storage storage(const std::string& record) { return mapped_ ? piece(record) : read(record); }

 private:
    [[noreturn]] void refuse(const std::string& record, const std::string& what) const {
        throw CheckpointError("\"" + path_.string() + "\": the record " + record + " " + what);
    }
    [[nodiscard]] std::uint64_t size_of(const std::string& record) {
        if (!reader_->hasRecord(record)) {
            refuse(record, "is missing. The file is damaged or incomplete.");
        }
        const std::uint64_t size = reader_->getRecordSize(record);
        if (size > file_size_) {
            refuse(record, "claims to be larger than the file. The file is damaged.");
        }
        return size;
    }
    /// The bytes of a record, read once, straight into their final place, and held against the record's
    /// checksum.
    [[nodiscard]] c10::Storage read(const std::string& record) {
        return guarded([&]() -> c10::Storage {
            static_cast<void>(size_of(record));
            auto [data, size] = reader_->getRecord(record);
            const auto known = directory_.find(record);
            if (known != directory_.end() && known->second.checksum != 0 &&
                known->second.checksum != ::crc32_z(0, static_cast<const Bytef*>(data.get()), size)) {
                refuse(record, "does not have its checksum. The file is damaged; use an earlier one.");
            }
            return {c10::Storage::use_byte_size_t(), size, std::move(data), nullptr, false};
        });
    }
    [[nodiscard]] c10::Storage piece(const std::string& record) {
        return guarded([&]() -> c10::Storage {
            const std::uint64_t size = size_of(record);
            const std::uint64_t offset = reader_->getRecordOffset(record);
            const auto known = directory_.find(record);
            if (known == directory_.end() || !known->second.stored || offset % alignment != 0) {  // not as PyTorch writes it
                return read(record);
            }
            if (offset > file_size_ || size > file_size_ - offset) {
                refuse(record, "lies outside of the file. The file is damaged.");
            }
            return MappedFile::storage(mapped_, offset, size);
        });
    }

    static constexpr std::uint64_t alignment = 16;  // of the largest number, a complex double

    std::filesystem::path path_;
    std::uintmax_t file_size_;
    std::optional<caffe2::serialize::PyTorchStreamReader> reader_;
    std::unordered_map<std::string, detail::ZipRecord> directory_;
    std::shared_ptr<MappedFile> mapped_;
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
