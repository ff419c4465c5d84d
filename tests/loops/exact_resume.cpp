// SPDX-License-Identifier: Apache-2.0
// A run that is cut off at any point and resumed is, bit for bit, the run that was never cut off.
#include <lit/callbacks/early_stopping.hpp>
#include <lit/callbacks/ema_weight_averaging.hpp>
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/data/batch_generator.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/mapped_dataset.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/metrics/accuracy.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>

#include "loops/probe.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/zeros_like.h>
#include <torch/nn/functional/dropout.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace F = torch::nn::functional;

constexpr std::int64_t samples = 26;  // 13 batches: the last window of an epoch is a short one
constexpr std::int64_t epochs = 3;

/// Everything that a run can leave behind in a process, so that a resumed one may forget it: dropout draws, a metric
/// object and a mean are gathered over the epoch.
struct Learner : lit::Module<Learner> {
    torch::nn::Linear first{nullptr}, second{nullptr};
    lit::Accuracy accuracy{{.num_classes = 3}};

    Learner() {
        first = register_module("first", torch::nn::Linear(4, 8));
        second = register_module("second", torch::nn::Linear(8, 3));
    }
    at::Tensor forward(const at::Tensor& x) {
        return second(F::dropout(torch::relu(first(x)), F::DropoutFuncOptions().p(0.3).training(is_training())));
    }
    at::Tensor training_step(const lit::Example& batch) {
        const at::Tensor out = forward(batch.data);
        accuracy.update(out, batch.target);
        log<"acc">(accuracy, {.on_step = false, .on_epoch = true});
        log<"train_acc">(accuracy, {.on_step = false, .on_epoch = true});
        const at::Tensor loss = F::cross_entropy(out, batch.target);
        log<"loss">(loss, {.on_step = true, .on_epoch = true});
        return loss;
    }
    void validation_step(const lit::Example& batch) {
        log<"val">(F::cross_entropy(forward(batch.data), batch.target) + at::rand({}));
    }
    auto configure_optimizers() {
        return lit::OptimizerConfig{
            .optimizer = lit::AdamW{parameters(), {.lr = 0.05}},
            .lr_scheduler = lit::LRSchedulerConfig{.scheduler = lit::ReduceLROnPlateau{{.patience = 0}}, .monitor = "val"}};
    }
};

auto noisy(lit::Example batch) {
    batch.data = batch.data + 0.1 * at::rand(batch.data.sizes(), lit::batch_generator(), batch.data.options());
    return batch;
}
at::Tensor inputs(std::int64_t count) { return at::sin(at::arange(count * 4, at::kFloat)).reshape({count, 4}); }
auto train_loader(std::int64_t workers = 0) {
    return lit::DataLoader{lit::mapped(lit::TensorDataset{inputs(samples), at::arange(samples) % 3}, noisy),
                           {.batch_size = 2, .shuffle = true, .num_workers = workers}};
}
auto val_loader() {
    return lit::DataLoader{lit::TensorDataset{inputs(6), at::arange(6) % 3}, {.batch_size = 2}};
}

/// Where a run is cut off: the n-th time that the hook is called.
struct Cut {
    using Role = lit::role::checkpoint;  // behind all others, where checkpoints are written
    std::filesystem::path path;
    lit::Hook where = lit::Hook::none;
    std::int64_t occasion = -1;
    std::int64_t seen = 0;

    void at(auto& trainer, lit::Hook here) {
        if (here == where && !trainer.sanity_checking() && seen++ == occasion) {
            trainer.save_checkpoint(path);
            throw std::runtime_error("cut");
        }
    }
    void on_train_batch_end(auto& trainer, auto&) { at(trainer, lit::Hook::on_train_batch_end); }
    void on_validation_batch_end(auto& trainer, auto&) { at(trainer, lit::Hook::on_validation_batch_end); }
    void on_validation_end(auto& trainer, auto&) { at(trainer, lit::Hook::on_validation_end); }
    void on_train_epoch_end(auto& trainer, auto&) { at(trainer, lit::Hook::on_train_epoch_end); }
};
/// Is terminated after a batch, or breaks off while a resumed run checks; saves when it is told.
struct BreaksOff {
    std::filesystem::path path;
    std::int64_t batch = -1;
    bool sanity = false;
    std::int64_t seen = 0;

    void on_sanity_check_start(auto&, auto&) const {
        if (sanity) {
            throw std::runtime_error("cut");
        }
    }
    void on_train_batch_end(auto&, auto&) {
        if (seen++ == batch) {
            std::raise(SIGTERM);
        }
    }
    void on_exception(auto& trainer, auto&, const std::exception&) const {
        if (!path.empty()) {
            trainer.save_checkpoint(path);
        }
    }
};
struct SavesAtEnd {
    std::filesystem::path path;
    void on_train_end(auto& trainer, auto&) const { trainer.save_checkpoint(path); }
};

