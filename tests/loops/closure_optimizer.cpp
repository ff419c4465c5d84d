// SPDX-License-Identifier: Apache-2.0
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/optim/torch_optimizer.hpp>

#include "loops/probe.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/tensor.h>
#include <torch/optim/lbfgs.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

static_assert(lit::OptimizerPolicy<torch::optim::LBFGS> && lit::StepsByClosure<torch::optim::LBFGS>);
static_assert(!lit::StepsByClosure<lit::SGD>);

std::vector<at::Tensor> data() {
    return {at::tensor({1.0F, 2.0F}), at::tensor({2.0F, 1.0F})};
}
torch::optim::LBFGS lbfgs(std::vector<at::Tensor> parameters) {
    return torch::optim::LBFGS(std::move(parameters), torch::optim::LBFGSOptions(0.5).max_iter(3));
}

/// A loss of the fourth power, which LBFGS evaluates at every iteration, and the order of what happens.
template <class Self>
struct Quartic : lit::Module<Self> {
    at::Tensor weight = this->register_parameter("weight", at::tensor({1.0F, -1.0F}));
    probe::Tape tape{};
    std::vector<double> losses{};

    at::Tensor loss(const at::Tensor& batch) {
        tape.push_back("step");
        return (weight * batch - 3.0).pow(4).mean();
    }
    void on_before_zero_grad(auto& /*optimizer*/) { tape.push_back("zero"); }
    void on_before_backward(const at::Tensor& /*loss*/) { tape.push_back("back"); }
    void on_before_optimizer_step(torch::optim::LBFGS& /*optimizer*/) { tape.push_back("opt"); }
    auto configure_optimizers() { return lbfgs(this->parameters()); }
};
struct Automatic : Quartic<Automatic> {
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void on_train_batch_end(const lit::StepOutput& output) {
        tape.push_back("end" + std::to_string(global_step()));
        losses.push_back(output.loss.item<double>());
    }
};
struct ByHand : Quartic<ByHand> {
    static constexpr bool automatic_optimization = false;
    void training_step(auto& trainer, const at::Tensor& batch) {
        auto& optimizer = trainer.optimizers();
        optimizer.step([&] {
            optimizer.zero_grad();
            at::Tensor value = loss(batch);
            trainer.manual_backward(value);
            return value;
        });
        tape.push_back("end" + std::to_string(trainer.global_step()));
    }
};
struct Overridden : Quartic<Overridden> {
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void optimizer_step(std::int64_t /*epoch*/, std::int64_t /*batch_idx*/, auto& optimizer, const auto& closure) {
        optimizer.step([&] {
            tape.push_back("wrapped");
            return closure();
        });
    }
};
struct Nothing : Quartic<Nothing> {
    std::optional<at::Tensor> training_step(const at::Tensor& /*batch*/) { return std::nullopt; }
};
struct Saves {
    using Role = lit::role::checkpoint;
    std::filesystem::path path;
    void on_train_epoch_end(auto& trainer, auto& /*module*/) const { trainer.save_checkpoint(path); }
};

std::string keys(const lit::Dict& dict) {
    std::string all;
    for (const auto& [key, value] : dict) {
        all += key.string() + " ";
    }
    return all;
}

/// The same by hand, `epochs` times over the data.
at::Tensor by_raw_loop(int epochs) {
    at::Tensor weight = at::tensor({1.0F, -1.0F}).requires_grad_();
    auto optimizer = lbfgs({weight});
    for (int epoch = 0; epoch < epochs; ++epoch) {
        for (const at::Tensor& batch : data()) {
            optimizer.step([&] {
                optimizer.zero_grad();
                at::Tensor loss = (weight * batch - 3.0).pow(4).mean();
                loss.backward();
                return loss;
            });
        }
    }
    return weight.detach();
}

}  // namespace

