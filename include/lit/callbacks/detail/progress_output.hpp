// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/progress_text.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace lit::detail {

/// Writes bars: redrawn in place on a terminal, as one finished line each into anything else.
class ProgressOutput {
 public:
    using Clock = ProgressLine::Clock;

    ProgressOutput(std::FILE* file, std::optional<bool> terminal, std::optional<std::size_t> width,
                   bool ascii)
        : file_(file != nullptr ? file : stdout), width_(width), ascii_(ascii) {
        const char* kind = std::getenv("TERM");
        terminal_ = terminal.value_or(::isatty(::fileno(file_)) == 1 &&
                                      (kind == nullptr || std::string_view(kind) != "dumb"));
    }

    [[nodiscard]] bool on_terminal() const { return terminal_; }
    /// Whether so much time has passed since the last drawing that another one is worth while.
    [[nodiscard]] bool due(Clock::time_point now) const { return terminal_ && now - drawn_ >= interval; }

    void draw(const ProgressLine& line, const std::string& metrics, Clock::time_point now) {
        drawn_ = now;
        dirty_ = true;
        // The last column stays free: some terminals break the line there.
        put("\r\x1b[K" + progress_text(line, metrics, width() - 1, ascii_, now));
    }
    /// The line as it stands at last, and the end of it.
    void finish(const ProgressLine& line, const std::string& metrics) {
        const Clock::time_point now = Clock::now();
        if (terminal_) {
            draw(line, metrics, now);
            put("\n");
        } else {
            put(progress_text(line, metrics, 0, ascii_, now) + "\n");
        }
        dirty_ = false;
    }
    /// Takes the line in work from the screen, so that something else can be printed.
    void clear() {
        if (dirty_) {
            put("\r\x1b[K");
            dirty_ = false;
        }
    }
    /// Leaves the line in work as it is.
    void leave() {
        if (dirty_) {
            put("\n");
            dirty_ = false;
        }
    }
    /// A second line below the first, and back.
    void go_down() {
        if (terminal_) {
            put("\n");
            dirty_ = false;
        }
    }
    void go_up() {
        if (terminal_) {
            put("\r\x1b[K\x1b[A");
            dirty_ = true;
        }
    }

 private:
    static constexpr std::chrono::milliseconds interval{50};

    [[nodiscard]] std::size_t width() const {
        constexpr std::size_t usual = 80;
        if (width_) {
            return *width_;
        }
        winsize size{};
        if (::ioctl(::fileno(file_), TIOCGWINSZ, &size) == 0 && size.ws_col > 1) {
            return size.ws_col;
        }
        const char* columns = std::getenv("COLUMNS");
        const long given = columns != nullptr ? std::strtol(columns, nullptr, 10) : 0;
        return given > 1 ? static_cast<std::size_t>(given) : usual;
    }
    void put(std::string_view text) const {
        std::fwrite(text.data(), 1, text.size(), file_);
        std::fflush(file_);
    }

    std::FILE* file_;
    std::optional<std::size_t> width_;
    bool ascii_;
    bool terminal_ = false;
    bool dirty_ = false;
    Clock::time_point drawn_{};
};

}  // namespace lit::detail
