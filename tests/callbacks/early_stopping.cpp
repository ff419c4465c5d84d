// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"

#include <lit/callbacks/early_stopping.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

using scripted::Script;
using Stopper = lit::EarlyStopping<"value">;

static_assert(lit::CallbackPolicy<Stopper>);
static_assert(lit::StatefulCallback<Stopper>);
static_assert(!std::is_polymorphic_v<Stopper>);
static_assert(Stopper::monitor_name.view() == "value");

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

struct Outcome {
    std::int64_t epochs = 0;
    Stopper stopper;
};

Outcome fit(std::vector<double> values, lit::EarlyStoppingOptions options,
            lit::TrainerOptions trainer_options = {}) {
    if (!trainer_options.max_epochs) {
        trainer_options.max_epochs = static_cast<std::int64_t>(values.size());
    }
    auto trainer = scripted::trainer(trainer_options, Stopper{options});
    Script module{{.per_epoch = values}};
    const auto result = trainer.fit(module, scripted::batches(2), scripted::batches(1));
    return {result.epochs, trainer.get<Stopper>()};
}

/// What an EarlyStopping asks of a trainer of two ranks, of which the other one wants to stop.
struct AnotherStops {
    std::string reason{};
    lit::MetricTable table{};

    static lit::Stage stage() { return lit::Stage::fit; }
    static bool sanity_checking() { return false; }
    static bool fast_dev_run() { return false; }
    static std::optional<double> find_metric(lit::MetricId /*id*/) { return 1.0; }
    lit::MetricTable& callback_metrics() { return table; }
    static void warn(const std::string& /*text*/) {}
    static void print(const std::string& /*text*/) {}
    static std::int64_t world_size() { return 2; }
    static std::int64_t global_rank() { return 0; }
    static bool is_global_zero() { return true; }
    static bool reduce_decision(bool /*own*/, bool /*all*/) { return true; }
    static std::int64_t current_epoch() { return 0; }
    void request_stop(std::string_view why) { reason = why; }
};

}  // namespace

