// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/metric_names.hpp>
#include <lit/core/metric_table.hpp>
#include <lit/core/number.hpp>
#include <lit/core/run_state.hpp>

#include <ATen/ops/ones.h>
#include <ATen/ops/scalar_tensor.h>

#include <cmath>
#include <limits>

static_assert(lit::Logs<"a", "val_loss">::contains("a") && !lit::Logs<"a">::contains("b"));
static_assert(lit::Logs<"a">::can_monitor("a_step") && lit::Logs<"a">::can_monitor("a_epoch/dataloader_idx_12"));
static_assert(!lit::Logs<"a">::can_monitor("a/dataloader_idx_") && !lit::Logs<"a">::can_monitor("a_steps"));

namespace {

struct Training {
    lit::RunState state;
    explicit Training(lit::Hook hook = lit::Hook::training_step) {
        state.results = &state.train_results;
        state.running = lit::RunningStage::training;
        state.current_hook = hook;
    }
    void log(double value, std::int64_t samples, const lit::LogOptions& options) {
        state.batch_started(samples, -1);
        state.log(lit::MetricSlot<"a">::id, value, options);
        state.batch_ended();
    }
    double epoch(const char* name = "a") {
        state.epoch_end_reached();
        state.publish();
        return state.callback_metrics.value(name).value_or(std::nan(""));
    }
};

}  // namespace

TEST_SUITE("core/run_state") {
    TEST_CASE("a mean is weighted with the batch size, minimum, maximum and sum are not") {
        // Batches of 4 and 2, values 0 and 1: Lightning's 0.333, and 0.5 with batch_size = 1.
        for (const auto& [reduce, batch_size, expected] :
             {std::tuple{lit::Reduce::mean, 0, 1.0 / 3}, {lit::Reduce::mean, 1, 0.5}, {lit::Reduce::minimum, 0, 0.0},
              {lit::Reduce::maximum, 0, 1.0}, {lit::Reduce::sum, 0, 1.0}}) {
            CAPTURE(static_cast<int>(reduce));
            Training training;
            const lit::LogOptions options{.on_epoch = true, .reduce_fx = reduce, .batch_size = batch_size};
            training.log(0.0, 4, options);
            training.log(1.0, 2, options);
            const double value = training.epoch();
            const double wanted = expected;
            CHECK(value == doctest::Approx(wanted));
        }
    }
    TEST_CASE("a value that is both per step and per epoch is published under forked names") {
        Training training;
        training.log(2.0, 4, {.prog_bar = true, .on_epoch = true});
        CHECK(training.state.callback_metrics.names() == "a, a_step");
        CHECK(training.state.logged_metrics.names() == "a_step");
        CHECK(training.state.progress_bar_metrics.names() == "a_step");
        CHECK(training.epoch() == 2.0);
        CHECK(training.state.logged_metrics.names() == "a_step, a_epoch");
    }
    TEST_CASE("a new epoch begins anew, and values that are not logged again stay") {
        Training training;
        training.log(1.0, 4, {.on_step = false, .on_epoch = true});
        CHECK(training.epoch() == 1.0);
        training.state.reset_results();
        training.log(5.0, 4, {.on_step = false, .on_epoch = true});
        CHECK(training.epoch() == 5.0);
        training.state.reset_results();
        CHECK(training.epoch() == 5.0);
    }
    TEST_CASE("hooks that may not log, and arguments that a hook does not allow, are refused") {
        Training fit_start(lit::Hook::on_fit_start);
        CHECK_THROWS_WITH_AS(fit_start.log(1.0, 1, {}), doctest::Contains("cannot be logged in on_fit_start"), lit::Error);
        Training epoch_end(lit::Hook::on_train_epoch_end);
        CHECK_THROWS_WITH_AS(epoch_end.log(1.0, 1, {.on_step = true}), doctest::Contains("is a value of an epoch"), lit::Error);
        Training neither;
        CHECK_THROWS_WITH_AS(neither.log(1.0, 1, {.on_step = false, .on_epoch = false}),
                             doctest::Contains("nobody would see it"), lit::Error);
        Training twice;
        twice.log(1.0, 1, {});
        CHECK_THROWS_WITH_AS(twice.log(1.0, 1, {.prog_bar = true}), doctest::Contains("with different arguments"), lit::Error);
        Training unknown_size;
        CHECK_THROWS_WITH_AS(unknown_size.log(1.0, -1, {.on_epoch = true}), doctest::Contains("Give .batch_size"), lit::Error);
        lit::RunState outside;
        CHECK_THROWS_WITH_AS(outside.log(lit::MetricSlot<"a">::id, 1.0, {}), doctest::Contains("nothing collects it"), lit::Error);
    }
    TEST_CASE("nan is kept in every reduction") {
        Training training;
        const lit::LogOptions options{.on_epoch = true, .reduce_fx = lit::Reduce::maximum};
        training.log(std::numeric_limits<double>::quiet_NaN(), 1, options);
        training.log(1.0, 1, options);
        CHECK(std::isnan(training.epoch()));
    }
}

TEST_SUITE("core/number") {
    TEST_CASE("reads one element of any real type") {
        for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kShort,
                                          at::kChar, at::kByte, at::kBool}) {
            CAPTURE(c10::toString(type));
            CHECK(lit::Number(at::ones({1, 1}, type)).value() == 1.0);
        }
        CHECK(lit::Number(3).value() == 3.0);
        CHECK(lit::Number(true).value() == 1.0);
    }
    TEST_CASE("refuses several elements and what has no order") {
        CHECK_THROWS_WITH_AS(lit::Number(at::ones({2})), doctest::Contains("of 2 elements"), lit::Error);
        CHECK_THROWS_WITH_AS(lit::Number(at::ones({1}, at::kComplexFloat)), doctest::Contains("real number"), lit::Error);
        CHECK_THROWS_WITH_AS(lit::Number(at::Tensor{}), doctest::Contains("without content"), lit::Error);
    }
}

TEST_SUITE("core/metric_table") {
    TEST_CASE("finds by number and by name, in the order of arrival, also after it was cleared") {
        lit::MetricTable table;
        table.set(lit::MetricSlot<"x">::id, 1.0);
        table.set(lit::MetricSlot<"y">::id, 2.0);
        table.set(lit::MetricSlot<"x">::id, 3.0);
        CHECK(table.names() == "x, y");
        CHECK(table.value("x") == 3.0);
        table.clear();
        CHECK(table.empty());
        CHECK(!table.contains("x"));
        table.set(lit::MetricSlot<"y">::id, 4.0);
        CHECK(table.value("y") == 4.0);
    }
    TEST_CASE("the same name has one number, whether it is known when compiled or not") {
        CHECK(lit::MetricNames::intern("x") == lit::MetricSlot<"x">::id);
        CHECK(lit::MetricNames::name(lit::MetricSlot<"x">::id) == "x");
    }
}
