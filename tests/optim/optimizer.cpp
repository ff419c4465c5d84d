// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/optim/adam.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/optimizer.hpp>
#include <lit/optim/sgd.hpp>

#include <torch/nn/functional/embedding.h>
#include <torch/types.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

static_assert(lit::OptimizerPolicy<lit::NullOptimizer>);
static_assert(!lit::OptimizerPolicy<int>);
static_assert(!std::is_copy_constructible_v<lit::AdamW>);  // a copy would share its state
static_assert(!std::is_polymorphic_v<lit::AdamW>);

namespace {

using Parameters = std::vector<at::Tensor>;

Parameters parameters(std::int64_t seed = 0) {
    torch::manual_seed(seed);
    return {torch::randn({4, 3}).requires_grad_(), torch::randn({3}).requires_grad_(),
            torch::randn({2, 3, 4, 5}).contiguous(at::MemoryFormat::ChannelsLast).requires_grad_()};
}

void fill_gradients(const Parameters& params, int step,
                    at::MemoryFormat format = at::MemoryFormat::Preserve) {
    torch::manual_seed(100 + step);
    for (const at::Tensor& p : params) {
        at::Tensor grad = torch::randn(p.sizes());
        p.mutable_grad() = p.dim() == 4 && format == at::MemoryFormat::Preserve
                               ? grad.contiguous(at::MemoryFormat::ChannelsLast)
                               : grad;
    }
}

bool bits_equal(const Parameters& a, const Parameters& b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (!torch::equal(a[i], b[i])) {
            return false;
        }
    }
    return a.size() == b.size();
}

