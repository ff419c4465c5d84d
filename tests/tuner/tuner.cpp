// SPDX-License-Identifier: Apache-2.0
#include <lit/tuner/tuner.hpp>

#include "support/doctest.hpp"
#include "tuner/linear_model.hpp"

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using tuner_test::LineModule;
using tuner_test::loader;
using tuner_test::trainer;

/// Writes down the hooks that surround a search, and those of the search itself.
struct Traced : LineModule<Traced> {
    using LineModule::LineModule;
    std::vector<std::string> calls;
    void setup(lit::Stage /*stage*/) { calls.push_back("setup"); }
    void teardown(lit::Stage /*stage*/) { calls.push_back("teardown"); }
    void on_fit_start() { calls.push_back("on_fit_start"); }
    void on_fit_end() { calls.push_back("on_fit_end"); }
    void on_train_start() { calls.push_back("on_train_start"); }
    void on_train_end() { calls.push_back("on_train_end"); }
    void on_save_checkpoint(lit::Dict& checkpoint) {
        checkpoint.set("mine", 1);
        calls.push_back("on_save_checkpoint");
    }
    void on_load_checkpoint(const lit::Dict& checkpoint) {
        calls.push_back(checkpoint.contains("mine") ? "on_load_checkpoint" : "another checkpoint");
    }
    auto configure_optimizers() {
        calls.push_back("configure_optimizers");
        return sgd(hparams.lr);
    }
};
struct Callback {
    std::vector<std::string> calls;
    void setup(auto& /*trainer*/, auto& /*module*/, lit::Stage /*stage*/) { calls.push_back("setup"); }
    void teardown(auto& /*trainer*/, auto& /*module*/, lit::Stage /*stage*/) { calls.push_back("teardown"); }
    void on_fit_start(auto& /*trainer*/, auto& /*module*/) { calls.push_back("on_fit_start"); }
    void on_train_start(auto& /*trainer*/, auto& /*module*/) { calls.push_back("on_train_start"); }
    void on_exception(auto& /*trainer*/, auto& /*module*/, const std::exception& /*error*/) {
        calls.push_back("on_exception");
    }
};

}  // namespace

TEST_SUITE("tuner/tuner") {
    TEST_CASE("a search is a fit that ends at its start: set up, searched, torn down, no exception told") {
        auto t = trainer({.max_epochs = 5}, Callback{});
        Traced module;
        auto data = loader();
        REQUIRE(lit::Tuner{t}.lr_find(module, data, {.num_training = 16, .update_attr = false}).has_value());
        // Lightning 2.6.6 with the same hooks.
        CHECK(module.calls == std::vector<std::string>{"setup", "configure_optimizers", "on_save_checkpoint",
                                                       "on_train_start", "on_train_end", "on_load_checkpoint",
                                                       "teardown"});
        CHECK(t.get<Callback>().calls == std::vector<std::string>{"setup", "teardown"});
    }

    TEST_CASE("the trainer goes on as it would have without the search") {
        auto t = trainer({.max_epochs = 2});
        auto plain = trainer({.max_epochs = 2});
        Traced module;
        Traced other;
        auto data = loader();
        lit::Tuner tuner{t};
        tuner.lr_find(module, data, {.num_training = 16, .update_attr = false});
        CHECK(t.global_step() == 0);
        CHECK(!t.should_stop());
        t.fit(module, data);
        plain.fit(other, data);
        CHECK(t.global_step() == 16);
        CHECK(tuner_test::same(tuner_test::copy_of(other), module));
    }

    TEST_CASE("data come as they come to fit") {
        auto t = trainer({.max_epochs = 5});
        lit::Tuner tuner{t};
        Traced module;
        CHECK(tuner.lr_find(module, loader(), {.num_training = 16}).has_value());
        CHECK(tuner.lr_find(module, loader(), loader(), {.num_training = 16}).has_value());
        std::vector<lit::Example> batches(3, lit::Example{torch::ones({2, 4}), torch::ones({2, 1})});
        CHECK(tuner.lr_find(module, batches, {.num_training = 12})->results.lr.size() == 12);
    }
}
