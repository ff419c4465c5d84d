// SPDX-License-Identifier: Apache-2.0
// Every component that has something to remember goes on as if the run had not been broken off.
#include <lit/callbacks/backbone_finetuning.hpp>
#include <lit/callbacks/dynamic_batch_size.hpp>
#include <lit/callbacks/early_stopping.hpp>
#include <lit/callbacks/ema_weight_averaging.hpp>
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_accumulation_scheduler.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/callbacks/learning_rate_monitor.hpp>
#include <lit/callbacks/learning_rate_warm_up.hpp>
#include <lit/callbacks/spike_detection.hpp>
#include <lit/callbacks/stochastic_weight_averaging.hpp>
#include <lit/callbacks/weight_averaging.hpp>

#include "loops/probe.hpp"
#include "loops/semantics_tools.hpp"
#include "programs/learner.hpp"
#include "support/any_device.hpp"
#include "support/doctest.hpp"
#include "support/spelt.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t epochs = 4;

/// The same in two parts, of which one is frozen at first.
struct Finetuned : lit::Module<Finetuned> {
    torch::nn::Linear backbone{nullptr}, head{nullptr};
    Finetuned() {
        backbone = register_module("backbone", torch::nn::Linear(4, 8));
        head = register_module("head", torch::nn::Linear(8, 3));
    }
    at::Tensor training_step(const lit::Example& batch) {
        return torch::nn::functional::cross_entropy(head(torch::relu(backbone(batch.data))), batch.target);
    }
    auto configure_optimizers() {
        std::vector<at::Tensor> trained;
        for (const at::Tensor& parameter : parameters()) {
            if (parameter.requires_grad()) {
                trained.push_back(parameter);
            }
        }
        return lit::AdamW{trained, {.lr = 0.05}};
    }
};

/// Breaks off when the hook is called for the n-th time, behind everything else, with a checkpoint.
struct Break {
    using Role = lit::role::checkpoint;
    fs::path path;
    lit::Hook where = lit::Hook::none;
    std::int64_t occasion = 0;
    std::int64_t seen = 0;

    void on_train_batch_end(auto& trainer, auto&) { at(trainer, lit::Hook::on_train_batch_end); }
    void on_validation_end(auto& trainer, auto&) { at(trainer, lit::Hook::on_validation_end); }
    void on_train_epoch_end(auto& trainer, auto&) { at(trainer, lit::Hook::on_train_epoch_end); }
    void at(auto& trainer, lit::Hook here) {
        if (here == where && !trainer.sanity_checking() && seen++ == occasion) {
            trainer.save_checkpoint(path);
            throw std::runtime_error("broken off");
        }
    }
};
/// The learning rate of each batch, and the weights at the end.
struct Watch {
    std::vector<double>* rates;
    void on_train_batch_start(auto& trainer, auto&) const {
        trainer.for_each_optimizer([this](auto, auto& optimizer) { rates->push_back(lit::learning_rate(optimizer)); });
    }
};

