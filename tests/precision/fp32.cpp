// SPDX-License-Identifier: Apache-2.0
#include <lit/precision/fp32.hpp>

#include <lit/precision/bf16_mixed.hpp>

#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/matmul.h>
#include <ATen/ops/rand.h>

#include <torch/nn/modules/linear.h>

#include <stdexcept>

namespace {

// Both are concepts' models next to their definition; a trainer does not grow with either.
static_assert(lit::PrecisionPolicy<lit::Fp32> && lit::PrecisionPolicy<lit::Bf16Mixed>);
static_assert(std::is_empty_v<lit::Fp32> && std::is_empty_v<lit::Bf16Mixed>);
static_assert(!lit::PrecisionPolicy<lit::SingleDevice> && !lit::PrecisionPolicy<int>);

struct Mixed : lit::Module<Mixed> {
    torch::nn::Linear layer{nullptr};
    std::vector<at::ScalarType> types;
    bool throws = false;

    Mixed() { layer = register_module("layer", torch::nn::Linear(4, 2)); }
    at::Tensor training_step(const at::Tensor& batch) {
        const at::Tensor out = layer(batch);
        types.push_back(out.scalar_type());
        if (throws) {
            throw std::runtime_error("on purpose");
        }
        return out.to(at::kFloat).pow(2).mean();
    }
    void on_after_backward() { types.push_back(layer->weight.grad().scalar_type()); }
    void validation_step(const at::Tensor& batch) { types.push_back(layer(batch).scalar_type()); }
    void on_train_epoch_end() {
        types.push_back(at::matmul(at::rand({2, 2}), at::rand({2, 2})).scalar_type());
    }
    at::ScalarType predict_step(const at::Tensor& batch) { return layer(batch).scalar_type(); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.1}}; }
};

template <class Precision>
std::vector<at::ScalarType> types_of() {
    Mixed module;
    std::vector<at::Tensor> data{at::rand({3, 4})};
    lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, Precision{},
                         lit::TrainerOptions{.max_epochs = 1, .num_sanity_val_steps = 0}};
    trainer.fit(module, data, data);
    module.types.push_back(trainer.predict(module, data)[0][0]);
    module.types.push_back(module.layer->weight.scalar_type());
    return module.types;
}

}  // namespace

TEST_SUITE("precision/fp32") {
    TEST_CASE("Fp32 converts nothing") {
        const bool all_float = types_of<lit::Fp32>() == std::vector<at::ScalarType>(6, at::kFloat);
        CHECK(all_float);
    }

    TEST_CASE(
        "Bf16Mixed computes products in bfloat16 inside of steps, and keeps weights and gradients in float") {
        // Step, gradient, validation, outside of a step, prediction, weight.
        const std::vector<at::ScalarType> expected{at::kBFloat16, at::kFloat,    at::kBFloat16,
                                                   at::kFloat,    at::kBFloat16, at::kFloat};
        const bool same = types_of<lit::Bf16Mixed>() == expected;
        CHECK(same);
    }

    TEST_CASE("autocast is as it was after the scope, also after an exception") {
        const auto enabled = [] { return at::autocast::is_autocast_enabled(at::kCPU); };
        CHECK_FALSE(enabled());
        {
            const auto scope = lit::Bf16Mixed::forward_scope(at::kCPU);
            CHECK(enabled());
            const bool bfloat16 = at::autocast::get_autocast_dtype(at::kCPU) == at::kBFloat16;
            CHECK(bfloat16);
            {
                const auto inner = lit::Bf16Mixed::forward_scope(at::kCPU);
                CHECK(enabled());
            }
            CHECK(enabled());
        }
        CHECK_FALSE(enabled());
        Mixed module;
        module.throws = true;
        std::vector<at::Tensor> data{at::rand({3, 4})};
        lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, lit::Bf16Mixed{},
                             lit::TrainerOptions{.max_epochs = 1}};
        CHECK_THROWS_AS(trainer.fit(module, data), std::runtime_error);
        CHECK_FALSE(enabled());
        CHECK(at::autocast::is_autocast_cache_enabled());
    }

    TEST_CASE("neither scales the loss, and both step") {
        struct Counts {
            int steps = 0;
            void step() { ++steps; }
        } counts;
        const at::Tensor loss = at::full({}, 3.0);
        CHECK(lit::Fp32{}.scale(loss).is_same(loss));
        CHECK(lit::Bf16Mixed{}.scale(loss).is_same(loss));
        CHECK(lit::Fp32{}.step(counts));
        CHECK(lit::Bf16Mixed{}.step(counts));
        CHECK(counts.steps == 2);
    }
}
