// SPDX-License-Identifier: Apache-2.0
// Section 7 of docs/lightning.md: what a checkpoint holds, and how a run goes on from it.
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/load_from_checkpoint.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/step_lr.hpp>

#include "loops/probe.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/rand.h>

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

struct Width {
    std::int64_t width = 2;
    double lr = 0.1;
};

/// Notes what it trains on; each step draws from the generator.
struct Learner : lit::Module<Learner, Width> {
    at::Tensor weight;
    std::vector<std::string> seen;
    std::vector<float> losses;

    explicit Learner(Width w = {}) : Module(w) {
        weight = register_parameter("weight", at::ones({hparams.width}));
    }
    at::Tensor training_step(const lit::Example& batch, std::int64_t batch_idx) {
        seen.push_back(std::to_string(current_epoch()) + ":" + std::to_string(batch_idx) + ":" +
                       std::to_string(batch.data[0].item<std::int64_t>()));
        const at::Tensor loss =
            (weight * (batch.data.to(at::kFloat).mean() + at::rand({hparams.width}, weight.options()))).pow(2).mean();
        losses.push_back(loss.item<float>());
        log<"loss">(loss, {.on_epoch = true});
        return loss;
    }
    void validation_step(const lit::Example&) {
        if (!sanity_checking()) {
            seen.push_back("val");
            log<"v">(weight.sum());
        }
    }
    void on_train_epoch_start() { seen.push_back("start"); }
    void on_train_epoch_end() { seen.push_back("end"); }
    auto configure_optimizers() {
        return lit::OptimizerConfig{
            .optimizer = lit::AdamW{parameters(), {.lr = hparams.lr}},
            .lr_scheduler =
                std::tuple{lit::LRSchedulerConfig{.scheduler = lit::StepLR{{.step_size = 2, .gamma = 0.5}},
                                                  .interval = lit::Interval::step},
                           lit::LRSchedulerConfig{.scheduler = lit::ReduceLROnPlateau{{.patience = 0}},
                                                  .monitor = "v"}}};
    }
};

/// Saves at a point of the run and breaks it off there.
struct Cuts {
    using Role = lit::role::checkpoint;
    std::filesystem::path path;
    lit::Hook where = lit::Hook::none;
    std::int64_t step = -1;
    void maybe(auto& trainer, lit::Hook here) const {
        if (here == where && trainer.global_step() == step && !trainer.sanity_checking()) {
            trainer.save_checkpoint(path);
            throw std::runtime_error("cut");
        }
    }
    void on_train_batch_end(auto& trainer, auto&) const { maybe(trainer, lit::Hook::on_train_batch_end); }
    void on_validation_end(auto& trainer, auto&) const { maybe(trainer, lit::Hook::on_validation_end); }
    void on_train_epoch_end(auto& trainer, auto&) const { maybe(trainer, lit::Hook::on_train_epoch_end); }
};

/// Its scheduler steps with the epochs.
struct Counted : probe::LineBase<Counted, Width> {
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void validation_step(const at::Tensor&) {}
    auto configure_optimizers() {
        return lit::OptimizerConfig{.optimizer = lit::AdamW{parameters(), {.lr = hparams.lr}},
                                    .lr_scheduler = lit::StepLR{{.step_size = 1}}};
    }
};
struct SavesAtEpochEnd {
    std::filesystem::path path;
    void on_train_epoch_end(auto& trainer, auto&) const { trainer.save_checkpoint(path); }
};
struct SavesAtEnd {
    std::filesystem::path path;
    void on_train_end(auto& trainer, auto&) const { trainer.save_checkpoint(path); }
};

auto loader() {
    static const lit::TensorDataset set{at::arange(5), at::arange(5)};
    return lit::DataLoader{set, {.batch_size = 1, .shuffle = true, .seed = 4}};
}
auto val_loader() {
    static const lit::TensorDataset set{at::arange(2), at::arange(2)};
    return lit::DataLoader{set, {.batch_size = 2}};
}

struct Point {
    lit::Hook where;
    std::int64_t step;
    std::int64_t window;
    lit::TrainerOptions options;
    const char* why;
};

