// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lit::detail {

/// One bar: what it is of, and how far it has come.
struct ProgressLine {
    using Clock = std::chrono::steady_clock;

    std::string description{};
    std::int64_t done = 0;
    std::int64_t total = -1;  ///< -1: unknown
    std::int64_t first = 0;   ///< where it began: what came before does not count for the speed
    Clock::time_point started{};
};

/// Characters as a terminal shows them: the bytes that begin a UTF-8 sequence.
[[nodiscard]] LIT_INLINE std::size_t shown_width(std::string_view text);
/// The first `width` characters.
[[nodiscard]] LIT_INLINE std::string cut_to(std::string text, std::size_t width);
/// `01:05`, `1:01:05`.
[[nodiscard]] LIT_INLINE std::string clock_text(double seconds);
/// A metric's value in about five characters: `0.123`, `12.30`, `1.23e-5`.
[[nodiscard]] LIT_INLINE std::string short_number(double value);
/// So many cells, filled by eighths.
[[nodiscard]] LIT_INLINE std::string bar_of(double fraction, std::size_t cells, bool ascii);

/// The line as text: `Epoch 3/9:  67%|██████▋   | 2/3 [00:00<00:00, 451.95it/s, v_num=0, train_loss=0.123]`.
///
/// Units   `width`: characters of the terminal; 0: as long as it gets, and without a bar, for files.
[[nodiscard]] LIT_INLINE std::string progress_text(const ProgressLine& line, const std::string& metrics,
                                                   std::size_t width, bool ascii,
                                                   ProgressLine::Clock::time_point now);

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/callbacks/impl/progress_text.hpp>
#endif
