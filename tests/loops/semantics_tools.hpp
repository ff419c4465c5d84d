// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>

/// What the tests of docs/lightning.md share.
namespace semantics {

/// Catches what is written to stderr while it lives.
class Stderr {
 public:
    Stderr() : file_(std::tmpfile()), saved_(::dup(2)) {
        std::fflush(stderr);
        ::dup2(::fileno(file_), 2);
    }
    Stderr(const Stderr&) = delete;
    Stderr& operator=(const Stderr&) = delete;
    ~Stderr() {
        std::fflush(stderr);
        ::dup2(saved_, 2);
        ::close(saved_);
        std::fclose(file_);
    }
    [[nodiscard]] std::string text() const {
        std::fflush(stderr);
        std::rewind(file_);
        std::string all;
        for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) {
            all.push_back(static_cast<char>(c));
        }
        return all;
    }
    [[nodiscard]] bool contains(const std::string& part) const {
        return text().find(part) != std::string::npos;
    }

 private:
    std::FILE* file_;
    int saved_;
};

/// A folder of its own, removed with everything in it.
class Folder {
 public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "lit-semantics-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
    std::filesystem::path path_;
};

}  // namespace semantics
