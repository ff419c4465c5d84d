// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/callbacks/detail/module_parts.hpp>

#include <ATen/ops/randn.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace {

std::string names(auto& modules) {
    std::vector<torch::nn::Module*> parts;
    lit::detail::flatten_into(modules, parts);
    std::string text;
    for (const torch::nn::Module* part : parts) {
        const std::string full = part->name();
        text += full.substr(full.rfind(':') + 1) + " ";
    }
    return text;
}

/// A parent with a parameter of its own.
struct Scaled : torch::nn::Module {
    torch::nn::Linear inner{nullptr};
    Scaled() {
        inner = register_module("inner", torch::nn::Linear(2, 2));
        register_parameter("scale", at::randn({1}));
    }
};

}  // namespace

TEST_SUITE("callbacks/detail/module_parts") {
    TEST_CASE("flattening finds leaves and parents with parameters of their own, from the top down") {
        const torch::nn::Linear shared(1, 1);
        torch::nn::Sequential twice(shared, torch::nn::BatchNorm1d(1), shared);
        CHECK(names(twice) == "LinearImpl BatchNorm1dImpl ");
        torch::nn::ModuleList nested(torch::nn::Linear(2, 2), twice);
        CHECK(names(nested) == "LinearImpl LinearImpl BatchNorm1dImpl ");
        auto scaled = std::make_shared<Scaled>();
        CHECK(names(scaled) == "Scaled LinearImpl ");
        CHECK(names(*scaled) == "Scaled LinearImpl ");
        std::vector<torch::nn::Linear> several{torch::nn::Linear(1, 1), torch::nn::Linear(1, 1)};
        CHECK(names(several) == "LinearImpl LinearImpl ");
    }

    TEST_CASE("held statistics stay, evaluation goes on using them, and letting go brings everything back") {
        for (const std::optional<double> momentum : {std::optional(0.1), std::optional<double>()}) {
            CAPTURE(momentum.value_or(-1.0));
            torch::manual_seed(1);
            torch::nn::BatchNorm1d norm(torch::nn::BatchNorm1dOptions(3).momentum(momentum));
            torch::nn::BatchNorm1d free(torch::nn::BatchNorm1dOptions(3).momentum(momentum));
            const at::Tensor first = at::randn({5, 3});
            const at::Tensor second = at::randn({5, 3});
            norm(first);
            free(first);
            lit::detail::hold_running_stats(*norm, true);
            lit::detail::hold_running_stats(*norm, true);  // twice is once
            CHECK(norm(second).equal(free(second)));       // the batch's statistics normalise
            CHECK_FALSE(norm->running_mean.equal(free->running_mean));
            CHECK(norm->named_buffers()["num_batches_tracked"].item<std::int64_t>() == 1);
            norm->eval();
            torch::nn::BatchNorm1d expected(torch::nn::BatchNorm1dOptions(3).momentum(momentum));
            expected(first);
            expected->eval();
            CHECK(norm(second).equal(expected(second)));
            norm->train();
            expected->train();
            lit::detail::hold_running_stats(*norm, false);
            lit::detail::hold_running_stats(*norm, false);
            CHECK(norm->options.momentum() == momentum);
            norm(second);
            expected(second);
            CHECK(norm->running_mean.equal(expected->running_mean));
            CHECK(norm->running_var.equal(expected->running_var));
            CHECK(norm->num_batches_tracked.item<std::int64_t>() == 2);
        }
    }
    TEST_CASE("a norm without statistics, and what is no norm, are left as they are") {
        torch::nn::BatchNorm2d plain(torch::nn::BatchNorm2dOptions(2).track_running_stats(false));
        lit::detail::hold_running_stats(*plain, true);
        CHECK(plain->options.momentum() == 0.1);
        torch::nn::Linear linear(1, 1);
        lit::detail::hold_running_stats(*linear, true);
        CHECK(lit::detail::is_batch_norm(*plain));
        CHECK_FALSE(lit::detail::is_batch_norm(*linear));
    }
}
