// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"
#include "support/hand_clock.hpp"

#include <lit/callbacks/progress_bar.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using lit::testing::HandClock;
using namespace std::chrono_literals;

static_assert(lit::CallbackPolicy<lit::ProgressBar>);
static_assert(!std::is_polymorphic_v<lit::ProgressBar>);

/// What is written to a file by a body that gets it.
template <class Body>
std::string written_by(Body&& body) {
    std::FILE* file = std::tmpfile();
    body(file);
    std::string text;
    std::rewind(file);
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
        text += static_cast<char>(c);
    }
    std::fclose(file);
    return text;
}
std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        lines.push_back(line);
    }
    return lines;
}
bool matches(const std::string& text, const char* pattern) {
    return std::regex_match(text, std::regex(pattern));
}

/// What a terminal shows in the end: the text behind the last return of each line.
std::vector<std::string> screen(const std::string& text) {
    std::vector<std::string> rows{""};
    std::size_t row = 0;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\n') {
            ++row;
            rows.resize(std::max(rows.size(), row + 1));
        } else if (text.compare(at, 3, "\x1b[K") == 0) {
            rows[row].clear();
            at += 2;
        } else if (text.compare(at, 3, "\x1b[A") == 0) {
            --row;
            at += 2;
        } else if (text[at] != '\r') {
            rows[row] += text[at];
        }
    }
    return rows;
}

/// Takes its time for each step; by default so long that each is drawn.
struct Slow {
    std::chrono::milliseconds pause = 55ms;
    void on_train_batch_start(auto& /*trainer*/, auto& /*module*/) const {
        HandClock::pass(pause);
    }
    void on_validation_batch_start(auto& /*trainer*/, auto& /*module*/) const {
        HandClock::pass(pause);
    }
};

struct Breaks {
    void on_train_batch_end(auto& trainer, auto& /*module*/) const {
        if (trainer.global_step() == 2) {
            throw std::runtime_error("broken");
        }
    }
};

}  // namespace

TEST_SUITE("callbacks/progress_bar") {
    TEST_CASE("in a file there is one plain line per epoch, with the metrics") {
        const std::string text = written_by([](std::FILE* file) {
            auto trainer = scripted::trainer({.max_epochs = 2}, lit::ProgressBar{{.file = file}});
            scripted::Script module{{.per_epoch = {0.5, 0.25}, .per_step = {12.345}}};
            trainer.fit(module, scripted::batches(3), scripted::batches(1));
        });
        const auto lines = lines_of(text);
        REQUIRE(lines.size() == 2);
        CHECK(matches(
            lines[0],
            R"(Epoch 0/1: 3/3 \[00:0\d, \d+\.\d\dit/s, (train_value=12\.30, value=0\.500|value=0\.500, train_value=12\.30)\])"));
        CHECK(matches(lines[1], R"(Epoch 1/1: 3/3 \[00:0\d, \d+\.\d\dit/s, .*value=0\.250.*\])"));
        CHECK(std::ranges::none_of(text, [](char c) { return c != '\n' && (c < ' ' || c > '~'); }));
    }

    TEST_CASE("validate, test and predict have a line for each loader") {
        const std::string text = written_by([](std::FILE* file) {
            auto trainer = scripted::trainer({}, lit::ProgressBar{{.file = file}});
            scripted::Script module{{.per_epoch = {1}}};
            trainer.validate(module, scripted::batches(2), {.verbose = false});
            trainer.test(module, std::vector{scripted::batches(3), scripted::batches(1)}, {.verbose = false});
            trainer.predict(module, scripted::batches(4));
        });
        const auto lines = lines_of(text);
        REQUIRE(lines.size() == 4);
        CHECK(lines[0].starts_with("Validation DataLoader 0: 2/2 ["));
        CHECK(lines[1].starts_with("Testing DataLoader 0: 3/3 ["));
        CHECK(lines[2].starts_with("Testing DataLoader 1: 1/1 ["));
        CHECK(lines[3].starts_with("Predicting DataLoader 0: 4/4 ["));
    }

    TEST_CASE("on a terminal the line is drawn in place, validation below it") {
        const HandClock clock;
        const std::string text = written_by([](std::FILE* file) {
            auto trainer = scripted::trainer({.max_epochs = 2}, Slow{},
                                             lit::ProgressBar{{.file = file, .terminal = true, .width = 90}});
            scripted::Script module{{.per_epoch = {0.5, 0.25}}};
            trainer.fit(module, scripted::batches(2), scripted::batches(2));
        });
        CHECK(text.find("Sanity Checking DataLoader 0: ") != std::string::npos);
        CHECK(text.find("Epoch 0/1:  50%|") != std::string::npos);
        CHECK(text.find("Validation DataLoader 0:  50%|") != std::string::npos);
        const auto rows = screen(text);
        REQUIRE(rows.size() == 2);
        CHECK(
            matches(rows[0], R"(Epoch 1/1: 100%\|(█)+\| 2/2 \[00:00<00:00, *\d+\.\d\dit/s, value=0\.250\])"));
        CHECK(rows[1].empty());
        CHECK(lit::detail::shown_width(rows[0]) == 89);
    }

    TEST_CASE("the bar of each epoch can stay") {
        const std::string text = written_by([](std::FILE* file) {
            auto trainer = scripted::trainer(
                {.max_epochs = 3}, lit::ProgressBar{{.leave = true, .file = file, .terminal = true}});
            scripted::Script module;
            trainer.fit(module, scripted::batches(2));
        });
        const auto rows = screen(text);
        REQUIRE(rows.size() == 4);
        CHECK(rows[0].starts_with("Epoch 0/2: 100%|"));
        CHECK(rows[2].starts_with("Epoch 2/2: 100%|"));
    }

    TEST_CASE("quick steps are drawn rarely") {
        const HandClock clock;
        const std::string text = written_by([](std::FILE* file) {
            auto trainer = scripted::trainer({.max_epochs = 1}, Slow{1ms},
                                             lit::ProgressBar{{.file = file, .terminal = true}});
            scripted::Script module;
            trainer.fit(module, scripted::batches(500));
        });
        // One drawing per 50 ms of the 500, and the ends.
        CHECK(std::ranges::count(text, '\r') <= 15);
        CHECK(std::ranges::count(text, '\r') >= 10);
    }

    TEST_CASE("refresh_rate 0 shows nothing") {
        const std::string text = written_by([](std::FILE* file) {
            auto trainer =
                scripted::trainer({.max_epochs = 1}, lit::ProgressBar{{.refresh_rate = 0, .file = file}});
            scripted::Script module;
            trainer.fit(module, scripted::batches(2));
            trainer.test(module, scripted::batches(2), {.verbose = false});
        });
        CHECK(text.empty());
        CHECK_THROWS_AS(lit::ProgressBar{{.refresh_rate = -1}}, lit::ConfigError);
    }

    TEST_CASE("an exception leaves the line whole") {
        const HandClock clock;
        const std::string text = written_by([](std::FILE* file) {
            auto trainer = scripted::trainer({.max_epochs = 1}, Slow{},
                                             lit::ProgressBar{{.file = file, .terminal = true}}, Breaks{});
            scripted::Script module;
            CHECK_THROWS_AS(trainer.fit(module, scripted::batches(3)), std::runtime_error);
        });
        CHECK(text.ends_with("\n"));
    }
}
