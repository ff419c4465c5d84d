// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/callbacks/detail/progress_text.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace {

using lit::detail::ProgressLine;

ProgressLine line_at(std::int64_t done, std::int64_t total, std::int64_t first = 0) {
    return {.description = "Epoch 3/9", .done = done, .total = total, .first = first};
}
std::string text(const ProgressLine& line, std::size_t width, int seconds, const std::string& metrics = {}) {
    return lit::detail::progress_text(line, metrics, width, true,
                                      line.started + std::chrono::seconds(seconds));
}

}  // namespace

TEST_SUITE("callbacks/detail/progress_text") {
    using namespace std::chrono_literals;

    TEST_CASE("a line for a file has neither bar nor estimate") {
        CHECK(text(line_at(2, 3), 0, 4, "loss=0.1") == "Epoch 3/9: 2/3 [00:04, 0.50it/s, loss=0.1]");
        CHECK(text(line_at(2, -1), 0, 4) == "Epoch 3/9: 2/? [00:04, 0.50it/s]");
        CHECK(text(line_at(0, 3), 0, 0) == "Epoch 3/9: 0/3 [00:00, ?it/s]");
    }
    TEST_CASE("a line fits its width, whatever is in it") {
        using lit::detail::progress_text;
        const auto start = lit::detail::ProgressLine::Clock::time_point{};
        const lit::detail::ProgressLine line{
            .description = "Epoch 3/9", .done = 2, .total = 3, .started = start};
        const auto now = start + 4s;
        CHECK(progress_text(line, "v_num=0", 70, false, now) ==
              "Epoch 3/9:  67%|██████████▋     | 2/3 [00:04<00:02, 0.50it/s, v_num=0]");
        CHECK(progress_text(line, "v_num=0", 70, true, now) ==
              "Epoch 3/9:  67%|##########      | 2/3 [00:04<00:02, 0.50it/s, v_num=0]");
        CHECK(progress_text(line, "v_num=0", 0, false, now) == "Epoch 3/9: 2/3 [00:04, 0.50it/s, v_num=0]");
        CHECK(lit::detail::shown_width(progress_text(line, std::string(200, 'x'), 70, false, now)) == 70);
        CHECK(progress_text({.description = "Epoch 0", .done = 5, .started = start}, "", 70, false,
                            start + 10s) == "Epoch 0: 5/? [00:10, 0.50it/s]");
        CHECK(progress_text({.description = "Epoch 0", .total = 3, .started = start}, "", 40, false, start) ==
              "Epoch 0:   0%|          | 0/3 [00:00<?, ");
    }
    TEST_CASE("what came before a continued run does not count for the speed") {
        CHECK(text(line_at(9, 10, 8), 0, 2) == "Epoch 3/9: 9/10 [00:02, 0.50it/s]");
    }
    TEST_CASE("a terminal that is too narrow gets the beginning, cut between characters") {
        CHECK(text(line_at(2, 4), 12, 4) == "Epoch 3/9:  ");
        CHECK(lit::detail::cut_to("▏▎▍", 2) == "▏▎");
        CHECK(lit::detail::cut_to("ab", 5) == "ab");
        CHECK(lit::detail::shown_width("a▏b") == 3);
    }
    TEST_CASE("a bar is filled by eighths") {
        CHECK(lit::detail::bar_of(0.0, 4, true) == "    ");
        CHECK(lit::detail::bar_of(0.5, 4, true) == "##  ");
        CHECK(lit::detail::bar_of(1.5, 4, true) == "####");
        CHECK(lit::detail::bar_of(0.5625, 2, false) == "█▏");
    }
    TEST_CASE("numbers take about five characters") {
        struct Row {
            double value;
            const char* text;
        };
        // Printed by Lightning 2.6.6's Tqdm.format_num for these floats.
        for (const Row& row : {Row{0.5, "0.500"}, Row{1.0, "1.000"}, Row{12.345, "12.30"},
                               Row{1234.5, "1234.5"}, Row{1e-5, "1e-5"}, Row{-0.25, "-0.25"},
                               Row{1e20, "1e+20"}, Row{std::numeric_limits<double>::infinity(), "inf"}}) {
            CHECK(lit::detail::short_number(row.value) == row.text);
        }
        CHECK(lit::detail::clock_text(65.9) == "01:05");
        CHECK(lit::detail::clock_text(3665) == "1:01:05");
    }
}
