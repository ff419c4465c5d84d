// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/progress_text.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace lit::detail {

/// Writes bars: redrawn in place on a terminal, as one finished line each into anything else.
class ProgressOutput {
 public:
    using Clock = ProgressLine::Clock;

    ProgressOutput(std::FILE* file, std::optional<bool> terminal, std::optional<std::size_t> width,
                   bool ascii);

    [[nodiscard]] bool on_terminal() const { return terminal_; }
    /// Whether so much time has passed since the last drawing that another one is worth while.
    [[nodiscard]] bool due(Clock::time_point now) const { return terminal_ && now - drawn_ >= interval; }

    void draw(const ProgressLine& line, const std::string& metrics, Clock::time_point now);
    /// The line as it stands at last, and the end of it.
    void finish(const ProgressLine& line, const std::string& metrics);
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

    [[nodiscard]] std::size_t width() const;
    void put(std::string_view text) const;

    std::FILE* file_;
    std::optional<std::size_t> width_;
    bool ascii_;
    bool terminal_ = false;
    bool dirty_ = false;
    Clock::time_point drawn_{};
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/callbacks/impl/progress_output.hpp>
#endif
