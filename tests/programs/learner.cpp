// SPDX-License-Identifier: Apache-2.0
// A training run as a process: begun, cut off, gone on with. See exact_resume.cpp.
#include <lit/callbacks/async_checkpoint.hpp>
#include <lit/callbacks/early_stopping.hpp>
#include <lit/callbacks/ema_weight_averaging.hpp>
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/core/error.hpp>
#include <lit/loggers/csv_logger.hpp>
#include <lit/trainer/trainer.hpp>

#include "programs/arguments.hpp"
#include "programs/learner.hpp"
#include "support/any_device.hpp"

#include <ATen/Parallel.h>

#include <cstdio>
#include <filesystem>
#include <optional>

int main(int argc, char** argv) {
    const Arguments arguments(argc, argv);
    const std::filesystem::path folder = arguments.text("folder");
    at::set_num_threads(1);
    torch::manual_seed(static_cast<std::uint64_t>(arguments.number("seed", 1)));
    try {
        learner::Learner module;
        lit::Trainer trainer{
            lit::testing::any_device(),
            learner::GrowingScale{},
            lit::TrainerOptions{.max_epochs = arguments.number("epochs", 3),
                                .val_check_interval = 5,
                                .log_every_n_steps = 1,
                                .default_root_dir = folder},
            lit::GradientAccumulation{3},
            lit::EMAWeightAveraging{{.decay = 0.9}},
            lit::EarlyStopping<"val">{{.patience = 100}},
            lit::CSVLogger{},
            learner::SavesAtEnd{arguments.text("end")},
            arguments.number("async", 0) != 0 ? std::optional(lit::AsyncCheckpoint{}) : std::nullopt,
            lit::ModelCheckpoint<"val">{{.dirpath = folder / "best", .save_last = true, .save_top_k = 2}},
            learner::Cut{arguments.text("save"), arguments.text("where"), arguments.number("occasion", -1)}};
        auto train = learner::train_loader(arguments.number("workers", 0));
        auto val = learner::val_loader();
        return trainer.fit(module, train, val, {.ckpt_path = arguments.text("from")}).finished() ? 0 : 4;
    } catch (const lit::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 3;
    }
}
