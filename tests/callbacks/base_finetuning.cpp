// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/finetuned.hpp"
#include "collectives/thread_ranks.hpp"

#include <lit/callbacks/base_finetuning.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/strategies/ddp.hpp>

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using finetuned::Net;

/// Freezes the whole backbone, batch norms too, and lets it train from the third epoch on.
struct Thaw : lit::BaseFinetuning<Thaw> {
    bool train_bn = true;

    explicit Thaw(bool train_norms = true) : train_bn(train_norms) {}
    void freeze_before_training(auto& module) { freeze(module.backbone, false); }
    void finetune_function(auto& module, std::int64_t epoch, auto& optimizer) {
        if (epoch == 2) {
            unfreeze_and_add_param_group(module.backbone, optimizer,
                                         {.initial_denom_lr = 4.0, .train_bn = train_bn});
        }
    }
};
static_assert(lit::CallbackPolicy<Thaw> && lit::StatefulCallback<Thaw>);
static_assert(!std::is_polymorphic_v<Thaw>);

using Helpers = lit::BaseFinetuning<Thaw>;

std::string trainable(const torch::nn::Module& module) {
    std::string names;
    for (const auto& item : module.named_parameters()) {
        names += item.value().requires_grad() ? item.key() + " " : "";
    }
    return names;
}

}  // namespace

