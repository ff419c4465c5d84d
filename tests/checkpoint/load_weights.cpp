// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "checkpoint/support.hpp"

#include <lit/checkpoint/load_weights.hpp>
#include <lit/core/error.hpp>

#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include <filesystem>
#include <string>
#include <vector>

namespace {

using checkpoint_test::TemporaryFolder;

struct Net : torch::nn::Module {
    torch::nn::Linear layer{nullptr};
    torch::nn::BatchNorm1d norm{nullptr};
    Net() {
        layer = register_module("layer", torch::nn::Linear(3, 2));
        norm = register_module("norm", torch::nn::BatchNorm1d(2));
    }
};
bool equal(const Net& a, const Net& b) {
    return checkpoint_test::same(lit::module_state_dict(a), lit::module_state_dict(b));
}

}  // namespace

TEST_SUITE("checkpoint/load_weights") {
    TEST_CASE("weights come by name from every kind of file") {
        const TemporaryFolder folder;
        const Net given;
        const lit::Dict state = lit::module_state_dict(given);
        lit::save_safetensors(folder / "a.safetensors", state);
        lit::save_checkpoint_file(folder / "a.pth", state);
        lit::save_checkpoint_file(folder / "a.ckpt", lit::Dict{{"epoch", 3}, {"state_dict", state}});
        lit::save_checkpoint_file(folder / "b.pth", lit::Dict{{"model", state}, {"epoch", 3}});
        for (const char* name : {"a.safetensors", "a.pth", "a.ckpt", "b.pth"}) {
            CAPTURE(name);
            Net net;
            CHECK(!equal(net, given));
            const lit::LoadReport report = lit::load_weights(net, folder / name);
            CHECK(report.missing.empty());
            CHECK(report.unexpected.empty());
            CHECK(equal(net, given));
            net.layer->weight.detach().zero_();  // a copy: the file is mapped only while it is read
            Net again;
            lit::load_weights(again, folder / name);
            CHECK(equal(again, given));
        }
    }
    TEST_CASE("names may be put right, and what is left over is listed") {
        const TemporaryFolder folder;
        const Net given;
        lit::Dict state;
        for (const auto& [name, tensor] : lit::module_state_dict(given)) {
            state.append("module." + name.string(), tensor);
        }
        state.append("head.weight", at::zeros({1}));
        lit::save_safetensors(folder / "a.safetensors", state);
        Net net;
        CHECK_THROWS_WITH_AS(lit::load_weights(net, folder / "a.safetensors"), doctest::Contains("missing keys: layer.weight"),
                             lit::CheckpointError);
        CHECK(lit::load_weights(net, folder / "a.safetensors", {.remove_prefix = "module."}).unexpected.empty());
        CHECK(equal(net, given));

        state.erase("module.layer.bias");
        lit::save_safetensors(folder / "b.safetensors", state);
        Net other;
        const lit::LoadReport report =
            lit::load_weights(other, folder / "b.safetensors", {.strict = false, .remove_prefix = "module."});
        CHECK(report.missing == std::vector<std::string>{"layer.bias"});
        const bool loaded = at::equal(other.layer->weight, given.layer->weight);
        CHECK(loaded);
        const lit::LoadReport nothing = lit::load_weights(other, folder / "b.safetensors", {.strict = false});
        CHECK(nothing.missing.size() == 7);
        CHECK(nothing.unexpected.size() == 7);

        struct Whole : torch::nn::Module {
            std::shared_ptr<Net> backbone = std::make_shared<Net>();
            Whole() { register_module("backbone", backbone); }
        } whole;
        lit::load_weights(whole, folder / "a.safetensors", {.remove_prefix = "module.", .add_prefix = "backbone."});
        CHECK(equal(*whole.backbone, given));
    }
    TEST_CASE("a file of something else is refused by name") {
        const TemporaryFolder folder;
        Net net;
        lit::save_checkpoint_file(folder / "list.pt", lit::List{1});
        CHECK_THROWS_WITH_AS(lit::load_weights(net, folder / "list.pt"), doctest::Contains("holds a list"), lit::CheckpointError);
        lit::save_checkpoint_file(folder / "numbers.pt", lit::Dict{{"lr", 0.1}});
        CHECK_THROWS_WITH_AS(lit::load_weights(net, folder / "numbers.pt"), doctest::Contains("lr is a float"),
                             lit::CheckpointError);
        CHECK_THROWS_AS(lit::load_weights(net, folder / "none.pt"), lit::FileError);
        CHECK_THROWS_AS(lit::load_weights(net, folder.path()), lit::FileError);
    }
}