/// Runs whole, and cut in two: what was seen after the cut, and whether it is what the whole run saw.
struct Halves {
    std::vector<std::string> tail;
    bool seen_alike = false, losses_alike = false, weights_alike = false;
};
Halves cut_and_resume(const Point& point) {
    const semantics::Folder folder;
    const std::filesystem::path path = folder.path() / "cut.ckpt";
    auto options = point.options;
    options.max_epochs = 3;
    torch::manual_seed(1);
    Learner whole;
    auto uncut = probe::trainer(options, Cuts{path}, lit::GradientAccumulation{point.window});
    auto train = loader();
    auto val = val_loader();
    uncut.fit(whole, train, val);

    torch::manual_seed(1);
    Learner first;
    auto train_again = loader();
    auto cut =
        probe::trainer(options, Cuts{path, point.where, point.step}, lit::GradientAccumulation{point.window});
    CHECK_THROWS_WITH(cut.fit(first, train_again, val), "cut");

    torch::manual_seed(77);
    Learner second;
    auto train_third = loader();
    auto rest = probe::trainer(options, Cuts{path}, lit::GradientAccumulation{point.window});
    rest.fit(second, train_third, val, {.ckpt_path = path.string()});
    Halves halves{.tail = second.seen};
    const auto ends_with = [](const auto& all, const auto& end) {
        return end.size() <= all.size() && std::equal(end.rbegin(), end.rend(), all.rbegin());
    };
    halves.seen_alike =
        ends_with(whole.seen, second.seen) && first.seen.size() + second.seen.size() >= whole.seen.size();
    halves.losses_alike = ends_with(whole.losses, second.losses) &&
                          first.losses.size() + second.losses.size() == whole.losses.size();
    halves.weights_alike = torch::equal(whole.weight, second.weight);
    CHECK(rest.global_step() == uncut.global_step());
    return halves;
}

}  // namespace

