// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/loggers/run_folder.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace lit::detail {

LIT_INLINE void throw_file_error(std::string_view who, std::string_view action, const std::filesystem::path& path, int reason) {
    throw FileError(
        std::string(who) + ": cannot " + std::string(action) + " " + path.string() + ": " +
        std::strerror(reason) +
        ". Free the space or give a folder that can be written through `save_dir` or `default_root_dir`.");
}

LIT_INLINE AppendFile::AppendFile(std::string_view who, std::filesystem::path path, Mode mode)
    : who_(who), path_(std::move(path)) {
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (mode == Mode::create_new ? O_EXCL : 0);
    descriptor_ = ::open(path_.c_str(), flags, 0666);
    if (descriptor_ < 0) {
        throw_file_error(who_, "open", path_, errno);
    }
}

LIT_INLINE AppendFile::~AppendFile() {
    if (descriptor_ >= 0) {
        ::close(descriptor_);
    }
}

LIT_INLINE void AppendFile::write(std::string_view bytes) {
    off_t through = 0;
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) {
            const int reason = errno;
            struct stat now {};
            if (through > 0 && ::fstat(descriptor_, &now) == 0 && now.st_size >= through) {
                // What comes next is not to stand behind half a row.
                static_cast<void>(::ftruncate(descriptor_, now.st_size - through) == 0);
            }
            throw_file_error(who_, "write to", path_, reason);
        }
        bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
        through += std::max<ssize_t>(written, 0);
    }
}

LIT_INLINE void AppendFile::sync() {
    if (::fsync(descriptor_) != 0 && errno != EINVAL) {
        throw_file_error(who_, "flush", path_, errno);
    }
}

LIT_INLINE void AppendFile::close() {
    const int descriptor = std::exchange(descriptor_, -1);
    if (descriptor >= 0 && ::close(descriptor) != 0 && errno != EINTR) {
        throw_file_error(who_, "close", path_, errno);
    }
}

LIT_INLINE std::filesystem::path expand_home(const std::string& path) {
    const char* home = std::getenv("HOME");
    if (home == nullptr || (path != "~" && !path.starts_with("~/"))) {
        return path;
    }
    return std::filesystem::path(home) / std::filesystem::path(path.substr(1)).relative_path();
}

LIT_INLINE RunFolder::RunFolder(std::string who, const std::string& save_dir, std::string name, std::string version,
                                std::string sub_dir)
    : who_(std::move(who)),
      save_dir_(expand_home(save_dir)),
      name_(std::move(name)),
      version_(std::move(version)),
      sub_dir_(std::move(sub_dir)) {}

LIT_INLINE Dict RunFolder::identity() const {
    return {{"version", version_}, {"log_dir", std::filesystem::absolute(log_dir_).lexically_normal().string()}};
}

LIT_INLINE void RunFolder::go_on_with(const Dict& identity) {
    if (!started_) {
        wanted_version_ = identity.at("version").string();
        wanted_folder_ = identity.at("log_dir").string();
    }
}

LIT_INLINE void RunFolder::start(const std::filesystem::path& default_root_dir) {
    if (started_) {
        return;
    }
    if (save_dir_.empty()) {
        save_dir_ = default_root_dir.empty() ? std::filesystem::path(".") : default_root_dir;
    }
    const std::filesystem::path root = name_.empty() ? save_dir_ : save_dir_ / name_;
    create_folders(root);
    take_own_folder(root);
    std::filesystem::path run;
    if (version_.empty()) {
        std::int64_t number = next_version(root);
        for (;; ++number) {
            run = root / ("version_" + std::to_string(number));
            if (::mkdir(run.c_str(), 0777) == 0) {
                break;
            }
            if (errno != EEXIST) {
                throw_file_error(who_, "create the folder", run, errno);
            }
        }
        version_ = "version_" + std::to_string(number);
    } else {
        run = root / version_;
        create_folders(run);
    }
    log_dir_ = sub_dir_.empty() ? run : run / sub_dir_;
    create_folders(log_dir_);
    if (::access(log_dir_.c_str(), W_OK | X_OK) != 0) {
        throw_file_error(who_, "write to the folder", log_dir_, errno);
    }
    started_ = true;
}

LIT_INLINE void RunFolder::require_started(std::string_view call) const {
    if (!started_) {
        throw Error(
            who_ + ": " + std::string(call) +
            " was called before start(default_root_dir). The trainer calls start() at the begin of a "
            "run; call it yourself where you use the logger alone.");
    }
}

LIT_INLINE void RunFolder::create_folders(const std::filesystem::path& folder) const {
    std::error_code reason;
    std::filesystem::create_directories(folder, reason);
    if (!reason && !std::filesystem::is_directory(folder, reason) && !reason) {
        reason = std::make_error_code(std::errc::not_a_directory);
    }
    if (reason) {
        throw_file_error(who_, "create the folder", folder, reason.value());
    }
}

LIT_INLINE void RunFolder::take_own_folder(const std::filesystem::path& root) {
    if (wanted_version_.empty() || (!version_.empty() && version_ != wanted_version_)) {
        return;
    }
    const std::filesystem::path folder = std::filesystem::absolute(root / wanted_version_ / sub_dir_).lexically_normal();
    const auto plain = [](const std::filesystem::path& path) { return path.has_filename() ? path : path.parent_path(); };
    std::error_code reason;
    if (plain(folder) == plain(wanted_folder_) && std::filesystem::is_directory(folder, reason)) {
        version_ = wanted_version_;
        goes_on_ = true;
    }
}

LIT_INLINE std::int64_t RunFolder::next_version(const std::filesystem::path& root) const {
    std::error_code reason;
    std::int64_t next = 0;
    auto entry = std::filesystem::directory_iterator(root, reason);
    for (; !reason && entry != std::filesystem::directory_iterator(); entry.increment(reason)) {
        const std::string file = entry->path().filename().string();
        std::error_code of_entry;  // a link that leads in a circle, say, is no folder
        if (!file.starts_with("version_") || !entry->is_directory(of_entry)) {
            continue;
        }
        const std::string_view rest = std::string_view(file).substr(8);
        const std::string_view digits = rest.substr(0, rest.find('_'));
        std::int64_t number = 0;
        const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (!digits.empty() && parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size() &&
            number >= 0 && number < std::numeric_limits<std::int64_t>::max() - 1) {  // there is one after it, and after that
            next = std::max(next, number + 1);
        }
    }
    if (reason) {
        throw_file_error(who_, "read the folder", root, reason.value());
    }
    return next;
}

}  // namespace lit::detail