TEST_SUITE("loops/closure_optimizer") {
    // The tapes, the losses and the weights are those of Lightning 2.6.6 with torch.optim.LBFGS(lr=0.5, max_iter=3).
    TEST_CASE("LBFGS computes its gradients as often as it likes, with all hooks, and counts one step") {
        Automatic module;
        auto trainer = probe::trainer({.max_epochs = 1});
        CHECK(trainer.fit(module, data()).global_step == 2);
        CHECK(probe::joined(module.tape) ==
              "step zero back opt step zero back opt step zero back opt end1 "
              "step zero back opt step zero back opt step zero back opt end2");
        CHECK(module.losses[0] == doctest::Approx(82.135246).epsilon(1e-5));
        CHECK(module.losses[1] == doctest::Approx(25.812086).epsilon(1e-5));
        CHECK(module.weight[0].item<double>() == doctest::Approx(1.09264779).epsilon(1e-5));
        CHECK(module.weight[1].item<double>() == doctest::Approx(0.32525280).epsilon(1e-5));
        CHECK(at::equal(module.weight.detach(), by_raw_loop(1)));
    }

    TEST_CASE("stepped by hand it counts once too, and the hook comes behind each gradient") {
        ByHand module;
        auto trainer = probe::trainer({.max_epochs = 1});
        CHECK(trainer.fit(module, data()).global_step == 2);
        CHECK(probe::joined(module.tape) ==
              "step back opt step back opt step back opt end1 step back opt step back opt step back opt end2");
        CHECK(at::equal(module.weight.detach(), by_raw_loop(1)));
    }

    TEST_CASE("an overridden optimizer_step may wrap the closure") {
        Overridden module;
        auto trainer = probe::trainer({.max_epochs = 1, .limit_train_batches = 1});
        CHECK(trainer.fit(module, data()).global_step == 1);
        CHECK(probe::joined(module.tape).starts_with("wrapped step zero back opt wrapped step zero back opt"));
    }

    TEST_CASE("each gradient is clipped") {
        Automatic module;
        auto trainer = probe::trainer({.max_epochs = 1}, lit::GradientClip{1e-3});
        trainer.fit(module, data());
        // Two steps of at most three iterations, the first of each with a rate of min(1, 1 / |g|) * 0.5.
        CHECK((module.weight.detach() - at::tensor({1.0F, -1.0F})).abs().max().item<double>() < 0.01);
    }

    TEST_CASE("a step without a loss is refused, since the optimizer asks for one") {
        Nothing module;
        auto trainer = probe::trainer({.max_epochs = 1});
        CHECK_THROWS_WITH_AS(trainer.fit(module, data()), doctest::Contains("training_step returned no loss"),
                             lit::ConfigError);
    }

    TEST_CASE("a checkpoint holds what it has learnt of the curvature") {
        const semantics::Folder folder;
        Automatic first;
        auto half = probe::trainer({.max_epochs = 1}, Saves{folder.path() / "a.ckpt"});
        half.fit(first, data());
        Automatic second;
        auto rest = probe::trainer({.max_epochs = 2});
        rest.fit(second, data(), {.ckpt_path = (folder.path() / "a.ckpt").string()});
        CHECK(at::equal(second.weight.detach(), by_raw_loop(2)));
        CHECK_FALSE(at::equal(second.weight.detach(), first.weight.detach()));

        // Python's names, so that Lightning goes on from it too.
        const lit::Value file = lit::load_checkpoint(folder.path() / "a.ckpt");
        const lit::Value& state = file.at("optimizer_states").items().at(0);
        CHECK(keys(state.dict().find("state")->dict().find(0)->dict()) ==
              "func_evals n_iter d t old_dirs old_stps ro H_diag prev_flat_grad prev_loss ");
        CHECK(keys(state.at("param_groups").items().at(0).dict()) ==
              "lr max_iter max_eval tolerance_grad tolerance_change history_size line_search_fn params ");
    }
}
