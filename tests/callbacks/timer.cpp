// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"
#include "support/hand_clock.hpp"

#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/timer.hpp>
#include <lit/checkpoint/file.hpp>

#include <ATen/ops/full_like.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using lit::testing::HandClock;
using scripted::Folder;
using scripted::Script;
using namespace std::chrono_literals;

static_assert(lit::CallbackPolicy<lit::Timer>);
static_assert(lit::StatefulCallback<lit::Timer>);
static_assert(!std::is_polymorphic_v<lit::Timer>);

/// Each batch takes that long.
struct Slow {
    std::chrono::milliseconds pause = 50ms;
    void on_train_batch_start(auto& /*trainer*/, auto& /*module*/) const {
        HandClock::pass(pause);
    }
};
struct SlowEvaluation {
    void on_validation_batch_start(auto& /*trainer*/, auto& /*module*/) const { HandClock::pass(7ms); }
    void on_test_batch_start(auto& /*trainer*/, auto& /*module*/) const { HandClock::pass(8ms); }
};
/// What Lightning's callbacks see of the stop at the end of a batch.
struct SeesStop {
    std::vector<bool> seen{};
    void on_train_batch_end(auto& trainer, auto& /*module*/) { seen.push_back(trainer.should_stop()); }
};
/// A rank whose own clock has not run out, beside a rank 0 that decides.
struct OtherRank {
    bool decision_of_rank_zero = false;
    int asked = 0;
    struct Collective {
        OtherRank* of;
        at::Tensor broadcast(const at::Tensor& mine, std::int64_t root) const {
            ++of->asked;
            CHECK(root == 0);
            return at::full_like(mine, of->decision_of_rank_zero ? 1.0 : 0.0);
        }
    };
    std::string reason{};
    static std::int64_t world_size() { return 2; }
    Collective collective() { return {this}; }
    void request_stop(const std::string& why) { reason = why; }
    static void print(const std::string& /*text*/) {}
};

struct Nobody {
    void on_fit_start(auto& /*trainer*/, auto& /*module*/) const {}
};

struct Ended {
    std::int64_t epochs;
    std::int64_t steps;
};
template <class... Components>
Ended fit(lit::TrainerOptions options, Components... components) {
    options.limit_train_batches = 4;
    options.limit_val_batches = 0;
    const HandClock clock;
    auto trainer = scripted::trainer(options, Slow{}, components...);
    Script module;
    const auto result = trainer.fit(module, scripted::batches(8));
    return {result.epochs, result.global_step};
}

}  // namespace

