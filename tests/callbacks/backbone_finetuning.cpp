// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/finetuned.hpp"

#include <lit/callbacks/backbone_finetuning.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/optim/exponential_lr.hpp>
#include <lit/optim/lambda_lr.hpp>
#include <lit/optim/linear_lr.hpp>
#include <lit/optim/step_lr.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using finetuned::Net;
using finetuned::Rates;
using Rows = std::vector<std::vector<double>>;
using Options = lit::BackboneFinetuningOptions;

static_assert(lit::CallbackPolicy<lit::BackboneFinetuning<>> &&
              lit::StatefulCallback<lit::BackboneFinetuning<>>);
static_assert(!std::is_polymorphic_v<lit::BackboneFinetuning<>>);

struct Trained {
    Rows rates;
    std::vector<double> sums;
};

template <class Callback, class Schedule = lit::NoScheduler>
Trained train(Callback callback, Schedule schedule = {}, std::int64_t epochs = 6) {
    Net<Schedule> net(std::move(schedule));
    auto trainer = scripted::trainer({.max_epochs = epochs}, std::move(callback), Rates{});
    trainer.fit(net, finetuned::data());
    return {trainer.template get<Rates>().rows, net.sums()};
}

double distance(const std::vector<double>& a, const std::vector<double>& b) {
    double most = a.size() == b.size() ? 0.0 : 1e9;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        most = std::max(most, std::abs(a[i] - b[i]));
    }
    return most;
}

}  // namespace

