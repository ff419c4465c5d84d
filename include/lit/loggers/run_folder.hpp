// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace lit::detail {

[[noreturn]] LIT_INLINE void throw_file_error(std::string_view who, std::string_view action,
                                              const std::filesystem::path& path, int reason);

/// A file that only grows; it is closed when it goes out of scope.
class AppendFile {
 public:
    enum class Mode { create_new, append };

    AppendFile() = default;
    /// Errors  FileError, also where `create_new` finds a file of that name.
    AppendFile(std::string_view who, std::filesystem::path path, Mode mode);
    AppendFile(AppendFile&& other) noexcept
        : who_(std::move(other.who_)),
          path_(std::move(other.path_)),
          descriptor_(std::exchange(other.descriptor_, -1)) {}
    AppendFile& operator=(AppendFile&& other) noexcept {
        std::swap(who_, other.who_);
        std::swap(path_, other.path_);
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    AppendFile(const AppendFile&) = delete;
    AppendFile& operator=(const AppendFile&) = delete;
    ~AppendFile();

    [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

    /// All of it or, where that fails, nothing.
    void write(std::string_view bytes);
    void sync();
    void close();

 private:
    std::string who_;
    std::filesystem::path path_;
    int descriptor_ = -1;
};

/// Writes a whole file under another name in the same folder and then renames it, so that a reader sees the
/// old file or the new one and never a part. `fill(file)` writes the content.
void replace_file(std::string_view who, const std::filesystem::path& path, auto&& fill) {
    std::filesystem::path temporary = path;
    temporary += ".tmp" + std::to_string(::getpid());
    ::unlink(temporary.c_str());
    try {
        AppendFile file(who, temporary, AppendFile::Mode::create_new);
        fill(file);
        file.close();
    } catch (...) {
        ::unlink(temporary.c_str());
        throw;
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        const int reason = errno;
        ::unlink(temporary.c_str());
        throw_file_error(who, "replace", path, reason);
    }
}

/// `~` and `~/...` name the home folder, as in a shell.
[[nodiscard]] LIT_INLINE std::filesystem::path expand_home(const std::string& path);

/// Where a run's files go: `<save_dir>/<name>/<version>[/<sub_dir>]`.
///
/// Without a version of the user's, the version is one more than the greatest `version_N` that is there, else
/// 0. The folder is claimed by creating it, so two runs that start at once do not share one. A run that goes on in
/// another process takes its own folder again, where that is still there and is the one that it would look in.
class RunFolder {
 public:
    RunFolder(std::string who, const std::string& save_dir, std::string name, std::string version,
              std::string sub_dir = {});

    /// Which run this is, for `go_on_with` in another process.
    [[nodiscard]] Dict identity() const;
    /// From start() on this is that run, if it can be; a version that the user named stays.
    void go_on_with(const Dict& identity);
    /// Whether start() found the folder of the run that it was to go on with.
    [[nodiscard]] bool goes_on() const { return goes_on_; }

    /// Errors  FileError with the path and the system's reason.
    void start(const std::filesystem::path& default_root_dir);

    [[nodiscard]] bool started() const { return started_; }
    [[nodiscard]] const std::string& who() const { return who_; }
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const std::string& version() const { return version_; }
    [[nodiscard]] const std::filesystem::path& save_dir() const { return save_dir_; }
    [[nodiscard]] const std::filesystem::path& log_dir() const { return log_dir_; }

    void require_started(std::string_view call) const;

 private:
    void create_folders(const std::filesystem::path& folder) const;

    void take_own_folder(const std::filesystem::path& root);

    /// As Lightning reads them: `version_7` and also `version_7_old` are number 7.
    [[nodiscard]] std::int64_t next_version(const std::filesystem::path& root) const;

    std::string who_;
    std::filesystem::path save_dir_;
    std::string name_;
    std::string version_;
    std::string sub_dir_;
    std::filesystem::path log_dir_;
    std::string wanted_version_;
    std::filesystem::path wanted_folder_;
    bool goes_on_ = false;
    bool started_ = false;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/loggers/impl/run_folder.hpp>
#endif
