// SPDX-License-Identifier: Apache-2.0
// Before doctest: these headers use the LOG of c10, which is gone behind it.
#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include "support/doctest.hpp"

#include "checkpoint/support.hpp"

#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/module_state.hpp>

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <string>
#include <vector>

namespace {

// As in fixtures/make.py, with a parameter, a buffer and names that C++'s flat lists would put in another
// order.
struct Net : torch::nn::Module {
    explicit Net(std::int64_t hidden = 3) {
        register_module("first", torch::nn::Linear(2, hidden));
        register_module("norm", torch::nn::BatchNorm1d(hidden));
        register_module("last", torch::nn::Linear(hidden, 1));
    }
};

std::vector<std::string> names(const lit::Dict& state) {
    std::vector<std::string> result;
    for (const auto& item : state) {
        result.push_back(item.first.string());
    }
    return result;
}

const std::vector<std::string> python_names{"first.weight",
                                            "first.bias",
                                            "norm.weight",
                                            "norm.bias",
                                            "norm.running_mean",
                                            "norm.running_var",
                                            "norm.num_batches_tracked",
                                            "last.weight",
                                            "last.bias"};

}  // namespace

TEST_SUITE("checkpoint/module_state") {
    TEST_CASE("the order is Python's: module by module, parameters before buffers") {
        const Net net;
        const lit::Dict state = lit::module_state_dict(net);
        CHECK(names(state) == python_names);
        CHECK(state.ordered);
        CHECK(
            names(lit::load_checkpoint(checkpoint_test::fixture("lightning.ckpt")).at("state_dict").dict()) ==
            python_names);
        CHECK_FALSE(state.at("first.weight").tensor().requires_grad());
        CHECK(state.at("first.weight").tensor().data_ptr() == net.parameters()[0].data_ptr());
    }

    TEST_CASE(
        "own parameters come before those of children; what is undefined is left out; twice registered is "
        "twice there") {
        struct Odd : torch::nn::Module {
            Odd() {
                auto child =
                    register_module("child", torch::nn::Linear(torch::nn::LinearOptions(1, 1).bias(false)));
                register_module("twin", child);
                register_buffer("buffer", torch::zeros({1}));
                register_buffer("nothing", torch::Tensor());
                register_parameter("own", torch::zeros({1}));
            }
        };
        CHECK(names(lit::module_state_dict(Odd())) ==
              std::vector<std::string>{"own", "buffer", "child.weight", "twin.weight"});
    }

    TEST_CASE("Lightning's weights are copied into the module's own tensors") {
        Net net;
        const auto weight = net.parameters()[0];
        const lit::Value file = lit::load_checkpoint(checkpoint_test::fixture("lightning.ckpt"));
        const lit::LoadReport report = lit::load_module_state(net, file.at("state_dict").dict());
        CHECK(report.missing.empty());
        CHECK(report.unexpected.empty());
        CHECK(checkpoint_test::same(lit::module_state_dict(net), file.at("state_dict")));
        CHECK(weight.is_same(net.parameters()[0]));
        CHECK(weight.requires_grad());
        CHECK(at::equal(weight, file.at("state_dict").at("first.weight").tensor()));
    }

    TEST_CASE("the module's dtype stays") {
        Net net;
        net.to(torch::kDouble);
        const lit::Value file = lit::load_checkpoint(checkpoint_test::fixture("lightning.ckpt"));
        lit::load_module_state(net, file.at("state_dict").dict());
        CHECK((net.parameters()[0].scalar_type() == torch::kDouble));
    }

    TEST_CASE("one message names everything that does not fit, and nothing is changed") {
        Net net;
        const at::Tensor before = net.parameters()[0].detach().clone();
        lit::Dict state = lit::module_state_dict(Net(5));
        state.set("first.bias", at::full({3}, 7.0));  // fits, and stands before what does not
        state.erase("last.bias");
        state.set("norm.weight", "text");
        state.set("other", at::zeros({1}));
        std::string message;
        try {
            lit::load_module_state(net, state);
        } catch (const lit::CheckpointError& error) {
            message = error.what();
        }
        for (const char* part :
             {"missing keys: last.bias", "unexpected keys: other",
              "first.weight: found [5, 2], expected [3, 2]", "last.weight: found [1, 5], expected [1, 3]",
              "norm.weight: found a str, expected a tensor", "nothing was changed",
              "checkpoint of another model"}) {
            CAPTURE(part);
            CAPTURE(message);
            CHECK(message.find(part) != std::string::npos);
        }
        CHECK(at::equal(net.parameters()[0], before));
        CHECK_FALSE(at::equal(net.parameters()[1], at::full({3}, 7.0)));
    }

    TEST_CASE("without strict, names may differ and are reported; shapes may not") {
        Net net;
        lit::Dict state{{"first.bias", at::full({3}, 7.0)}, {"other", at::zeros({1})}};
        CHECK_THROWS_AS(lit::load_module_state(net, state), lit::CheckpointError);
        const lit::LoadReport report = lit::load_module_state(net, state, false);
        CHECK(report.unexpected == std::vector<std::string>{"other"});
        CHECK(report.missing.size() == python_names.size() - 1);
        CHECK(at::equal(net.parameters()[1], at::full({3}, 7.0)));
        state.set("first.weight", at::zeros({2, 3}));
        CHECK_THROWS_WITH_AS(lit::load_module_state(net, state, false), doctest::Contains("[2, 3]"),
                             lit::CheckpointError);
    }

    TEST_CASE("a single element stands for a tensor without dimensions") {
        Net net;
        lit::load_module_state(net, lit::Dict{{"norm.num_batches_tracked", at::full({1}, 9)}}, false);
        CHECK(lit::module_state_dict(net).at("norm.num_batches_tracked").tensor().item<std::int64_t>() == 9);
    }
}
