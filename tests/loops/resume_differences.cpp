// SPDX-License-Identifier: Apache-2.0
#include <lit/loops/resume_differences.hpp>

#include <lit/core/error.hpp>
#include <lit/optim/adam.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/cosine_annealing_lr.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/optim/step_lr.hpp>

#include "support/doctest.hpp"

#include <ATen/ops/ones.h>

#include <string>
#include <vector>

namespace {

using lit::detail::ResumeDifferences;

std::vector<at::Tensor> parameters(int count) {
    std::vector<at::Tensor> all;
    for (int i = 0; i < count; ++i) {
        all.push_back(at::ones({2}, at::TensorOptions().requires_grad(true)));
    }
    return all;
}
std::string refusal(const ResumeDifferences& differences) {
    try {
        differences.refuse("run.ckpt");
    } catch (const lit::CheckpointError& error) {
        return error.what();
    }
    return "";
}
bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_SUITE("loops/resume_differences") {
    TEST_CASE("the same optimizer fits, with other settings too, and whether or not the file has flags and private keys") {
        lit::AdamW own{parameters(2), {.lr = 0.1}};
        const lit::AdamW theirs{parameters(2), {.lr = 0.3, .amsgrad = true}};
        lit::Value state = lit::optimizer_state(theirs);
        ResumeDifferences differences;
        differences.compare_optimizer(0, own, state, "AdamW");
        lit::Dict& group = state.dict()["param_groups"].as<lit::List>()[0].dict();
        for (const char* key : {"amsgrad", "maximize", "foreach", "capturable", "differentiable", "fused",
                                "decoupled_weight_decay"}) {
            group.erase(key);
        }
        group.set("max_lr", 1.0);  // left there by a scheduler of Python's
        differences.compare_optimizer(0, own, state, "");
        CHECK(refusal(differences) == "");
        CHECK(differences.text() == "");
    }
    TEST_CASE("another kind is refused field by field, all differences in one message") {
        const lit::SGD own{parameters(2), {.lr = 0.1}};
        const lit::AdamW theirs{parameters(3), {.lr = 0.1}};
        ResumeDifferences differences;
        differences.compare_optimizer(0, own, lit::optimizer_state(theirs), "AdamW");
        differences.compare_scheduler(0, lit::CosineAnnealingLR{{.t_max = 3}}.state_dict(), lit::StepLR{{.step_size = 2}}.state_dict());
        const std::string text = refusal(differences);
        CAPTURE(text);
        CHECK(has(text, "\"run.ckpt\" does not fit what configure_optimizers() returned"));
        CHECK(has(text, "optimizer 0: the file has AdamW, this run SGD"));
        CHECK(has(text, "optimizer 0, group 0: 3 parameters in the file, 2 here"));
        CHECK(has(text, "optimizer 0, group 0: only here: momentum, dampening; only in the file: betas, eps"));
        CHECK(has(text, "scheduler 0: only here: T_max, eta_min; only in the file: step_size, gamma"));
        CHECK(has(text, "load_from_checkpoint"));
    }
    TEST_CASE("another number of groups is refused") {
        lit::SGD own{parameters(1), {.lr = 0.1}};
        lit::SGD theirs{parameters(1), {.lr = 0.1}};
        lit::add_param_group(theirs, parameters(1));
        ResumeDifferences differences;
        differences.compare_optimizer(1, own, lit::optimizer_state(theirs), "");
        CHECK(has(refusal(differences), "optimizer 1: 2 parameter groups in the file, 1 here"));
    }
    TEST_CASE("a relative whose state fits is told, not refused") {
        const lit::AdamW own{parameters(1), {.lr = 0.1}};
        const lit::Adam theirs{parameters(1), {.lr = 0.1}};
        ResumeDifferences differences;
        differences.compare_optimizer(0, own, lit::optimizer_state(theirs), "Adam");
        CHECK(refusal(differences) == "");
        CHECK(has(differences.text(), "the file has Adam, this run AdamW"));
    }
}