auto make_trainer(Cut cut, const std::filesystem::path& end, std::vector<probe::Rows::Row>* rows, BreaksOff breaks = {}) {
    return probe::trainer({.max_epochs = epochs, .val_check_interval = 5, .log_every_n_steps = 1}, std::move(cut),
                          lit::GradientAccumulation{3}, lit::EMAWeightAveraging{{.decay = 0.9}},
                          lit::EarlyStopping<"val">{{.patience = 100}}, SavesAtEnd{end}, probe::Rows{rows, nullptr},
                          std::move(breaks));
}

/// Whatever a value holds, to the last bit.
void spell(const lit::Value& value, const std::string& where, std::vector<std::string>& lines) {
    if (const auto* dict = value.get_if<lit::Dict>()) {
        for (const auto& [key, own] : *dict) {
            std::string name = key.is<std::string>() ? key.string() : std::to_string(key.to_int());
            spell(own, where + "/" + name, lines);
        }
    } else if (value.is<lit::List>() || value.is<lit::Tuple>()) {
        std::size_t index = 0;
        for (const lit::Value& own : value.items()) {
            spell(own, where + "/" + std::to_string(index++), lines);
        }
    } else {
        std::ostringstream text;
        text << std::hexfloat;
        if (const auto* tensor = value.get_if<at::Tensor>()) {
            const at::Tensor bytes = tensor->contiguous().view({-1}).view(at::kByte);
            for (std::int64_t i = 0; i < bytes.numel(); ++i) {
                text << static_cast<int>(static_cast<const std::uint8_t*>(bytes.const_data_ptr())[i]) << ' ';
            }
        } else if (const auto* number = value.get_if<double>()) {
            text << *number;
        } else if (const auto* count = value.get_if<std::int64_t>()) {
            text << *count;
        } else if (const auto* flag = value.get_if<bool>()) {
            text << *flag;
        } else if (const auto* string = value.get_if<std::string>()) {
            text << *string;
        }
        lines.push_back(where + " = " + text.str());
    }
}
std::vector<std::string> spelt(const std::filesystem::path& file) {
    std::vector<std::string> lines;
    spell(lit::load_checkpoint(file), "", lines);
    return lines;
}
/// The first difference, or nothing.
std::string difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        if (a[i] != b[i]) {
            return a[i].substr(0, 200) + "\n" + b[i].substr(0, 200);
        }
    }
    return a.size() == b.size() ? "" : "another number of fields";
}

}  // namespace

