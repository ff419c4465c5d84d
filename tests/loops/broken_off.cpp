// SPDX-License-Identifier: Apache-2.0
// A fit that an exception or Ctrl+C ended, and what its trainer and its module are good for afterwards.
#include <lit/loops/fit_loop.hpp>

#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/on_exception_checkpoint.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/core/interrupt.hpp>

#include "loops/probe.hpp"
#include "loops/saves_at.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <vector>

namespace {

/// Is interrupted once, in a step of training or of validation.
struct Interrupted : probe::LineBase<Interrupted> {
    std::int64_t train_step_to_fail = -1, val_step_to_fail = -1;
    std::vector<std::int64_t> trained;
    std::vector<bool> training_mode;
    std::int64_t val_steps = 0;

    at::Tensor training_step(const at::Tensor& batch, std::int64_t batch_idx) {
        if (global_step() == train_step_to_fail) {
            train_step_to_fail = -1;
            throw lit::KeyboardInterrupt();
        }
        trained.push_back(100 * current_epoch() + batch_idx);
        training_mode.push_back(is_training());
        return loss(batch);
    }
    void validation_step(const at::Tensor& batch) {
        if (val_steps++ == val_step_to_fail) {
            throw lit::KeyboardInterrupt();
        }
        log<"val">(batch.mean());
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.01}}; }
};

struct InterruptsBefore {
    std::int64_t batch;
    void on_train_batch_start(auto& /*trainer*/, auto& /*module*/, const auto& /*batch*/, std::int64_t batch_idx) const {
        if (batch_idx == batch) {
            throw lit::KeyboardInterrupt();
        }
    }
};
struct KeepsProgress {
    lit::FitProgress* kept;
    void on_train_end(auto& trainer, auto& /*module*/) { *kept = trainer.progress(); }
};
struct ReadsVal {
    std::vector<double>* read;
    void on_validation_end(auto& trainer, auto& /*module*/) {
        read->push_back(trainer.template metric<"val">());
    }
};
/// Cannot write the row of the epoch.
struct FullDisk : probe::Rows {
    void log_metrics(std::span<const lit::Scalar> metrics, std::int64_t /*step*/) {
        for (const auto& metric : metrics) {
            if (metric.name == "val") {
                throw std::runtime_error("no space left on device");
            }
        }
    }
};
struct EpochValue : probe::LineBase<EpochValue> {
    at::Tensor training_step(const at::Tensor& batch) {
        log<"val">(1.0, {.on_step = false, .on_epoch = true});
        return loss(batch);
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.01}}; }
};

}  // namespace

TEST_SUITE("loops/broken_off") {
    TEST_CASE("a fit after one that was interrupted counts as if that had not begun its epoch") {
        const semantics::Folder folder;
        const std::filesystem::path file = folder.path() / "first.ckpt";
        auto data = probe::batches(4);
        {
            Interrupted module;
            module.train_step_to_fail = 2;
            lit::FitProgress progress;
            auto trainer = probe::trainer({.max_epochs = 2}, probe::SavesAt{.path = file, .epoch_end = 0}, KeepsProgress{&progress});
            CHECK(trainer.fit(module, data).status == lit::Status::interrupted);
            module.trained.clear();
            CHECK(trainer.fit(module, data).status == lit::Status::finished);
            CHECK(module.trained == std::vector<std::int64_t>{0, 1, 2, 3, 100, 101, 102, 103});
            CHECK(progress.epoch.current.ready == 2);
            CHECK(progress.epoch.total.started == 2);
            CHECK(progress.batch.total.ready == progress.batch.total.processed);
        }
        Interrupted resumed;
        auto trainer = probe::trainer({.max_epochs = 2});
        trainer.fit(resumed, data, {.ckpt_path = file.string()});
        CHECK(resumed.trained == std::vector<std::int64_t>{100, 101, 102, 103});
    }

    TEST_CASE("the batch that was broken off is trained on after resuming, the last one of an epoch too") {
        auto data = probe::batches(4);
        for (const std::int64_t step : {0, 1, 2, 3, 4, 5, 6, 7}) {
            CAPTURE(step);
            const semantics::Folder folder;
            Interrupted module, resumed;
            module.train_step_to_fail = step;
            auto first = probe::trainer({.max_epochs = 2},
                                        lit::OnExceptionCheckpoint{{.dirpath = folder.path(), .filename = "last"}});
            CHECK(first.fit(module, data).status == lit::Status::interrupted);
            auto second = probe::trainer({.max_epochs = 2});
            CHECK(second.fit(resumed, data, {.ckpt_path = (folder.path() / "last.ckpt").string()}).global_step == 8);
            std::vector<std::int64_t> trained = module.trained;
            trained.insert(trained.end(), resumed.trained.begin(), resumed.trained.end());
            CHECK(trained == std::vector<std::int64_t>{0, 1, 2, 3, 100, 101, 102, 103});
        }
    }

    TEST_CASE("of an open window the gradients are kept where the last batch had not begun") {
        auto data = probe::batches(4);
        const auto trained = [&](std::int64_t stop_at) {
            const semantics::Folder folder;
            Interrupted module;
            auto first = probe::trainer({.max_epochs = 1}, lit::GradientAccumulation{4}, InterruptsBefore{stop_at},
                                        lit::OnExceptionCheckpoint{{.dirpath = folder.path(), .filename = "last"}});
            if (first.fit(module, data).finished()) {
                return module.value();
            }
            Interrupted resumed;
            auto second = probe::trainer({.max_epochs = 1}, lit::GradientAccumulation{4});
            second.fit(resumed, data, {.ckpt_path = (folder.path() / "last.ckpt").string()});
            return resumed.value();
        };
        for (const std::int64_t batch : {1, 2, 3}) {
            CHECK(trained(batch) == trained(-1));
        }
    }

    TEST_CASE("an interrupted validation leaves the module in training mode, and no values behind") {
        Interrupted module;
        module.val_step_to_fail = 1;
        std::vector<double> read;
        auto train = probe::batches(2);
        std::vector<at::Tensor> large{at::full({2}, 100.0), at::full({2}, 100.0)};
        std::vector<at::Tensor> ones{at::ones({2}), at::ones({2})};
        auto trainer = probe::trainer({.max_epochs = 1, .num_sanity_val_steps = 0}, ReadsVal{&read});
        CHECK(trainer.fit(module, train, large).status == lit::Status::interrupted);
        CHECK(module.is_training());
        module.training_mode.clear();
        trainer.fit(module, train, ones);
        CHECK(module.training_mode == std::vector<bool>{true, true});
        CHECK(read == std::vector<double>{1.0});
    }

    TEST_CASE(
        "a logger that throws at the row of an epoch takes no step away from the file that is saved then") {
        const semantics::Folder folder;
        EpochValue module;
        auto data = probe::batches(3);
        auto trainer =
            probe::trainer({.max_epochs = 1}, FullDisk{},
                           lit::OnExceptionCheckpoint{{.dirpath = folder.path(), .filename = "last"}});
        CHECK_THROWS_WITH(static_cast<void>(trainer.fit(module, data)), "no space left on device");
        CHECK(lit::load_checkpoint(folder.path() / "last.ckpt")
                  .at("loops")
                  .at("fit_loop")
                  .at("epoch_loop.state_dict")
                  .at("_batches_that_stepped")
                  .to_int() == 3);
    }
}