template <class Optimizer>
std::string message_of_load(Optimizer& optimizer, const lit::Value& state) {
    try {
        lit::load_optimizer_state(optimizer, state);
    } catch (const lit::CheckpointError& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_SUITE("optim/optimizer") {
    TEST_CASE("the free functions answer for each group") {
        const Parameters p = parameters();
        lit::AdamW optimizer{{{.params = {p[0]}, .options = {.lr = 0.5, .betas = {0.7, 0.9}}, .name = "head"},
                              {.params = {p[1], p[2]}, .options = {.weight_decay = 0.25}}}};
        CHECK(lit::group_count(optimizer) == 2);
        CHECK(lit::learning_rate(optimizer, 0) == 0.5);
        CHECK(lit::learning_rate(optimizer, 1) == 1e-3);
        CHECK(lit::momentum_of(optimizer, 0) == 0.7);
        CHECK(lit::weight_decay_of(optimizer, 0) == 1e-2);
        CHECK(lit::weight_decay_of(optimizer, 1) == 0.25);
        CHECK(lit::group_name(optimizer, 0) == "head");
        CHECK(lit::group_name(optimizer, 1).empty());
        CHECK(lit::optimizer_name(optimizer) == "AdamW");
        CHECK(lit::parameters_of(optimizer).size() == 3);
        CHECK(lit::parameters_of(optimizer, 1).size() == 2);
        CHECK(lit::parameters_of(optimizer, 1)[0].is_same(p[1]));

        CHECK(lit::initial_learning_rate(optimizer, 0) == 0.5);
        lit::record_initial_learning_rate(optimizer, 0);
        lit::set_learning_rate(optimizer, 0, 0.125);
        lit::record_initial_learning_rate(optimizer, 0);  // the first one stays
        CHECK(lit::initial_learning_rate(optimizer, 0) == 0.5);
        CHECK(lit::learning_rate(optimizer, 0) == 0.125);
    }

    TEST_CASE("a step follows the formula of Adam") {
        // Kingma and Ba 2015, algorithm 1, in double; the first step is lr * g / (|g| + eps).
        for (const bool fused : {true, false}) {
            CAPTURE(fused);
            const at::Tensor p = torch::tensor({1.0, -2.0}, at::kDouble).requires_grad_();
            lit::Adam optimizer{Parameters{p}, {.lr = 0.1, .fused = fused}};
            p.mutable_grad() = torch::tensor({0.5, -3.0}, at::kDouble);
            optimizer.step();
            CHECK(p[0].item<double>() == doctest::Approx(1.0 - 0.1 * 0.5 / (0.5 + 1e-8)).epsilon(1e-12));
            CHECK(p[1].item<double>() == doctest::Approx(-2.0 + 0.1 * 3.0 / (3.0 + 1e-8)).epsilon(1e-12));
        }
    }

    TEST_CASE("a parameter without gradient is left alone, its count too") {
        const Parameters p = parameters();
        lit::Adam optimizer{p, {}};
        fill_gradients(p, 0);
        optimizer.step();
        fill_gradients(p, 1);
        p[1].mutable_grad().reset();
        const at::Tensor before = p[1].detach().clone();
        optimizer.step();
        CHECK(torch::equal(p[1], before));
        const lit::Value state = lit::optimizer_state(optimizer);
        CHECK(state.at("state").dict().find(0)->at("step").tensor().item<float>() == 2.0F);
        CHECK(state.at("state").dict().find(1)->at("step").tensor().item<float>() == 1.0F);
    }

    TEST_CASE("a momentum that starts later than the others starts as the gradient") {
        for (const bool fused : {true, false}) {
            CAPTURE(fused);
            const Parameters p{torch::zeros({2}).requires_grad_(), torch::zeros({2}).requires_grad_()};
            lit::SGD optimizer{p, {.lr = 1.0, .momentum = 0.5, .dampening = 0.5, .fused = fused}};
            p[0].mutable_grad() = torch::ones({2});
            optimizer.step();
            p[0].mutable_grad() = torch::full({2}, 3.0);
            p[1].mutable_grad() = torch::full({2}, 3.0);
            optimizer.step();
            CHECK(p[0][0].item<float>() == -3.0F);  // buffers 1, then 0.5 * 1 + (1 - 0.5) * 3
            CHECK(p[1][0].item<float>() == -3.0F);  // undampened, being its first
        }
    }

    TEST_CASE("a gradient that is laid out otherwise than its parameter gives the same step") {
        for (const bool fused : {true, false}) {
            CAPTURE(fused);
            const Parameters a = parameters();
            const Parameters b = parameters();
            lit::AdamW first{a, {.fused = fused}};
            lit::AdamW second{b, {.fused = fused}};
            for (int step = 0; step < 3; ++step) {
                fill_gradients(a, step);
                fill_gradients(b, step, at::MemoryFormat::Contiguous);
                REQUIRE(b[2].grad().strides() != b[2].strides());
                first.step();
                second.step();
            }
            CHECK(bits_equal(a, b));
        }
    }

    TEST_CASE("parameters of several types are stepped in one group") {
        const Parameters p{torch::ones({3}).requires_grad_(), torch::ones({3}, at::kDouble).requires_grad_(),
                           torch::ones({3}, at::kBFloat16).requires_grad_()};
        lit::SGD optimizer{p, {.lr = 0.5}};
        for (const at::Tensor& each : p) {
            each.mutable_grad() = torch::ones_like(each);
        }
        optimizer.step();
        for (const at::Tensor& each : p) {
            CHECK(each[0].item<double>() == 0.5);
        }
    }

    TEST_CASE("gradients are dropped or filled with zeros, and none is held on to") {
        const Parameters p = parameters();
        lit::SGD optimizer{p, {.lr = 0.5}};
        fill_gradients(p, 0);
        const at::Tensor grad = p[0].grad();
        optimizer.step();
        CHECK(grad.use_count() == 2);  // here and in the parameter
        optimizer.zero_grad(false);
        CHECK(p[0].grad().defined());
        CHECK(p[0].grad().abs().sum().item<float>() == 0.0F);
        optimizer.zero_grad();
        CHECK(!p[0].grad().defined());
    }

    TEST_CASE("an optimizer that goes on from a saved state takes the same steps") {
        const auto check = [](auto make) {
            const Parameters whole = parameters();
            auto straight = make(whole);
            for (int step = 0; step < 10; ++step) {
                fill_gradients(whole, step);
                straight.step();
            }
            const Parameters halved = parameters();
            auto first = make(halved);
            for (int step = 0; step < 5; ++step) {
                fill_gradients(halved, step);
                first.step();
            }
            auto second = make(halved);
            lit::load_optimizer_state(second, lit::optimizer_state(first));
            for (int step = 5; step < 10; ++step) {
                fill_gradients(halved, step);
                second.step();
            }
            CHECK(bits_equal(whole, halved));
        };
        for (const bool fused : {true, false}) {
            CAPTURE(fused);
            check([&](Parameters p) { return lit::SGD{p, {.lr = 0.1, .momentum = 0.9, .fused = fused}}; });
            check([&](Parameters p) { return lit::Adam{p, {.amsgrad = true, .fused = fused}}; });
            check([&](Parameters p) { return lit::AdamW{p, {.fused = fused}}; });
        }
    }

    TEST_CASE("a state that Python wrote is taken up") {
        const Parameters p{torch::zeros({2}).requires_grad_()};
        lit::AdamW optimizer{p, {}};
        const lit::Value saved =
            lit::Dict{{"state",
                       [] {
                           lit::Dict state;
                           state.set(0, lit::Dict{{"step", torch::tensor(3.0F)},
                                                  {"exp_avg", torch::tensor({1.0, 2.0}, at::kDouble)},
                                                  {"exp_avg_sq", torch::tensor({3.0F, 4.0F})}});
                           return state;
                       }()},
                      {"param_groups", lit::List{lit::Dict{{"lr", torch::tensor(0.25)},
                                                           {"betas", lit::List{0.5, 0.75}},
                                                           {"weight_decay", 0},
                                                           {"fused", nullptr},
                                                           {"decoupled_weight_decay", false},
                                                           {"color", "red"},
                                                           {"initial_lr", 1.0},
                                                           {"params", lit::List{0}}}}}};
        lit::load_optimizer_state(optimizer, saved);
        CHECK(lit::learning_rate(optimizer) == 0.25);
        CHECK(lit::initial_learning_rate(optimizer) == 1.0);
        CHECK(optimizer.options().betas == std::pair{0.5, 0.75});
        CHECK(optimizer.options().weight_decay == 0.0);
        CHECK_FALSE(optimizer.options().fused);  // the file says with what Python went on
        const lit::Value again = lit::optimizer_state(optimizer);
        const lit::Value& group = again.at("param_groups").items()[0];
        CHECK(group.at("color").equals("red"));
        CHECK(group.at("decoupled_weight_decay").to_bool());  // AdamW is AdamW, as in Python
        const lit::Value& entry = *again.at("state").dict().find(0);
        CHECK((entry.at("exp_avg").tensor().scalar_type() == at::kFloat));
        CHECK(entry.at("exp_avg").tensor()[1].item<float>() == 2.0F);
        CHECK(entry.at("step").tensor().item<float>() == 3.0F);
    }

    TEST_CASE("a rate that a schedule took below zero is taken up, as in Python; nan is not") {
        const Parameters p{torch::zeros({2}).requires_grad_()};
        lit::SGD optimizer{p, {.lr = 0.1}};
        lit::set_learning_rate(optimizer, 0, -4.996003610813205e-18);  // LinearLR down to 0, by rounding
        lit::SGD resumed{p, {.lr = 0.1}};
        lit::load_optimizer_state(resumed, lit::optimizer_state(optimizer));
        CHECK(lit::learning_rate(resumed) == -4.996003610813205e-18);
        lit::set_learning_rate(optimizer, 0, std::nan(""));
        CHECK_THROWS_WITH_AS(lit::load_optimizer_state(resumed, lit::optimizer_state(optimizer)),
                             "SGD: lr is nan, expected 0 or more.", lit::ConfigError);
        CHECK_THROWS_WITH_AS((lit::SGD{p, {.lr = -1e-9}}), "SGD: lr is -1e-09, expected 0 or more.",
                             lit::ConfigError);
    }

    TEST_CASE("the state has the layout of its parameter, and each parameter a count of its own") {
        const Parameters p = parameters();
        lit::Adam optimizer{p, {}};
        fill_gradients(p, 0);
        optimizer.step();
        const lit::Value state = lit::optimizer_state(optimizer);
        const lit::Dict& entries = state.at("state").dict();
        CHECK(entries.find(2)->at("exp_avg").tensor().strides() == p[2].strides());
        CHECK_FALSE(entries.find(2)->at("exp_avg").tensor().requires_grad());
        const at::Tensor a = entries.find(0)->at("step").tensor();
        const at::Tensor b = entries.find(1)->at("step").tensor();
        CHECK(a.data_ptr() != b.data_ptr());  // Python would advance a shared one twice
    }

    TEST_CASE("a state that does not fit is refused with the place, and nothing is changed") {
        const Parameters p = parameters();
        lit::Adam optimizer{p, {.lr = 0.5}};
        lit::Adam shorter{Parameters{p[0]}, {}};
        lit::Adam grouped{{{.params = {p[0]}}, {.params = {p[1], p[2]}}}};
        const Parameters other{torch::zeros({4, 4}).requires_grad_(), torch::zeros({3}).requires_grad_(),
                               torch::zeros({1}).requires_grad_()};
        lit::Adam wider{other, {}};
        for (const at::Tensor& each : other) {
            each.mutable_grad() = torch::ones_like(each);
        }
        wider.step();
        lit::SGD sgd{p, {.lr = 0.1, .momentum = 0.9}};
        fill_gradients(p, 0);
        sgd.step();

        CHECK(message_of_load(optimizer, lit::optimizer_state(grouped)) ==
              "Adam: the file has 2 parameter groups, this optimizer has 1.");
        CHECK(message_of_load(optimizer, lit::optimizer_state(shorter)) ==
              "Adam: group 0 has 1 parameters in the file, 3 in this optimizer.");
        CHECK(message_of_load(optimizer, lit::optimizer_state(wider)) ==
              "Adam: parameter 0 of group 0: \"exp_avg\" has the shape [4, 4] in the file, the parameter [4, "
              "3]. "
              "The model is another one.");
        CHECK(message_of_load(optimizer, lit::optimizer_state(sgd)) ==
              "Adam: parameter 0 of group 0: the file has no \"step\". It was written by another optimizer.");
        CHECK(lit::learning_rate(optimizer) == 0.5);
    }

    TEST_CASE("wrong settings and parameters are refused on construction") {
        const Parameters p = parameters();
        const double nan = std::numeric_limits<double>::quiet_NaN();
        CHECK_THROWS_AS((lit::SGD{p, {.lr = -1.0}}), lit::ConfigError);
        CHECK_THROWS_AS((lit::SGD{p, {.lr = nan}}), lit::ConfigError);
        CHECK_THROWS_AS((lit::SGD{p, {.nesterov = true}}), lit::ConfigError);
        CHECK_THROWS_AS((lit::Adam{p, {.betas = {1.0, 0.9}}}), lit::ConfigError);
        CHECK_THROWS_AS((lit::AdamW{p, {.eps = -1.0}}), lit::ConfigError);
        CHECK_THROWS_AS((lit::AdamW{Parameters{}, {}}), lit::ConfigError);
        CHECK_THROWS_WITH_AS(
            (lit::SGD{Parameters{p[0], p[0]}, {}}),
            "SGD: parameter 1 of group 0 was given before. A parameter belongs to one group, once.",
            lit::ConfigError);
        CHECK_THROWS_AS((lit::SGD{Parameters{p[0] * 2}, {}}), lit::ConfigError);      // no leaf
        CHECK_THROWS_AS((lit::SGD{Parameters{at::Tensor{}}, {}}), lit::ConfigError);  // undefined
        CHECK_THROWS_AS((lit::SGD{Parameters{torch::zeros({1}, at::kComplexFloat)}, {}}),
                        lit::ConfigError);  // complex
        const at::Tensor gaps = torch::zeros({4, 4}).narrow(1, 0, 2).detach();
        CHECK_THROWS_AS((lit::SGD{Parameters{gaps}, {}}),
                        lit::ConfigError);  // the fused kernel would write into the gaps
        CHECK_NOTHROW((lit::SGD{Parameters{gaps}, {.fused = false}}));
    }

    TEST_CASE("a sparse gradient is refused by name") {
        const at::Tensor weight = torch::zeros({5, 2}).requires_grad_();
        lit::Adam optimizer{Parameters{weight}, {}};
        torch::embedding(weight, torch::tensor({1, 3}), -1, false, /*sparse=*/true).sum().backward();
        CHECK_THROWS_WITH_AS(
            optimizer.step(),
            "Adam: the gradient of parameter 0 is sparse. Use a dense gradient: Embedding without "
            "`sparse`.",
            lit::ConfigError);
    }

    TEST_CASE("a graph that needs the parameter as it was notices the step") {
        torch::manual_seed(1);
        const auto notices = [](auto make) {
            at::Tensor p = at::randn({40}).requires_grad_();
            auto optimizer = make(Parameters{p});
            const at::Tensor loss = (p * p).sum();
            p.mutable_grad() = at::randn({40});
            optimizer.step();
            CHECK_THROWS_WITH(loss.backward(), doctest::Contains("modified by an inplace operation"));
        };
        for (const bool fused : {true, false}) {  // Python's fused ones do not notice
            notices([&](const Parameters& p) { return lit::AdamW{p, {.fused = fused}}; });
            notices([&](const Parameters& p) { return lit::AdamW{p, {.amsgrad = true, .fused = fused}}; });
            notices([&](const Parameters& p) { return lit::SGD{p, {.lr = 0.1, .fused = fused}}; });
        }
    }

    TEST_CASE("a gradient that is a view of what it is the negative of is taken for what it is") {
        torch::manual_seed(1);
        const at::Tensor begin = at::randn({40}), grad = at::randn({40});
        const auto stepped = [&](const at::Tensor& gradient) {
            at::Tensor p = begin.clone().requires_grad_();
            lit::AdamW optimizer{{p}, {}};
            p.mutable_grad() = gradient;
            optimizer.step();
            return p.detach();
        };
        REQUIRE(at::_neg_view(grad).is_neg());
        CHECK(stepped(at::_neg_view(grad)).equal(stepped(-grad)));
    }

    TEST_CASE("a gradient of another shape is refused by name, before anything is changed") {
        torch::manual_seed(1);
        for (const bool fused : {true, false}) {
            CAPTURE(fused);
            const Parameters p{at::randn({7}).requires_grad_(),
                               at::randn({7}).to(at::kDouble).requires_grad_(),
                               at::randn({4, 3}).requires_grad_()};
            lit::Adam optimizer{{{.params = {p[0], p[1]}, .options = {.fused = fused}},
                                 {.params = {p[2]}, .options = {.fused = fused}}}};
            const at::Tensor before = p[0].detach().clone();
            p[0].mutable_grad() = at::randn({7});
            p[1].mutable_grad() = at::randn({7}).to(at::kDouble);
            p[2].mutable_grad() = at::randn({3});
            CHECK_THROWS_WITH_AS(
                optimizer.step(),
                "Adam: the gradient of parameter 0 has the shape [3], the parameter [4, 3]. Set a "
                "gradient of the parameter's shape.",
                lit::ConfigError);
            CHECK(p[0].equal(before));
            CHECK(p[0].grad().use_count() == 1);  // nothing is held on to
            p[2].mutable_grad() = at::randn({4, 3});
            optimizer.step();
            const lit::Value state = optimizer.state_dict();
            for (const std::int64_t i : {0, 1, 2}) {
                CHECK(state.at("state").dict().find(i)->at("step").tensor().template item<double>() == 1.0);
            }
        }
    }

    TEST_CASE("a group that is added while training is stepped as if it had been there, from a fresh state") {
        const auto p = parameters();
        const auto q = parameters();
        lit::AdamW grown{Parameters{p[0]}, {.lr = 0.5, .weight_decay = 0.25}};
        lit::AdamW two{{lit::ParamGroup<lit::AdamWOptions>{.params = {q[0]},
                                                           .options = {.lr = 0.5, .weight_decay = 0.25}},
                        lit::ParamGroup<lit::AdamWOptions>{.params = {q[1], q[2]},
                                                           .options = {.lr = 0.125, .weight_decay = 0.25}}}};
        for (int n = 0; n < 4; ++n) {
            if (n == 2) {
                lit::add_param_group(grown, {p[1], p[2]}, 0.125);
            }
            fill_gradients(p, n);
            fill_gradients(q, n);
            if (n < 2) {
                q[1].mutable_grad().reset();
                q[2].mutable_grad().reset();
            }
            grown.step();
            two.step();
        }
        CHECK(bits_equal(p, q));
        const lit::Value state = lit::optimizer_state(grown);
        CHECK(state.at("param_groups").items()[1].at("params").items().size() == 2);
        CHECK(state.at("state").dict().find(0)->at("step").tensor().item<float>() == 4.0F);
        CHECK(state.at("state").dict().find(2)->at("step").tensor().item<float>() == 2.0F);
        lit::add_param_group(grown, {torch::ones({2}).requires_grad_()});
        CHECK(lit::learning_rate(grown, 2) == 0.5);  // the rate it was made with
    }

    TEST_CASE("a group that cannot be added leaves the optimizer as it was") {
        const auto p = parameters();
        lit::SGD optimizer{Parameters{p[0]}, {.lr = 0.5}};
        CHECK_THROWS_WITH_AS(
            lit::add_param_group(optimizer, {p[1], p[0]}),
            "SGD: parameter 1 of group 1 was given before. A parameter belongs to one group, once.",
            lit::ConfigError);
        CHECK_THROWS_AS(lit::add_param_group(optimizer, {p[1]}, -1.0), lit::ConfigError);
        CHECK(optimizer.group_count() == 1);
        CHECK_NOTHROW(lit::add_param_group(optimizer, {p[1]}));
    }
}