TEST_SUITE("loops/exact_resume") {
    TEST_CASE("cut after every batch, in every validation and at every epoch's end, the run ends bit for bit the same") {
        // The data are augmented with random numbers, and gathered after the cut by 0, 1 or 4 workers in turn.
        const semantics::Folder folder;
        const semantics::Stderr quiet;
        const std::filesystem::path path = folder.path() / "cut.ckpt", end = folder.path() / "end.ckpt";
        torch::manual_seed(1);
        std::vector<probe::Rows::Row> whole_rows;
        {
            Learner module;
            auto trainer = make_trainer({}, end, &whole_rows);
            auto train = train_loader();
            auto val = val_loader();
            trainer.fit(module, train, val);
        }
        const std::vector<std::string> whole = spelt(end);

        std::int64_t cuts = 0;
        for (const auto& [where, occasions] :
             {std::pair{lit::Hook::on_train_batch_end, 13 * epochs}, std::pair{lit::Hook::on_validation_batch_end, 3 * 2 * epochs},
              std::pair{lit::Hook::on_validation_end, 2 * epochs}, std::pair{lit::Hook::on_train_epoch_end, epochs}}) {
            for (std::int64_t occasion = 0; occasion < occasions; ++occasion) {
                CAPTURE(lit::info(where).name);
                CAPTURE(occasion);
                std::vector<probe::Rows::Row> rows;
                torch::manual_seed(1);
                {
                    Learner module;
                    auto trainer = make_trainer({path, where, occasion}, end, &rows);
                    auto train = train_loader();
                    auto val = val_loader();
                    CHECK_THROWS_WITH(trainer.fit(module, train, val), "cut");
                }
                torch::manual_seed(77);
                Learner module;
                auto trainer = make_trainer({}, end, &rows);
                constexpr std::int64_t workers[] = {0, 1, 4};
                auto train = train_loader(workers[cuts % 3]);
                auto val = val_loader();
                trainer.fit(module, train, val, {.ckpt_path = path.string()});
                CHECK(difference(whole, spelt(end)) == "");
                CHECK(rows == whole_rows);
                ++cuts;
            }
        }
        CHECK(cuts == 13 * epochs + 8 * epochs + epochs);
    }

    TEST_CASE("terminated between batches, or broken off again while it resumes, the run ends the same") {
        const semantics::Folder folder;
        const semantics::Stderr quiet;
        const std::filesystem::path path = folder.path() / "cut.ckpt", end = folder.path() / "end.ckpt";
        std::vector<probe::Rows::Row> rows;
        const auto run = [&](std::uint64_t seed, const std::string& from, Cut cut, BreaksOff breaks) {
            torch::manual_seed(seed);
            Learner module;
            auto trainer = make_trainer(std::move(cut), end, &rows, std::move(breaks));
            auto train = train_loader();
            auto val = val_loader();
            return trainer.fit(module, train, val, {.ckpt_path = from}).status;
        };
        CHECK(run(1, "", {}, {}) == lit::Status::finished);
        const std::vector<std::string> whole = spelt(end);
        const std::vector<probe::Rows::Row> whole_rows = std::exchange(rows, {});
        for (std::int64_t batch = 3; batch < 11; ++batch) {
            CAPTURE(batch);
            rows.clear();
            CHECK(run(1, "", {}, {path, batch}) == lit::Status::terminated);
            CHECK(run(77, path.string(), {}, {}) == lit::Status::finished);
            CHECK(difference(whole, spelt(end)) == "");
            CHECK(rows == whole_rows);
        }
        // In the second validation; then in the sanity check of the run that goes on; then at that validation's end.
        rows.clear();
        CHECK_THROWS_WITH(run(1, "", {path, lit::Hook::on_validation_batch_end, 4}, {}), "cut");
        CHECK_THROWS_WITH(run(7, path.string(), {}, {path, -1, true}), "cut");
        CHECK_THROWS_WITH(run(8, path.string(), {path, lit::Hook::on_validation_end, 0}, {}), "cut");
        CHECK(run(9, path.string(), {}, {}) == lit::Status::finished);
        CHECK(difference(whole, spelt(end)) == "");
        CHECK(rows == whole_rows);
    }

    TEST_CASE("with any one thing left out of the file the run ends otherwise") {
        const semantics::Folder folder;
        const semantics::Stderr quiet;
        const std::filesystem::path path = folder.path() / "cut.ckpt", end = folder.path() / "end.ckpt";
        constexpr std::int64_t inside_a_window = 7;  // batch 8: two of three of its window
        std::vector<probe::Rows::Row> rows;
        const auto run = [&](Cut cut, const std::string& from) {
            rows.clear();
            Learner module;
            auto trainer = make_trainer(std::move(cut), end, &rows);
            auto train = train_loader();
            auto val = val_loader();
            trainer.fit(module, train, val, {.ckpt_path = from});
        };
        torch::manual_seed(1);
        run({}, "");
        const std::vector<std::string> whole = spelt(end);
        const std::vector<probe::Rows::Row> whole_rows = rows;
        torch::manual_seed(1);
        CHECK_THROWS_WITH(run({path, lit::Hook::on_train_batch_end, inside_a_window}, ""), "cut");
        const lit::Value file = lit::load_checkpoint(path);
        const auto differs_after = [&](auto&& change) {
            lit::Dict changed = file.dict();
            change(changed);
            lit::save_checkpoint_file(path, changed);
            torch::manual_seed(77);
            run({}, path.string());
            return difference(whole, spelt(end)) != "" ||
                   !std::equal(rows.rbegin(), rows.rend(), whole_rows.rbegin(), whole_rows.rbegin() + std::ssize(rows));
        };
        CHECK_FALSE(differs_after([](lit::Dict&) {}));
        for (const char* key : {"rng_state", "metrics", "gradients", "train_loader"}) {
            CAPTURE(std::string(key));
            CHECK(differs_after([&](lit::Dict& all) { CHECK(all["lit"].dict().erase(key)); }));
        }
        for (const char* key : {"callbacks", "current_model_state"}) {
            CAPTURE(std::string(key));
            CHECK(differs_after([&](lit::Dict& all) { CHECK(all.erase(key)); }));
        }
        for (const char* key : {"epoch_progress", "epoch_loop.batch_progress", "epoch_loop.state_dict",
                                "epoch_loop.automatic_optimization.optim_progress"}) {
            CAPTURE(std::string(key));
            CHECK(differs_after([&](lit::Dict& all) { CHECK(all["loops"].dict()["fit_loop"].dict().erase(key)); }));
        }
        CHECK(differs_after([](lit::Dict& all) {
            for (auto& [index, state] : all["optimizer_states"].as<lit::List>()[0].dict()["state"].dict()) {
                state.dict()["exp_avg"] = at::zeros_like(state.at("exp_avg").tensor());
            }
        }));
        CHECK(differs_after([](lit::Dict& all) { all["lr_schedulers"].as<lit::List>()[0].dict()["best"] = -1.0; }));
    }
}
