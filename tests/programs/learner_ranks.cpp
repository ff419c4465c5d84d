// SPDX-License-Identifier: Apache-2.0
// The run of learner.cpp by several processes. See exact_resume_ranks.cpp.
#include <lit/callbacks/early_stopping.hpp>
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/on_exception_checkpoint.hpp>
#include <lit/core/error.hpp>
#include <lit/loggers/csv_logger.hpp>
#include <lit/strategies/ddp.hpp>
#include <lit/trainer/trainer.hpp>

#include "programs/arguments.hpp"
#include "programs/learner.hpp"

#include <ATen/Parallel.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

namespace {

/// Sends this process the signal after a batch.
struct Signalled {
    std::int64_t rank;
    std::int64_t batch;
    int signal;
    void on_train_batch_end(auto& trainer, auto&) const {
        if (trainer.global_rank() == rank && trainer.batches_seen() == batch) {
            std::raise(signal);
        }
    }
};

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments(argc, argv);
    const std::filesystem::path folder = arguments.text("folder");
    at::set_num_threads(1);
    const std::int64_t rank = std::stoll(std::getenv("RANK") != nullptr ? std::getenv("RANK") : "0");
    torch::manual_seed(static_cast<std::uint64_t>(arguments.number("seed", 1) + 100 * rank));
    try {
        learner::Learner module;
        lit::Trainer trainer{
            lit::DDP{{.timeout = std::chrono::seconds(60)}},
            learner::GrowingScale{},
            lit::TrainerOptions{.max_epochs = arguments.number("epochs", 3),
                                .val_check_interval = 5,
                                .log_every_n_steps = 1,
                                .default_root_dir = folder},
            lit::GradientAccumulation{arguments.number("window", 1)},
            lit::EarlyStopping<"val">{{.patience = 100}},
            lit::CSVLogger{},
            Signalled{arguments.number("signalled", -1), arguments.number("batch", -1),
                      static_cast<int>(arguments.number("signal", SIGTERM))},
            learner::SavesAtEnd{arguments.text("end")},
            lit::ModelCheckpoint<"val">{{.dirpath = folder / "best", .save_last = true, .save_top_k = 2}},
            lit::OnExceptionCheckpoint{{.dirpath = folder}},
            learner::Cut{arguments.text("save"), arguments.text("where"), arguments.number("occasion", -1)}};
        auto train = learner::train_loader(0, 2 * learner::samples);
        auto val = learner::val_loader();
        const lit::FitResult result = trainer.fit(module, train, val, {.ckpt_path = arguments.text("from")});
        std::fprintf(stderr, "rank %d ended at step %d\n", static_cast<int>(rank), static_cast<int>(result.global_step));
        return result.finished() ? 0 : result.status == lit::Status::terminated ? 4 : 5;
    } catch (const lit::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 3;
    }
}