TEST_SUITE("callbacks/base_finetuning") {
    TEST_CASE("freezes, thaws and filters as Lightning's helpers do") {
        Net<> net;
        Helpers::freeze(net.backbone);
        CHECK(trainable(net) == "backbone.1.weight backbone.1.bias head.weight head.bias ");
        CHECK(Helpers::filter_params(net.backbone).size() == 2);
        CHECK(Helpers::filter_params(net.backbone, false).empty());
        CHECK(Helpers::filter_params(net.backbone, true, false).size() == 4);
        Helpers::freeze(net.backbone, false);
        CHECK(trainable(net) == "head.weight head.bias ");
        Helpers::make_trainable(net.backbone);
        CHECK(Helpers::filter_params(net, false).size() == 6);
        CHECK(Helpers::flatten_modules(net).size() == 4);
    }

    // Printed by Lightning 2.6.6 for this model and callback: 7 decimals of sums, 8 digits of statistics.
    TEST_CASE("a batch norm that is frozen keeps its statistics, and goes on when it is let go") {
        Net<> two;
        auto trainer = scripted::trainer({.max_epochs = 2}, Thaw{});
        trainer.fit(two, finetuned::data());
        CHECK(two.norm().running_mean.eq(0).all().item<bool>());
        CHECK(two.norm().running_var.eq(1).all().item<bool>());
        Net<> four;
        auto longer = scripted::trainer({.max_epochs = 4}, Thaw{}, finetuned::Rates{});
        longer.fit(four, finetuned::data());
        CHECK(longer.get<finetuned::Rates>().rows ==
              std::vector<std::vector<double>>{{0.1}, {0.1}, {0.1, 0.025}, {0.1, 0.025}});
        CHECK(four.norm().num_batches_tracked.item<std::int64_t>() == 4);
        const double mean[] = {-0.16148921847343445, 0.1231648251414299, -0.05260458216071129};
        const double var[] = {0.7178899049758911, 0.6766554117202759, 0.6824617981910706};
        const double sums[] = {0.6294001,  -0.25,     -0.6050949, 0.3750993,
                               -0.3856756, 0.0093246, 0.3385043,  -0.3304665};
        for (int i = 0; i < 3; ++i) {
            CHECK(std::abs(four.norm().running_mean[i].item<double>() - mean[i]) < 1e-6);
            CHECK(std::abs(four.norm().running_var[i].item<double>() - var[i]) < 1e-6);
        }
        for (std::size_t i = 0; i < 8; ++i) {
            CHECK(std::abs(four.sums()[i] - sums[i]) < 1e-6);
        }
    }

    TEST_CASE("a resumed run trains and counts what was let go, whether it is in a group or not") {
        for (const bool train_bn : {true, false}) {
            CAPTURE(train_bn);
            const scripted::Folder folder;
            Net<> whole;
            auto straight = scripted::trainer(
                {.max_epochs = 5}, Thaw{train_bn},
                lit::ModelCheckpoint<>{{.dirpath = folder.path(), .filename = "{epoch}", .save_top_k = -1}});
            straight.fit(whole, finetuned::data());
            Net<> net;
            auto resumed = scripted::trainer({.max_epochs = 5}, Thaw{train_bn});
            resumed.fit(net, finetuned::data(), {.ckpt_path = (folder.path() / "epoch=2.ckpt").string()});
            CHECK(net.sums() == whole.sums());
            CHECK(trainable(net) == trainable(whole));
            CHECK(net.norm().running_mean.equal(whole.norm().running_mean));
        }
    }

    TEST_CASE("a second fit with the same callback begins anew") {
        Net<> net;
        auto trainer = scripted::trainer({.max_epochs = 3}, Thaw{});
        trainer.fit(net, finetuned::data());
        Net<> another;
        trainer.options().max_epochs = 4;  // epochs are counted on: the fourth is past the one that thaws
        trainer.fit(another, finetuned::data());
        const lit::Dict state = trainer.get<Thaw>().state_dict();
        CHECK(state.at("internal_optimizer_metadata").dict().find(0)->items().size() == 1);
    }

    TEST_CASE("parameters that the optimizer has already stay in their group") {
        Net<> net;
        lit::SGD optimizer{net.parameters(), {.lr = 0.5}};
        Helpers::unfreeze_and_add_param_group(net.backbone, optimizer);
        CHECK(optimizer.group_count() == 1);
        lit::SGD head{net.head->parameters(), {.lr = 0.5}};
        Helpers::unfreeze_and_add_param_group(net.backbone, head);
        CHECK(head.learning_rate(1) == 0.05);
        CHECK(head.parameters(1).size() == 6);
    }

    TEST_CASE("the ranks' parameters stay equal after a part was unfrozen") {
        std::vector<std::unique_ptr<Net<>>> nets;
        for (int rank = 0; rank < 2; ++rank) {
            nets.push_back(std::make_unique<Net<>>());
        }
        lit::testing::rethrow_first(
            lit::testing::run_thread_ranks(2, [&](lit::ProcessGroupCollective& ranks) {
                Net<>& net = *nets[static_cast<std::size_t>(ranks.rank())];
                std::vector<lit::Example> batches = finetuned::data();
                for (lit::Example& batch : batches) {
                    batch.data = batch.data * (1.0 + static_cast<double>(ranks.rank()));
                }
                lit::Trainer trainer{lit::DDP({}, ranks), lit::Fp32{}, lit::TrainerOptions{.max_epochs = 4},
                                     Thaw{}};
                trainer.fit(net, batches);
            }));
        CHECK(nets[0]->sums() == nets[1]->sums());
        CHECK(nets[0]->sums() != Net<>().sums());
    }

    TEST_CASE("a file of another model is refused with the parameter's name") {
        Thaw callback;
        callback.load_state_dict(lit::Dict{
            {"internal_optimizer_metadata", [] {
                 lit::Dict all;
                 all.set(std::int64_t{0},
                         lit::List{lit::Dict{{"lr", 0.1}, {"params", lit::List{}}},
                                   lit::Dict{{"lr", 0.1}, {"params", lit::List{"features.0.weight"}}}});
                 return all;
             }()}});
        Net<> net;
        auto trainer = scripted::trainer({.max_epochs = 1}, callback);
        CHECK_THROWS_WITH_AS(trainer.fit(net, finetuned::data()), doctest::Contains("features.0.weight"),
                             lit::CheckpointError);
    }
}
