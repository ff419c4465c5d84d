// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/trainer/from_environment.hpp>

#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

/// Variables that are gone again behind it.
class Environment {
 public:
    explicit Environment(Variables variables) : variables_(std::move(variables)) {
        for (const auto& [name, value] : variables_) {
            ::setenv(name.c_str(), value.c_str(), 1);
        }
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;
    ~Environment() {
        for (const auto& [name, value] : variables_) {
            ::unsetenv(name.c_str());
        }
    }

 private:
    Variables variables_;
};

}  // namespace

TEST_SUITE("trainer/from_environment") {
    TEST_CASE("every kind of option can come from its variable, written as in Python") {
        const Environment environment(Variables{{"PL_TRAINER_MAX_EPOCHS", "5"},
                                       {"PL_TRAINER_MAX_STEPS", "-1"},
                                       {"PL_TRAINER_FAST_DEV_RUN", "True"},
                                       {"PL_TRAINER_MAX_TIME", "00:12:00:00"},
                                       {"PL_TRAINER_LIMIT_TRAIN_BATCHES", "1"},
                                       {"PL_TRAINER_LIMIT_VAL_BATCHES", "0.5"},
                                       {"PL_TRAINER_VAL_CHECK_INTERVAL", "0.25"},
                                       {"PL_TRAINER_CHECK_VAL_EVERY_N_EPOCH", "2"},
                                       {"PL_TRAINER_DETERMINISTIC", "warn"},
                                       {"PL_TRAINER_BENCHMARK", "False"},
                                       {"PL_TRAINER_DETECT_ANOMALY", "True"},
                                       {"PL_TRAINER_DEFAULT_ROOT_DIR", "/somewhere"},
                                       {"PL_TRAINER_BLABLABLA", "1.23"},
                                       {"PL_TRAINER_MIN_EPOCHS", ""}});
        const lit::TrainerOptions options = lit::from_environment({.max_epochs = 1, .min_epochs = 3});
        CHECK(options.max_epochs == 5);
        CHECK(options.max_steps == -1);
        CHECK(options.fast_dev_run == 1);
        CHECK(options.max_time == lit::Duration(std::chrono::hours(12)));
        CHECK((options.limit_train_batches.is_count() && options.limit_train_batches.count() == 1));
        CHECK(options.limit_val_batches.fraction() == 0.5);
        CHECK(options.val_check_interval->batches().fraction() == 0.25);
        CHECK(options.check_val_every_n_epoch == 2);
        CHECK(options.deterministic->only_warns());
        CHECK(options.benchmark == false);
        CHECK(options.detect_anomaly);
        CHECK(options.default_root_dir == "/somewhere");
        CHECK(options.min_epochs == 3);  // an empty variable is none
        CHECK(options.log_every_n_steps == 50);
    }

    TEST_CASE("None takes a value away, and an interval may be a time") {
        const Environment environment(
            Variables{{"PL_TRAINER_CHECK_VAL_EVERY_N_EPOCH", "None"},
                      {"PL_TRAINER_VAL_CHECK_INTERVAL", "00:00:01:00"},
                      {"PL_TRAINER_LIMIT_TRAIN_BATCHES", "None"},
                      {"PL_TRAINER_DEFAULT_ROOT_DIR", "None"}});
        const lit::TrainerOptions options =
            lit::from_environment({.limit_train_batches = 3, .default_root_dir = "/somewhere"});
        CHECK(options.limit_train_batches.is_everything());
        CHECK(options.default_root_dir.empty());
        CHECK_FALSE(options.check_val_every_n_epoch.has_value());
        CHECK(options.val_check_interval->time() == std::chrono::milliseconds(60000));
    }

    TEST_CASE("a text that is no value is refused with its variable") {
        for (const auto& [name, value] : Variables{
                 {"PL_TRAINER_MAX_EPOCHS", "many"},
                 {"PL_TRAINER_LIMIT_TEST_BATCHES", "all"},
                 {"PL_TRAINER_BENCHMARK", "perhaps"}}) {
            CAPTURE(name);
            const Environment environment(Variables{{name, value}});
            CHECK_THROWS_WITH_AS(static_cast<void>(lit::from_environment()), doctest::Contains(name.c_str()),
                                 lit::ConfigError);
        }
        const Environment environment(Variables{{"PL_TRAINER_MAX_STEPS", "-7"}});
        CHECK_THROWS_WITH_AS(static_cast<void>(lit::from_environment()), doctest::Contains("max_steps = -7"),
                             lit::ConfigError);
    }
}