TEST_SUITE("callbacks/timer") {
    // Lightning 2.6.6 with batches of 50 ms and 4 batches an epoch ends at the same numbers.
    TEST_CASE("stops after the batch or the epoch in which the time is used up") {
        for (const auto interval : {lit::Interval::step, lit::Interval::epoch}) {
            const Ended ended =
                fit({}, lit::Timer{{.duration = 120ms, .interval = interval, .verbose = false}});
            CHECK(ended.epochs == 1);
            CHECK(ended.steps == (interval == lit::Interval::step ? 3 : 4));
        }
    }
    TEST_CASE("max_time is such a timer, and a Timer goes before it") {
        CHECK(fit({.max_time = 120ms}).steps == 3);
        CHECK(fit({.max_time = 0ms}, lit::Timer{{.duration = 70ms, .verbose = false}}).steps == 2);
        CHECK(fit({.max_epochs = 1, .max_time = 0ms}, lit::Timer{}).steps == 4);
    }
    TEST_CASE("without time the fit does not begin, unless a minimum is to be met") {
        CHECK(fit({}, lit::Timer{{.duration = 0s, .verbose = false}}).epochs == 0);
        CHECK(fit({.max_time = "00:00:00:00"}).steps == 0);
        const Ended ended = fit({.min_steps = 2, .max_time = 0s});
        CHECK(ended.epochs == 1);
        CHECK(ended.steps == 4);  // min_steps alone makes min_epochs 1
    }
    TEST_CASE("the module and later callbacks see the stop in the batch in which it came") {
        const HandClock clock;
        auto trainer =
            scripted::trainer({}, Slow{}, lit::Timer{{.duration = 70ms, .verbose = false}}, SeesStop{});
        Script module;
        trainer.fit(module, scripted::batches(4));
        CHECK(trainer.get<SeesStop>().seen == std::vector<bool>{false, true});
    }
    TEST_CASE("max_time looks behind the callbacks, and goes on when the loader is asked for anew") {
        const HandClock clock;
        auto trainer = scripted::trainer({.max_time = 170ms, .reload_dataloaders_every_n_epochs = 1}, Slow{},
                                         SeesStop{});
        Script module;
        const auto result = trainer.fit(module, scripted::batches(1));
        CHECK(trainer.get<SeesStop>().seen == std::vector<bool>{false, false, false, false});
        CHECK(result.epochs == 4);
    }

    TEST_CASE("measures each stage") {
        const HandClock clock;
        lit::Timer timer;
        CHECK(!timer.start_time());
        CHECK(!timer.end_time());
        CHECK(timer.time_elapsed() == 0.0);
        CHECK(!timer.time_remaining());
        auto trainer = scripted::trainer({.max_epochs = 1}, timer, Slow{10ms}, SlowEvaluation{});
        Script module;
        trainer.fit(module, scripted::batches(3), scripted::batches(1));
        const auto& after = trainer.get<lit::Timer>();
        CHECK(after.time_elapsed() == doctest::Approx(0.030 + 0.007));
        CHECK(after.time_elapsed() == *after.end_time() - *after.start_time());
        CHECK(after.time_elapsed(lit::RunningStage::validating) == doctest::Approx(0.007));
        CHECK(*after.start_time(lit::RunningStage::validating) ==
              doctest::Approx(*after.start_time() + 0.030));
        CHECK(after.time_elapsed(lit::RunningStage::testing) == 0.0);
        trainer.test(module, scripted::batches(1), {.verbose = false});
        CHECK(after.time_elapsed(lit::RunningStage::testing) == doctest::Approx(0.008));
        // A second fit counts anew.
        trainer.options().max_epochs = 2;
        const double first_start = *after.start_time();
        trainer.fit(module, scripted::batches(1));
        CHECK(*after.start_time() > first_start);
        CHECK(after.time_elapsed() == doctest::Approx(0.010));
    }
    TEST_CASE("a fit after the one that used up the time does not begin") {
        const HandClock clock;
        auto trainer = scripted::trainer({}, Slow{}, lit::Timer{{.duration = 70ms, .verbose = false}});
        Script module;
        trainer.fit(module, scripted::batches(4));
        CHECK(trainer.fit(module, scripted::batches(4)).global_step == 2);
        CHECK(*trainer.get<lit::Timer>().time_remaining() == doctest::Approx(-0.030));
    }

    TEST_CASE("its state is Lightning's, and training goes on from it") {
        lit::Timer timer{{.duration = 200ms, .verbose = false}};
        const lit::Dict state{{"time_elapsed", lit::Dict{{"train", 0.12}, {"validate", 7.0}}}};
        timer.load_state_dict(state);
        CHECK(timer.time_elapsed() == 0.12);
        CHECK(timer.time_elapsed(lit::RunningStage::validating) == 0.0);
        CHECK(fit({}, timer).steps == 2);
        CHECK(timer.state_key() == "Timer");
        std::string keys;
        const lit::Dict given = timer.state_dict();
        for (const auto& [key, value] : given.at("time_elapsed").dict()) {
            keys += key.string() + " ";
            CHECK(value.is<double>());
        }
        CHECK(keys == "train sanity_check validate test predict ");
        timer.load_state_dict({});
        CHECK(timer.time_elapsed() == 0.0);
    }
    TEST_CASE("a checkpoint carries the time, of a Timer and of max_time alike") {
        const HandClock clock;
        const Folder folder;
        const auto saved = [&](lit::TrainerOptions options, auto timer) {
            auto trainer =
                scripted::trainer(options, timer, Slow{}, lit::ModelCheckpoint<>{{.dirpath = folder.path()}});
            Script module;
            trainer.fit(module, scripted::batches(2));
            return trainer.template get<lit::ModelCheckpoint<>>().best_model_path();
        };
        const auto elapsed = [](const std::filesystem::path& file) {
            const lit::Value checkpoint = lit::load_checkpoint(file);
            return checkpoint.at("callbacks").at("Timer").at("time_elapsed").at("train").to_double();
        };
        const auto of_timer = saved({.max_epochs = 1}, std::optional(lit::Timer{}));
        CHECK(elapsed(of_timer) == doctest::Approx(0.1));
        const auto of_max_time = saved({.max_epochs = 1, .max_time = 10s}, Nobody{});
        CHECK(elapsed(of_max_time) == doctest::Approx(0.1));
        // The one goes on from the other; nothing is left, so nothing is trained.
        Script module;
        auto trainer = scripted::trainer({.max_time = 90ms}, Nobody{});
        CHECK(trainer.fit(module, scripted::batches(2), {.ckpt_path = of_timer.string()}).global_step == 2);
    }

    TEST_CASE("rank 0 decides for all") {
        lit::StageClock clock;
        OtherRank rank;
        lit::detail::stop_when_time_is_up(rank, clock, 0s, false);
        CHECK(rank.reason.empty());
        rank.decision_of_rank_zero = true;
        lit::detail::stop_when_time_is_up(rank, clock, 10s, false);
        CHECK(rank.reason == "the time limit was reached");
        CHECK(rank.asked == 2);
    }

    TEST_CASE("a text of another form and a negative duration are refused") {
        CHECK(lit::Duration("01:02:03:04").seconds() == 93784.0);
        CHECK(lit::Duration(" 365:00:00:00\n").seconds() == 31536000.0);
        CHECK(lit::Duration("00:00:00:61") == lit::Duration(61s));  // as in Lightning, which adds up
        for (const char* text : {"", "1:2:3", "12:00:00", "00:12:00:0", "00:12:00:000", "a:00:00:00",
                                 "-1:00:00:00", "00.00:00:00", "00:00:00:00:00", ":00:00:00"}) {
            CAPTURE(text);
            CHECK_THROWS_WITH_AS(lit::Timer{{.duration = text}}, doctest::Contains("DD:HH:MM:SS"),
                                 lit::ConfigError);
        }
        CHECK_THROWS_WITH_AS(lit::Timer{{.duration = -1s}}, doctest::Contains("Timer: duration is negative"),
                             lit::ConfigError);
        CHECK_THROWS_WITH_AS(scripted::trainer({.max_time = -1s}, lit::Timer{}),
                             doctest::Contains("max_time"), lit::ConfigError);
    }
}