// Rates and sums of parameters: printed by Lightning 2.6.6 with torch 2.11 for this model, written there in the same
// way (SGD of lr 0.1 and momentum 0.5, two batches of 4, 6 epochs). Sums have 7 decimals there; float32 arithmetic in the
// same order leaves only the rounding of the print.
TEST_SUITE("callbacks/backbone_finetuning") {
    TEST_CASE("the backbone's rate doubles from epoch to epoch, up to the head's") {
        const Trained trained = train(lit::BackboneFinetuning{{.unfreeze_backbone_at_epoch = 0}});
        CHECK(trained.rates == Rows{{0.1, 0.010000000000000002},
                                    {0.1, 0.020000000000000004},
                                    {0.1, 0.04000000000000001},
                                    {0.1, 0.08000000000000002},
                                    {0.1, 0.1},
                                    {0.1, 0.1}});
        CHECK(distance(trained.sums, {0.647596, -0.25, -0.2621472, 0.3757637, -0.474961, 0.0287643, 0.3780976,
                                      -0.3162758}) < 1e-6);
    }
    TEST_CASE("before its epoch the backbone is frozen, but for its batch norms") {
        const Trained trained = train(lit::BackboneFinetuning{{.unfreeze_backbone_at_epoch = 2}});
        CHECK(trained.rates == Rows{{0.1},
                                    {0.1},
                                    {0.1, 0.010000000000000002},
                                    {0.1, 0.020000000000000004},
                                    {0.1, 0.04000000000000001},
                                    {0.1, 0.08000000000000002}});
        CHECK(distance(trained.sums, {0.6303431, -0.25, -0.2528448, 0.3773777, -0.4054038, 0.0114893,
                                      0.3628925, -0.3165545}) < 1e-6);
        Net<> never;
        const auto before = never.sums();
        auto trainer = scripted::trainer({.max_epochs = 2}, lit::BackboneFinetuning{{}});
        trainer.fit(never, finetuned::data());
        CHECK(never.sums()[0] == before[0]);
        CHECK(never.sums()[2] != before[2]);
        CHECK_FALSE(trainer.get<lit::BackboneFinetuning<>>().backbone_lr().has_value());
    }
    TEST_CASE("should_align = false lets it pass the head's, a schedule of one's own sets the pace") {
        CHECK(train(lit::BackboneFinetuning{{.unfreeze_backbone_at_epoch = 1, .should_align = false}})
                  .rates.back() == std::vector<double>{0.1, 0.16000000000000003});
        const double tenth = 10.0;  // a closure that captures cannot be assigned, and serves all the same
        const Trained trained = train(lit::BackboneFinetuning{
            {.unfreeze_backbone_at_epoch = 1, .backbone_initial_lr = 0.03},
            [tenth](std::int64_t epoch) { return 1.0 + static_cast<double>(epoch) / tenth; }});
        CHECK(trained.rates ==
              Rows{{0.1}, {0.1, 0.03}, {0.1, 0.039}, {0.1, 0.054599999999999996}, {0.1, 0.0819}, {0.1, 0.1}});
        CHECK(distance(trained.sums, {0.6411457, -0.25, -0.2577154, 0.3765559, -0.4481723, 0.0312738,
                                      0.3690083, -0.318905}) < 1e-6);
    }
    TEST_CASE("a schedule goes on with the head, and the backbone aligns with what it made") {
        const Trained stepped = train(lit::BackboneFinetuning{{.unfreeze_backbone_at_epoch = 1}},
                                      lit::StepLR{{.step_size = 1, .gamma = 0.5}});
        CHECK(stepped.rates == Rows{{0.1},
                                    {0.05, 0.005000000000000001},
                                    {0.025, 0.010000000000000002},
                                    {0.0125, 0.0125},
                                    {0.00625, 0.00625},
                                    {0.003125, 0.003125}});
        CHECK(distance(stepped.sums, {0.6290321, -0.25, -0.4466496, 0.3770574, -0.3895026, 0.0064637,
                                      0.5165662, -0.4084388}) < 1e-6);
        const Trained decayed =
            train(lit::BackboneFinetuning{{.unfreeze_backbone_at_epoch = 1, .backbone_initial_ratio_lr = 0.5},
                                          [](std::int64_t) { return 1.5; }},
                  lit::ExponentialLR{{.gamma = 0.9}});
        CHECK(decayed.rates == Rows{{0.1},
                                    {0.09000000000000001, 0.045000000000000005},
                                    {0.08100000000000002, 0.0675},
                                    {0.07290000000000002, 0.07290000000000002},
                                    {0.06561000000000002, 0.06561000000000002},
                                    {0.05904900000000002, 0.05904900000000002}});
        CHECK(train(lit::BackboneFinetuning{{.unfreeze_backbone_at_epoch = 1}},
                    lit::LinearLR{{.start_factor = 0.5, .total_iters = 4}})
                  .rates == Rows{{0.05},
                                 {0.0625, 0.00625},
                                 {0.075, 0.0125},
                                 {0.08750000000000001, 0.025},
                                 {0.1, 0.05},
                                 {0.1, 0.1}});
        CHECK_THROWS_AS(train(lit::BackboneFinetuning{{.unfreeze_backbone_at_epoch = 1}},
                              lit::LambdaLR{[](std::int64_t) { return 1.0; }}),
                        lit::ConfigError);
    }
    TEST_CASE("its state has Lightning's key and names, groups by the names of their parameters") {
        Net<> net;
        auto trainer =
            scripted::trainer({.max_epochs = 3}, lit::BackboneFinetuning{{.unfreeze_backbone_at_epoch = 1}});
        trainer.fit(net, finetuned::data());
        const auto& callback = trainer.get<lit::BackboneFinetuning<>>();
        CHECK(callback.state_key() == "BackboneFinetuning");
        CHECK(lit::BackboneFinetuning({}, [](std::int64_t) { return 1.0; }).state_key() ==
              "BackboneFinetuning");
        const lit::Dict state = callback.state_dict();
        CHECK(state.at("previous_backbone_lr").to_double() == 0.020000000000000004);
        const lit::List& groups = state.at("internal_optimizer_metadata").dict().find(0)->items();
        CHECK(groups.size() == 2);
        std::string names;
        for (const lit::Value& group : groups) {
            for (const lit::Value& name : group.at("params").items()) {
                names += name.string() + " ";
            }
        }
        CHECK(names ==
              "backbone.1.weight backbone.1.bias head.weight head.bias backbone.0.weight backbone.0.bias "
              "backbone.2.weight backbone.2.bias ");
        CHECK(groups[1].at("lr").to_double() == 0.010000000000000002);  // when it was added
        CHECK(groups[1].at("momentum").to_double() == 0.5);
    }
    TEST_CASE("a run that is resumed, before or after the epoch, ends where one without a break ends") {
        const scripted::Folder folder;
        const Options options{.unfreeze_backbone_at_epoch = 1};
        Net<> whole;
        auto straight = scripted::trainer(
            {.max_epochs = 6}, lit::BackboneFinetuning{options}, Rates{},
            lit::ModelCheckpoint<>{{.dirpath = folder.path(), .filename = "{epoch}", .save_top_k = -1}});
        straight.fit(whole, finetuned::data());
        for (const int epoch : {0, 1, 2, 4}) {
            CAPTURE(epoch);
            Net<> net;
            auto resumed = scripted::trainer({.max_epochs = 6}, lit::BackboneFinetuning{options}, Rates{});
            resumed.fit(
                net, finetuned::data(),
                {.ckpt_path = (folder.path() / ("epoch=" + std::to_string(epoch) + ".ckpt")).string()});
            const Rows& rates = straight.get<Rates>().rows;
            CHECK(resumed.get<Rates>().rows == Rows(rates.begin() + epoch + 1, rates.end()));
            CHECK(net.sums() == whole.sums());
        }
    }
    TEST_CASE("refuses what cannot be meant") {
        constexpr double nan = std::numeric_limits<double>::quiet_NaN();
        for (const Options& options :
             {Options{.unfreeze_backbone_at_epoch = -1}, Options{.backbone_initial_ratio_lr = -0.1},
              Options{.backbone_initial_lr = nan}, Options{.initial_denom_lr = 0.0},
              Options{.rounding = 18}}) {
            CHECK_THROWS_AS(lit::BackboneFinetuning{options}, lit::ConfigError);
        }
        CHECK_THROWS_WITH_AS(lit::BackboneFinetuning{{.unfreeze_backbone_at_epoch = -1}},
                             "BackboneFinetuning: unfreeze_backbone_at_epoch = -1.0, expected 0 or more.",
                             lit::ConfigError);
    }
    TEST_CASE("a second fit that begins after the epoch does not train the head at the backbone's rate") {
        Net<lit::NoScheduler> net;
        auto trainer = scripted::trainer({.max_epochs = 3}, lit::BackboneFinetuning{{.unfreeze_backbone_at_epoch = 1}},
                                         Rates{});
        trainer.fit(net, finetuned::data());
        trainer.options().max_epochs = 5;
        CHECK_THROWS_WITH_AS(trainer.fit(net, finetuned::data()),
                             doctest::Contains("the backbone was not unfrozen in this fit"), lit::ConfigError);
    }
}
