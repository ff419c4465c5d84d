// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"

#include <lit/callbacks/lambda_callback.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using scripted::Script;

constexpr auto nothing = [](auto& /*trainer*/, auto& /*module*/) {};
using Empty = decltype(lit::LambdaCallback{lit::hook<"on_train_start">(nothing),
                                           lit::hook<"on_train_end">([] {})});
static_assert(lit::CallbackPolicy<Empty>);
static_assert(std::is_empty_v<Empty>);
static_assert(!std::is_polymorphic_v<Empty>);
// Only what was given is listened to.
static_assert(lit::hooks::on_train_start::names<Empty> && !lit::hooks::on_fit_start::names<Empty>);

}  // namespace

TEST_SUITE("callbacks/lambda_callback") {
    TEST_CASE("calls each closure where its hook stands, with Lightning's arguments") {
        std::string said;
        auto trainer = scripted::trainer(
            {.max_epochs = 1},
            lit::LambdaCallback{
                lit::hook<"setup">([&said](auto& /*trainer*/, auto& /*module*/, lit::Stage stage) {
                    said += "setup:" + std::string(lit::to_string(stage)) + " ";
                }),
                lit::hook<"on_train_start">([&said](auto& trainer) {
                    said += "start:" + std::to_string(trainer.global_step()) + " ";
                }),
                lit::hook<"on_train_batch_end">([&said](auto& /*trainer*/, auto& module, const auto& outputs,
                                                        const auto& batch, std::int64_t batch_idx) {
                    static_assert(std::is_same_v<std::remove_cvref_t<decltype(module)>, Script>);
                    CHECK(outputs.loss.defined());
                    CHECK(batch.data.size(0) == 4);
                    said += "batch:" + std::to_string(batch_idx) + " ";
                }),
                lit::hook<"on_before_optimizer_step">([&said](auto&, auto&, auto& optimizer) {
                    static_assert(requires { optimizer.step(); });
                    said += "step ";
                }),
                lit::hook<"on_train_epoch_end">([&said] { said += "end "; }),
                lit::hook<"teardown">(
                    [&said](auto&&... all) { said += "teardown:" + std::to_string(sizeof...(all)); }),
            });
        Script module;
        trainer.fit(module, scripted::batches(2));
        CHECK(said == "setup:fit start:0 step batch:0 step batch:1 end teardown:3");
    }
    TEST_CASE("a closure may keep a state of its own, and be moved and assigned with it") {
        int last = 0;
        const auto make = [&last](int from) {
            return lit::LambdaCallback{
                lit::hook<"on_train_batch_start">([count = from, &last]() mutable { last = ++count; })};
        };
        auto callback = make(10);
        static_assert(std::movable<decltype(callback)>);
        auto other = make(20);
        callback = std::move(other);
        auto copy = make(30);
        copy = callback;
        auto trainer = scripted::trainer({.max_epochs = 1}, std::move(copy));
        Script module;
        trainer.fit(module, scripted::batches(3));
        CHECK(last == 23);
    }
    TEST_CASE("a closure that owns something is moved only") {
        auto owner = std::make_unique<int>(0);
        int* seen = owner.get();
        lit::LambdaCallback callback{lit::hook<"on_fit_end">([owner = std::move(owner)] { *owner = 7; })};
        static_assert(!std::is_copy_constructible_v<decltype(callback)>);
        auto trainer = scripted::trainer({.max_epochs = 1}, std::move(callback));
        Script module;
        trainer.fit(module, scripted::batches(1));
        CHECK(*seen == 7);
    }
    TEST_CASE("hears of exceptions, asks for a stop, may be absent, and stands beside another one") {
        std::string said;
        int stops = 0;
        lit::LambdaCallback throws{lit::hook<"on_train_batch_end">([](auto& trainer) {
            if (trainer.global_step() == 2) {
                throw std::runtime_error("broken");
            }
        })};
        lit::LambdaCallback hears{lit::hook<"on_exception">(
            [&said](auto&, auto&, const std::exception& error) { said = error.what(); })};
        auto broken = scripted::trainer({.max_epochs = 1}, throws, hears, std::optional<decltype(hears)>{});
        Script module;
        CHECK_THROWS_AS(broken.fit(module, scripted::batches(3)), std::runtime_error);
        CHECK(said == "broken");
        auto stopped = scripted::trainer(
            {.max_epochs = 5},
            std::optional(lit::LambdaCallback{lit::hook<"on_train_batch_end">([&stops](auto& trainer) {
                ++stops;
                trainer.request_stop("enough");
            })}));
        CHECK(stopped.fit(module, scripted::batches(3)).global_step == 1);
        CHECK(stops == 1);
    }
}
