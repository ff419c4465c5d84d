// SPDX-License-Identifier: Apache-2.0
// Batches that workers bring to the run's device: on a GPU beside what it computes, on the CPU as ever.
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>

#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/arange.h>

#include <cstdint>
#include <vector>

namespace {

struct Fit : probe::LineBase<Fit> {
    std::int64_t elsewhere = 0;
    at::Tensor training_step(const lit::Example& batch) {
        elsewhere += batch.data.device() == weight.device() ? 0 : 1;
        return loss(batch.data - batch.target);
    }
    void validation_step(const lit::Example& batch) { log<"val">(loss(batch.data)); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.01}}; }
};

}  // namespace

TEST_SUITE("loops/prefetch_to_device") {
    TEST_CASE("a run whose workers bring the batches to its device ends with the same bits") {
        const auto x = at::arange(48, at::kFloat).view({24, 2});
        const auto run = [&](lit::DataLoaderOptions options, const lit::TrainerOptions& trained) {
            options.batch_size = 4;
            options.seed = 3;
            Fit module;
            lit::DataLoader val{lit::TensorDataset{x, x.cos()}, options};
            options.shuffle = true;
            lit::DataLoader train{lit::TensorDataset{x, x.sin()}, options};
            auto trainer = probe::trainer(trained);
            trainer.fit(module, train, val);
            CHECK(module.elsewhere == 0);
            return std::vector{static_cast<double>(module.value()), trainer.callback_metrics().value("val").value()};
        };
        for (const lit::TrainerOptions& trained :
             {lit::TrainerOptions{.max_epochs = 3}, lit::TrainerOptions{.max_epochs = 3, .limit_train_batches = 2},
              lit::TrainerOptions{.max_epochs = 2, .val_check_interval = 4}}) {
            const auto plain = run({}, trained);
            for (const bool persistent : {false, true}) {
                CAPTURE(persistent);
                CHECK(run({.num_workers = 2,
                           .pin_memory = true,
                           .persistent_workers = persistent,
                           .prefetch_to_device = true},
                          trained) == plain);
            }
        }
    }
}
