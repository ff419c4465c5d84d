// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/callbacks/detail/progress_output.hpp>

#include <chrono>
#include <cstdio>
#include <string>

namespace {

using lit::detail::ProgressLine;
using lit::detail::ProgressOutput;

/// A file that is read back.
class Written {
 public:
    Written() : file_(std::tmpfile()) {}
    Written(const Written&) = delete;
    Written& operator=(const Written&) = delete;
    ~Written() { std::fclose(file_); }
    [[nodiscard]] std::FILE* file() const { return file_; }
    [[nodiscard]] std::string text() const {
        std::string all;
        std::rewind(file_);
        for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) {
            all += static_cast<char>(c);
        }
        return all;
    }

 private:
    std::FILE* file_;
};

ProgressLine line() {
    return {.description = "Epoch 0", .done = 0, .total = 2, .started = ProgressLine::Clock::now()};
}
const std::string erase = "\r\x1b[K";

}  // namespace

TEST_SUITE("callbacks/detail/progress_output") {
    TEST_CASE("anything but a terminal gets finished lines only") {
        const Written out;
        ProgressOutput output(out.file(), std::nullopt, 40, true);
        CHECK_FALSE(output.on_terminal());
        CHECK_FALSE(output.due(ProgressOutput::Clock::now()));
        output.clear();
        output.leave();
        output.go_down();
        output.go_up();
        output.finish(line(), "");
        CHECK(out.text() == "Epoch 0: 0/2 [00:00, ?it/s]\n");
    }
    TEST_CASE("a terminal is redrawn in place, at most twenty times a second") {
        const Written out;
        ProgressOutput output(out.file(), true, 40, true);
        const auto now = ProgressOutput::Clock::now();
        CHECK(output.due(now));
        output.draw(line(), "", now);
        CHECK_FALSE(output.due(now + std::chrono::milliseconds(49)));
        CHECK(output.due(now + std::chrono::milliseconds(50)));
        const std::string text = out.text();
        CHECK(text.starts_with(erase + "Epoch 0:   0%|"));
        CHECK(text.size() == erase.size() + 39);  // the last column stays free
    }
    TEST_CASE("a line in work is taken away once, or left once") {
        const Written out;
        ProgressOutput output(out.file(), true, 40, true);
        output.draw(line(), "", ProgressOutput::Clock::now());
        const std::string drawn = out.text();
        output.clear();
        output.clear();
        CHECK(out.text() == drawn + erase);
        output.leave();
        CHECK(out.text() == drawn + erase);
        output.finish(line(), "");
        CHECK(out.text().ends_with("\n"));
        output.leave();
        CHECK_FALSE(out.text().ends_with("\n\n"));
    }
    TEST_CASE("a second line goes below the first and back") {
        const Written out;
        ProgressOutput output(out.file(), true, 40, true);
        output.go_down();
        output.go_up();
        CHECK(out.text() == "\n" + erase + "\x1b[A");
    }
}