TEST_SUITE("callbacks/early_stopping") {
    TEST_CASE("stops after `patience` checks without improvement, as Lightning was measured to") {
        struct Row {
            std::vector<double> values;
            lit::EarlyStoppingOptions options;
            std::int64_t epochs;
            std::int64_t stopped_epoch;
            std::int64_t wait;
            const char* why;
        };
        const Row rows[] = {
            {{5, 4, 4, 4, 4, 4}, {}, 5, 4, 3, "an equal value is not an improvement"},
            {{5, 5, 5, 5}, {.patience = 1}, 2, 1, 1, "one check"},
            {{5, 5, 5, 5}, {.patience = 0}, 2, 1, 1, "0 behaves as 1"},
            {{5, not_a_number, 1, 1}, {}, 2, 1, 0, "not finite"},
            {{5, not_a_number, 6, 7},
             {.patience = 2, .check_finite = false},
             3,
             2,
             2,
             "nan is no improvement where it is let pass"},
            {{5, 4, 3, 2}, {}, 4, 0, 0, "always better"},
            {{5, 6, 7, 8, 9}, {.mode = lit::Mode::maximize}, 5, 0, 0, "always better, upwards"},
            {{1.0, 0.9, 0.8, 0.7},
             {.min_delta = 0.5, .patience = 2},
             3,
             2,
             2,
             "smaller changes do not count"},
            {{0.8, 0.7, 0.6},
             {.min_delta = 0.1, .patience = 1},
             2,
             1,
             1,
             "a change of exactly min_delta does not count"},
            {{5, 4, 0.5, 3}, {.stopping_threshold = 1.0}, 3, 2, 0, "good enough"},
            {{5, 4, 11, 3}, {.divergence_threshold = 10.0}, 3, 2, 0, "too bad"},
            {{5, 4, 1, 3}, {.stopping_threshold = 1.0}, 4, 0, 1, "the threshold itself is not beyond it"},
        };
        for (const Row& row : rows) {
            CAPTURE(row.why);
            const Outcome outcome = fit(row.values, row.options);
            CHECK(outcome.epochs == row.epochs);
            CHECK(outcome.stopper.stopped_epoch() == row.stopped_epoch);
            CHECK(outcome.stopper.wait_count() == row.wait);
        }
    }

    TEST_CASE("says why it stopped, in Lightning's words") {
        CHECK(fit({5, 5}, {.patience = 1}).stopper.stopping_reason() ==
              lit::StoppingReason::patience_exhausted);
        CHECK(fit({5, 5}, {.patience = 1}).stopper.stopping_reason_message() ==
              "Monitored metric value did not improve in the last 1 records. Best score: 5.000. Signaling "
              "Trainer to stop.");
        CHECK(fit({5, not_a_number}, {}).stopper.stopping_reason_message() ==
              "Monitored metric value = nan is not finite. Previous best value was 5.000. Signaling Trainer "
              "to stop.");
        CHECK(fit({5, 0.5}, {.stopping_threshold = 1.0}).stopper.stopping_reason_message() ==
              "Stopping threshold reached: value = 0.5 < 1.0. Signaling Trainer to stop.");
        CHECK(fit({5, 11}, {.divergence_threshold = 10.0}).stopper.stopping_reason() ==
              lit::StoppingReason::divergence_threshold);
        CHECK(fit({5, 4}, {}).stopper.stopping_reason() == lit::StoppingReason::not_stopped);
        CHECK(!fit({5, 4}, {}).stopper.stopping_reason_message().has_value());
    }

    TEST_CASE("thresholds touch neither the best score nor the counter") {
        const Outcome outcome = fit({5, 6, 0.5}, {.stopping_threshold = 1.0});
        CHECK(outcome.stopper.best_score() == 5.0);
        CHECK(outcome.stopper.wait_count() == 1);
    }

    TEST_CASE("keeps counting while min_epochs holds the run") {
        const Outcome outcome = fit({5, 5, 5, 5, 5}, {.patience = 1}, {.max_epochs = 5, .min_epochs = 4});
        CHECK(outcome.epochs == 4);
        CHECK(outcome.stopper.wait_count() == 3);
    }

    TEST_CASE("does nothing in fast_dev_run, in the sanity check and outside of fit") {
        CHECK(fit({5}, {}, {.fast_dev_run = 1}).stopper.best_score() == infinity);
        lit::EarlyStoppingOptions eager{.check_on_train_epoch_end = false};
        auto trainer = scripted::trainer({.max_epochs = 1}, Stopper{eager});
        Script module{{.per_epoch = {7}}};
        trainer.validate(module, scripted::batches(1), {.verbose = false});
        CHECK(trainer.get<Stopper>().best_score() == infinity);
        trainer.fit(module, scripted::batches(1), scripted::batches(1));
        CHECK(trainer.get<Stopper>().best_score() == 7.0);
    }

    TEST_CASE("checks after each validation when an epoch has several") {
        const Outcome outcome = fit({5}, {.patience = 100}, {.max_epochs = 2, .val_check_interval = 0.5});
        // 2 epochs of 2 validations: the first check improves, three do not.
        CHECK(outcome.stopper.wait_count() == 3);
    }

    TEST_CASE("a monitor chosen at run time is the same") {
        using AtRunTime = lit::EarlyStopping<>;
        auto trainer = scripted::trainer({.max_epochs = 9}, AtRunTime{{.monitor = "value", .patience = 2}});
        Script module{{.per_epoch = {3}}};
        CHECK(trainer.fit(module, scripted::batches(1), scripted::batches(1)).epochs == 3);
        CHECK(trainer.get<AtRunTime>().monitor() == "value");
    }

    TEST_CASE("a component that may be absent is one") {
        using Maybe = std::optional<Stopper>;
        auto without = scripted::trainer({.max_epochs = 4}, Maybe{});
        auto with = scripted::trainer({.max_epochs = 4}, Maybe{Stopper{{.patience = 1}}});
        Script module{{.per_epoch = {3}}};
        CHECK(without.fit(module, scripted::batches(1), scripted::batches(1)).epochs == 4);
        CHECK(with.fit(module, scripted::batches(1), scripted::batches(1)).epochs == 2);
    }

    TEST_CASE("its state has Lightning's key, names and order, and comes back") {
        const Outcome outcome = fit({5, 4, 4}, {.patience = 9});
        CHECK(outcome.stopper.state_key() == "EarlyStopping{'monitor': 'value', 'mode': 'min'}");
        const lit::Dict state = outcome.stopper.state_dict();
        std::string keys;
        for (const auto& [key, value] : state) {
            keys += key.string() + " ";
        }
        CHECK(keys ==
              "wait_count stopped_epoch best_score patience stopping_reason stopping_reason_message ");
        Stopper other{{.patience = 2}};
        other.load_state_dict(state);
        CHECK(other.best_score() == 4.0);
        CHECK(other.wait_count() == 1);
        CHECK(other.state_dict().at("patience").to_int() == 9);  // the loaded one wins, as in Lightning
        CHECK(other.state_dict().at("best_score").tensor().dtype() == at::kFloat);
    }

    TEST_CASE("a monitor that was never logged is an error that lists what was, unless it is not strict") {
        auto trainer = scripted::trainer({.max_epochs = 2}, lit::EarlyStopping<"val_los">{});
        Script module{{.per_epoch = {3}}};
        CHECK_THROWS_WITH_AS(trainer.fit(module, scripted::batches(1), scripted::batches(1)),
                             doctest::Contains("EarlyStopping: no logged value \"val_los\". Known: value"),
                             lit::UnknownMetric);
        auto lenient = scripted::trainer({.max_epochs = 2}, lit::EarlyStopping<"val_los">{{.strict = false}});
        CHECK(lenient.fit(module, scripted::batches(1), scripted::batches(1)).epochs == 2);
    }

    TEST_CASE("refuses to be without a monitor, or with two") {
        CHECK_THROWS_AS(lit::EarlyStopping<>{lit::EarlyStoppingOptions{}}, lit::ConfigError);
        CHECK_THROWS_AS(Stopper{{.monitor = "another"}}, lit::ConfigError);
        CHECK_NOTHROW(Stopper{{.monitor = "value"}});
    }

    TEST_CASE("a rank that goes on gives no reason of its own for the stop that another asked for") {
        Stopper stopper{{.verbose = true}};
        AnotherStops trainer;
        Script module;
        stopper.on_validation_end(trainer, module);
        CHECK(trainer.reason == "EarlyStopping: another rank asked to stop");
        CHECK_FALSE(stopper.stopping_reason_message().has_value());
    }
}
