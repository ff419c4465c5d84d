// SPDX-License-Identifier: Apache-2.0
// Section 1 of docs/lightning.md: what is there without being asked for.
#include <lit/callbacks/early_stopping.hpp>
#include <lit/loggers/csv_logger.hpp>
#include <lit/trainer/default_trainer.hpp>

#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <concepts>
#include <cstdint>
#include <vector>

namespace {

using Stop = lit::EarlyStopping<"v">;

// As Lightning orders them: logger, the caller's callbacks, bar, summary, checkpoints last.
static_assert(std::same_as<decltype(lit::default_trainer({}, Stop{})),
                           lit::Trainer<lit::SingleDevice, lit::Fp32, lit::TensorBoardLogger, Stop,
                                        lit::ProgressBar, lit::ModelSummary, lit::ModelCheckpoint<>>>);
// What has the role takes the default's place.
static_assert(std::same_as<decltype(lit::default_trainer({}, lit::CSVLogger{}, lit::ModelCheckpoint<"v">{})),
                           lit::Trainer<lit::SingleDevice, lit::Fp32, lit::CSVLogger,
                                        lit::ModelCheckpoint<"v">, lit::ProgressBar, lit::ModelSummary>>);

/// Has loaders of its own.
struct Owner : probe::LineBase<Owner> {
    std::int64_t asked_train = 0, validated = 0;
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void validation_step(const at::Tensor&) { validated += sanity_checking() ? 0 : 1; }
    std::vector<at::Tensor> train_dataloader() { return ++asked_train, probe::batches(5); }
    std::vector<at::Tensor> val_dataloader() { return probe::batches(2); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

}  // namespace

TEST_SUITE("trainer/semantics_defaults") {
    TEST_CASE(
        "a logger, a bar, a summary and a checkpoint are there without being asked for, in Lightning's "
        "order") {
        // The assertions above are the test; here the default checkpoint says what it is.
        CHECK(lit::ModelCheckpoint<>{}.monitor().empty());
    }

    TEST_CASE("a training loader that is handed over leaves validation to the module's own loader") {
        Owner module;
        auto trainer = probe::trainer({.max_epochs = 1});
        CHECK(trainer.fit(module, probe::batches(3)).global_step == 3);
        CHECK(module.asked_train == 0);
        CHECK(module.validated == 2);
    }
}
