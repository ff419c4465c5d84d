// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/pickle_writer.hpp>
#include <lit/core/error.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace faults {

enum class Loaded { refused, exactly, otherwise };

/// How often a damaged file was refused, read exactly as it had been saved, or read as something else.
struct DamageCounts {
    std::int64_t refused = 0;
    std::int64_t exactly = 0;
    std::vector<std::string> wrong;  ///< what happened: the place, and what was read or said

    [[nodiscard]] std::int64_t all() const { return refused + exactly + static_cast<std::int64_t>(wrong.size()); }
    void count(Loaded loaded, const std::string& place) {
        refused += loaded == Loaded::refused ? 1 : 0;
        exactly += loaded == Loaded::exactly ? 1 : 0;
        if (loaded == Loaded::otherwise) {
            wrong.push_back(place);
        }
    }
};

/// One checkpoint, damaged in every way at one place at a time.
class Damaged {
 public:
    explicit Damaged(const std::filesystem::path& good)
        // In memory where there is such a place: millions of files are written.
        : path_((std::filesystem::exists("/dev/shm") ? std::filesystem::path("/dev/shm") : good.parent_path()) /
                ("lit-damaged-" + std::to_string(::getpid()) + ".ckpt")) {
        std::ifstream file(good, std::ios::binary);
        good_.assign(std::istreambuf_iterator<char>(file), {});
        whole_ = substance(lit::load_checkpoint(good));
        descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (::write(descriptor_, good_.data(), good_.size()) != static_cast<ssize_t>(good_.size())) {
            throw std::runtime_error("cannot write " + path_.string());
        }
    }
    Damaged(const Damaged&) = delete;
    Damaged& operator=(const Damaged&) = delete;
    ~Damaged() {
        ::close(descriptor_);
        std::filesystem::remove(path_);
    }

    [[nodiscard]] std::size_t size() const { return good_.size(); }

    /// Each `stride`-th byte, changed by each of these (exclusive or).
    DamageCounts change_bytes(const std::vector<int>& changes, std::size_t stride = 1) {
        DamageCounts counts;
        for (std::size_t place = 0; place < good_.size(); place += stride) {
            for (const int change : changes) {
                const char bad = static_cast<char>(good_[place] ^ change);
                put(bad, place);
                counts.count(load(), "byte " + std::to_string(place) + " changed by " + std::to_string(change));
            }
            put(good_[place], place);
        }
        return counts;
    }
    /// Cut off at each `stride`-th length. Nothing else can be done afterwards.
    DamageCounts cut(std::size_t stride = 1) {
        DamageCounts counts;
        for (std::size_t length = good_.size(); length-- > 0;) {
            if (length % stride == 0) {
                if (::ftruncate(descriptor_, static_cast<off_t>(length)) != 0) {
                    throw std::runtime_error("cannot cut " + path_.string());
                }
                counts.count(load(), "cut off at " + std::to_string(length));
            }
        }
        return counts;
    }

 private:
    /// All that a value holds.
    static std::string substance(const lit::Value& value) {
        const lit::Pickled pickled = lit::write_pickle(value);
        std::string bytes = pickled.data;
        for (const c10::Storage& storage : pickled.storages) {
            bytes.append(static_cast<const char*>(storage.data()), storage.nbytes());
        }
        return bytes;
    }
    void put(char byte, std::size_t place) const {
        if (::pwrite(descriptor_, &byte, 1, static_cast<off_t>(place)) != 1) {
            throw std::runtime_error("cannot write " + path_.string());
        }
    }
    /// A message that does not name the file is not a clear one.
    [[nodiscard]] Loaded load() const {
        try {
            return substance(lit::load_checkpoint(path_)) == whole_ ? Loaded::exactly : Loaded::otherwise;
        } catch (const lit::CheckpointError& error) {
            const bool clear = std::string(error.what()).find(path_.string()) != std::string::npos;
            return clear ? Loaded::refused : Loaded::otherwise;
        }
    }

    std::filesystem::path path_;
    std::string good_;
    std::string whole_;
    int descriptor_ = -1;
};

}  // namespace faults
