// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/optim/clip.hpp>
#include <lit/optim/sgd.hpp>

#include <torch/types.h>

#include <vector>

namespace {

std::vector<at::Tensor> with_gradients() {
    std::vector<at::Tensor> params{torch::zeros({2}).requires_grad_(), torch::zeros({1}).requires_grad_(),
                                   torch::zeros({3}).requires_grad_()};
    params[0].mutable_grad() = torch::tensor({3.0F, 0.0F});
    params[1].mutable_grad() = torch::tensor({-4.0F});  // joint norm 5; the third has none
    return params;
}

}  // namespace

TEST_SUITE("optim/clip") {
    TEST_CASE("gradients are rescaled together, and the norm before is returned") {
        const auto params = with_gradients();
        CHECK(lit::grad_norm(params).item<float>() == 5.0F);
        CHECK(lit::clip_grad_norm(params, 1.0).item<float>() == 5.0F);
        // Closed form 3/5 and -4/5; the 1e-6 in the denominator, Python's too, moves them by 2e-7 of
        // themselves.
        CHECK(params[0].grad()[0].item<float>() == doctest::Approx(0.6).epsilon(1e-6));
        CHECK(params[1].grad()[0].item<float>() == doctest::Approx(-0.8).epsilon(1e-6));
        CHECK(!params[2].grad().defined());
    }

    TEST_CASE("gradients below the limit stay as they are, bit by bit") {
        const auto params = with_gradients();
        CHECK(lit::clip_grad_norm(params, 10.0).item<float>() == 5.0F);
        CHECK(params[0].grad()[0].item<float>() == 3.0F);
        CHECK(params[1].grad()[0].item<float>() == -4.0F);
    }

    TEST_CASE("elements are limited to the value on both sides") {
        const auto params = with_gradients();
        lit::clip_grad_value(params, 3.5);
        CHECK(params[0].grad()[0].item<float>() == 3.0F);
        CHECK(params[1].grad()[0].item<float>() == -3.5F);
    }

    TEST_CASE("gradients of several types have one norm") {
        std::vector<at::Tensor> params{torch::zeros({1}).requires_grad_(),
                                       torch::zeros({1}, at::kDouble).requires_grad_()};
        params[0].mutable_grad() = torch::tensor({3.0F});
        params[1].mutable_grad() = torch::tensor({4.0}, at::kDouble);
        CHECK(lit::clip_grad_norm(params, 1.0).item<double>() == doctest::Approx(5.0));
        CHECK(params[1].grad().item<double>() == doctest::Approx(0.8).epsilon(1e-6));
    }

    TEST_CASE("all groups of an optimizer are clipped together") {
        const auto params = with_gradients();
        lit::SGD optimizer{{{.params = {params[0]}}, {.params = {params[1]}}}};
        CHECK(lit::clip_grad_norm(optimizer, 1.0).item<float>() == 5.0F);
        CHECK(params[1].grad()[0].item<float>() == doctest::Approx(-0.8).epsilon(1e-6));
        lit::clip_grad_value(optimizer, 0.5);
        CHECK(params[0].grad()[0].item<float>() == 0.5F);
        CHECK(params[1].grad()[0].item<float>() == -0.5F);
    }

    TEST_CASE("no gradients have the norm 0") {
        CHECK(lit::clip_grad_norm(std::vector<at::Tensor>{}, 1.0).item<float>() == 0.0F);
    }

    TEST_CASE("a negative limit is refused") {
        const auto params = with_gradients();
        CHECK_THROWS_AS(lit::clip_grad_norm(params, -1.0), lit::ConfigError);
        CHECK_THROWS_AS(lit::clip_grad_value(params, -1.0), lit::ConfigError);
    }
}