/// Breaks a run with these components off at every batch, validation and epoch's end; what differs after it goes on.
template <class Module = learner::Learner, class... Components>
std::vector<std::string> differences(lit::TrainerOptions options, Components... components) {
    const semantics::Folder folder;
    const semantics::Stderr quiet;
    const fs::path cut = folder.path() / "cut.ckpt", end = folder.path() / "end.ckpt";
    options.max_epochs = epochs;
    options.log_every_n_steps = 1;
    options.default_root_dir = folder.path();
    std::vector<double> rates;
    std::vector<probe::Rows::Row> rows;
    std::vector<std::string> weights;
    const auto run = [&](std::uint64_t seed, const std::string& from, Break breaks) {
        torch::manual_seed(seed);
        Module module;
        lit::Trainer trainer{lit::testing::any_device(), learner::GrowingScale{}, options,
                             Watch{&rates}, components..., probe::Rows{&rows, nullptr}, learner::SavesAtEnd{end},
                             std::move(breaks)};
        auto train = learner::train_loader();
        auto val = learner::val_loader();
        try {
            if constexpr (requires { &Module::validation_step; }) {
                trainer.fit(module, train, val, {.ckpt_path = from});
            } else {
                trainer.fit(module, train, {.ckpt_path = from});
            }
        } catch (const std::runtime_error& error) {
            return std::string(error.what()) == "broken off";
        }
        weights.clear();
        spelt::spell(lit::module_state_dict(module), "", "", weights);
        return true;
    };
    REQUIRE(run(1, "", {}));
    const auto whole_rates = std::exchange(rates, {});
    const auto whole_rows = std::exchange(rows, {});
    const auto whole_weights = weights;
    const auto whole_end = spelt::lines_of(end);
    std::vector<std::string> found;
    for (const lit::Hook where : {lit::Hook::on_train_batch_end, lit::Hook::on_validation_end, lit::Hook::on_train_epoch_end}) {
        for (std::int64_t occasion = 0;; occasion += where == lit::Hook::on_train_batch_end ? 3 : 1) {
            rates.clear();
            rows.clear();
            fs::remove(cut);
            REQUIRE(run(1, "", Break{cut, where, occasion}));
            if (!fs::exists(cut)) {
                break;  // it does not come so often
            }
            fs::remove(end);
            REQUIRE(run(77, cut.string(), {}));
            const std::string place = std::string(lit::info(where).name) + " " + std::to_string(occasion) + ": ";
            const std::string difference =
                fs::exists(end) ? spelt::difference(whole_end, spelt::lines_of(end)) : "no end.ckpt";
            for (const auto& [what, differs] :
                 {std::pair{std::string("end.ckpt: ") + difference, !difference.empty()},
                  std::pair{"weights: " + spelt::difference(whole_weights, weights), whole_weights != weights},
                  std::pair{std::string("learning rates"), rates != whole_rates},
                  std::pair{std::string("rows"), rows != whole_rows}}) {
                if (differs) {
                    found.push_back(place + what);
                }
            }
        }
    }
    return found;
}
std::string first(const std::vector<std::string>& all) {
    return all.empty() ? "" : std::to_string(all.size()) + " differences: " + all.front();
}

}  // namespace

TEST_SUITE("loops/exact_resume_components") {
    TEST_CASE("none but a window of accumulation, and clipping") {
        CHECK(first(differences({.val_check_interval = 4}, lit::GradientAccumulation{3}, lit::GradientClip{0.5})) == "");
    }
    TEST_CASE("a window that changes with the epochs") {
        CHECK(first(differences({}, lit::GradientAccumulationScheduler{{1, 2}, {2, 4}})) == "");
    }
    TEST_CASE("a batch size that changes with the epochs") {
        CHECK(first(differences({}, lit::DynamicBatchSize{{.at_epoch = {{1, 3}, {2, 4}}}})) == "");
    }
    TEST_CASE("a warm-up of the learning rate, and its monitor") {
        CHECK(first(differences({}, lit::LearningRateWarmUp{{.steps = 20}}, lit::LearningRateMonitor{})) == "");
    }
    TEST_CASE("early stopping, which counts") {
        CHECK(first(differences({.val_check_interval = 5}, lit::EarlyStopping<"val">{{.patience = 4}})) == "");
    }
    TEST_CASE("averages of the weights after every step and after every epoch") {
        CHECK(first(differences({.val_check_interval = 5}, lit::WeightAveraging{})) == "");
        CHECK(first(differences({}, lit::EMAWeightAveraging{{.decay = 0.8, .update_every_n_steps = 2}})) == "");
        CHECK(first(differences({}, lit::EMAWeightAveraging{{.decay = 0.8, .update_starting_at_epoch = 1}})) == "");
        const auto each_epoch = [](std::optional<std::int64_t>, std::optional<std::int64_t> epoch) { return epoch.has_value(); };
        CHECK(first(differences({}, lit::WeightAveraging{{.use_buffers = false}, lit::EqualAverage{}, each_epoch})) == "");
    }
    TEST_CASE("stochastic weight averaging, with its schedule and the last pass for the statistics") {
        CHECK(first(differences({}, lit::StochasticWeightAveraging{
                                        {.swa_lrs = 0.02, .swa_epoch_start = std::int64_t{2}, .annealing_epochs = 2}})) == "");
        CHECK(first(differences<Finetuned>({}, lit::StochasticWeightAveraging{{.swa_lrs = 0.02,
                                                                               .swa_epoch_start = 0.5,
                                                                               .annealing_strategy =
                                                                                   lit::AnnealingStrategy::linear}})) == "");
    }
    TEST_CASE("a backbone that is unfrozen on the way") {
        CHECK(first(differences<Finetuned>({}, lit::BackboneFinetuning{{.unfreeze_backbone_at_epoch = 2}})) == "");
    }
    TEST_CASE("the running mean of spike detection") {
        CHECK(first(differences({}, lit::SpikeDetection{{.window = 5, .rtol = 1000.0}})) == "");
    }
}