TEST_SUITE("loops/semantics_resume") {
    TEST_CASE(
        "a run that is cut off anywhere goes on with the next batch, and with the hooks that had not run") {
        using enum lit::Hook;
        const lit::TrainerOptions plain{};
        const lit::TrainerOptions often{.val_check_interval = 2};
        for (const Point& point :
             {Point{on_train_batch_end, 2, 1, plain, "in the middle of an epoch"},
              Point{on_train_batch_end, 7, 1, plain, "in the middle of the second epoch"},
              Point{on_train_batch_end, 5, 1, plain, "after an epoch's last batch, before its validation"},
              Point{on_validation_end, 2, 1, often, "after a validation inside an epoch"},
              Point{on_validation_end, 5, 1, plain, "after an epoch's validation"},
              Point{on_train_epoch_end, 10, 1, plain, "at an epoch's end"},
              Point{on_train_batch_end, 1, 2, plain, "after a window"},
              Point{on_train_batch_end, 3, 2, plain, "after a short window"}}) {
            CAPTURE(point.why);
            const Halves halves = cut_and_resume(point);
            CAPTURE(halves.tail);
            CHECK(halves.seen_alike);
            CHECK(halves.losses_alike);
            CHECK(halves.weights_alike);
        }
    }

    TEST_CASE("a file at an epoch's end has Lightning's entries and counts") {
        // Lightning 2.6.6: one epoch of 4 batches, windows of 2, 2 batches of validation, saved in on_train_epoch_end.
        const semantics::Folder folder;
        const std::filesystem::path path = folder.path() / "end.ckpt";
        Counted module;
        auto trainer = probe::trainer({.max_epochs = 1}, lit::GradientAccumulation{2}, SavesAtEpochEnd{path});
        trainer.fit(module, probe::batches(4), probe::batches(2));
        const lit::Value file = lit::load_checkpoint(path);
        std::string keys;
        for (const auto& [key, value] : file.dict()) {
            keys += key.string() + " ";
        }
        CHECK(keys ==
              "epoch global_step pytorch-lightning_version state_dict loops callbacks optimizer_states "
              "lr_schedulers lit hparams_name hyper_parameters ");
        CHECK(file.at("epoch").to_int() == 0);
        CHECK(file.at("global_step").to_int() == 2);
        CHECK(file.at("pytorch-lightning_version").string() == "2.6.6");
        CHECK(file.at("hparams_name").string() == "kwargs");
        CHECK(file.at("hyper_parameters").at("lr").to_double() == 0.1);
        CHECK(file.at("optimizer_states").items().size() == 1);
        CHECK(file.at("lr_schedulers").items().size() == 1);
        const lit::FitProgress at = lit::read_loops(file.at("loops").dict());
        CHECK(at.epoch.current == lit::Tracker{.ready = 1, .started = 1, .processed = 1, .completed = 0});
        CHECK(at.batches_that_stepped == 2);
        CHECK(at.batch.total == lit::Tracker{.ready = 4, .started = 4, .processed = 4, .completed = 4});
        CHECK(at.batch.is_last_batch);
        CHECK(at.scheduler.total.completed == 1);
        CHECK(at.optimizer_step.total.completed == 2);
        CHECK(at.optimizer_zero_grad.total.completed == 2);
        CHECK(at.manual_step.total.completed == 0);
        CHECK(at.validation_batch.current ==
              lit::Tracker{.ready = 2, .started = 2, .processed = 2, .completed = 2});
        CHECK(at.validation_batch.is_last_batch);
    }

    TEST_CASE(
        "a finished file goes on as far as the limits let it, and one with more epochs than that is "
        "refused") {
        const semantics::Folder folder;
        const std::filesystem::path path = folder.path() / "end.ckpt";
        Counted module;
        auto trainer = probe::trainer({.max_epochs = 2}, SavesAtEnd{path});
        trainer.fit(module, probe::batches(3), probe::batches(1));
        CHECK(lit::load_checkpoint(path).at("epoch").to_int() == 2);
        for (const std::int64_t epochs : {2, 3}) {
            Counted again;
            auto other = probe::trainer({.max_epochs = epochs});
            const lit::FitResult result =
                other.fit(again, probe::batches(3), probe::batches(1), {.ckpt_path = path.string()});
            CHECK(result.epochs == epochs);
            CHECK(result.global_step == 3 * epochs);
        }
        Counted fewer;
        auto less = probe::trainer({.max_epochs = 1});
        CHECK_THROWS_WITH_AS(less.fit(fewer, probe::batches(3), {.ckpt_path = path.string()}),
                             doctest::Contains("max_epochs = 1"), lit::ConfigError);
    }

    TEST_CASE("last without a file is a warning and a new beginning, best without one is an error") {
        Counted module;
        auto trainer = probe::trainer({.max_epochs = 1});
        const semantics::Stderr messages;
        CHECK(trainer.fit(module, probe::batches(3), {.ckpt_path = "last"}).global_step == 3);
        CHECK(messages.contains("nothing is loaded"));
        CHECK_THROWS_AS(trainer.fit(module, probe::batches(3), {.ckpt_path = "best"}), lit::ConfigError);
    }

    TEST_CASE("a damaged last file gives way to the newest whole one beside it, and says so") {
        const semantics::Folder folder;
        const auto checkpoints = [&] {
            return lit::ModelCheckpoint<>{{.dirpath = folder.path().string(), .save_last = true, .save_top_k = -1}};
        };
        {
            Counted module;
            auto trainer = probe::trainer({.max_epochs = 2}, checkpoints());
            trainer.fit(module, probe::batches(3), probe::batches(1));
        }
        std::filesystem::resize_file(folder.path() / "last.ckpt", 100);
        Counted again;
        auto trainer = probe::trainer({.max_epochs = 3}, checkpoints());
        const semantics::Stderr messages;
        const lit::FitResult result = trainer.fit(again, probe::batches(3), probe::batches(1), {.ckpt_path = "last"});
        CHECK(result.global_step == 9);
        CHECK(messages.contains("last.ckpt"));
        CHECK(messages.contains("epoch=1-step=6.ckpt"));
        std::filesystem::resize_file(folder.path() / "epoch=1-step=6.ckpt", 100);
        Counted other;
        CHECK_THROWS_AS(trainer.fit(other, probe::batches(3), {.ckpt_path = (folder.path() / "epoch=1-step=6.ckpt").string()}),
                        lit::CheckpointError);
    }
}
