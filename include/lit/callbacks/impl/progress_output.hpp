// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/progress_output.hpp>
#include <lit/callbacks/detail/progress_text.hpp>
#include <lit/core/compiled.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace lit::detail {

LIT_INLINE ProgressOutput::ProgressOutput(std::FILE* file, std::optional<bool> terminal, std::optional<std::size_t> width,
                                          bool ascii)
    : file_(file != nullptr ? file : stdout), width_(width), ascii_(ascii) {
    const char* kind = std::getenv("TERM");
    terminal_ = terminal.value_or(::isatty(::fileno(file_)) == 1 &&
                                  (kind == nullptr || std::string_view(kind) != "dumb"));
}

LIT_INLINE void ProgressOutput::draw(const ProgressLine& line, const std::string& metrics, Clock::time_point now) {
    drawn_ = now;
    dirty_ = true;
    // The last column stays free: some terminals break the line there.
    put("\r\x1b[K" + progress_text(line, metrics, width() - 1, ascii_, now));
}

LIT_INLINE void ProgressOutput::finish(const ProgressLine& line, const std::string& metrics) {
    const Clock::time_point now = Clock::now();
    if (terminal_) {
        draw(line, metrics, now);
        put("\n");
    } else {
        put(progress_text(line, metrics, 0, ascii_, now) + "\n");
    }
    dirty_ = false;
}

LIT_INLINE std::size_t ProgressOutput::width() const {
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

LIT_INLINE void ProgressOutput::put(std::string_view text) const {
    std::fwrite(text.data(), 1, text.size(), file_);
    std::fflush(file_);
}

}  // namespace lit::detail
