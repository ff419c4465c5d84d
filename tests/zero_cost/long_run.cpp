// SPDX-License-Identifier: Apache-2.0
// long_run STEPS: trains a tiny network with two values logged in each step, a CSV and a TensorBoard file, and looks at the memory
// after a tenth of the steps and after all of them: what grows with time would show.
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/data/dataset.hpp>
#include <lit/loggers/csv_logger.hpp>
#include <lit/loggers/tensorboard_logger.hpp>
#include <lit/module/nn/activations.hpp>
#include <lit/module/nn/linear.hpp>
#include <lit/module/nn/losses.hpp>
#include <lit/module/nn/sequential.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include <ATen/Parallel.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>

#include <malloc.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

constexpr std::int64_t batches_an_epoch = 1000;

struct Tiny : lit::Module<Tiny> {
    using Net = lit::nn::Sequential<lit::nn::OwnKernels, lit::nn::Linear<16, 32>, lit::nn::ReLU,
                                    lit::nn::Linear<32, 4>>;
    Net net = register_module("net", Net());
    auto training_step(const lit::Example& batch, std::int64_t batch_idx) {
        auto step = net->step<lit::nn::CrossEntropy>(batch.data, batch.target);
        log<"train_loss">(step.loss, {.on_step = true, .on_epoch = true});
        log<"batch">(static_cast<double>(batch_idx));
        return step;
    }
    auto configure_optimizers() { return lit::AdamW{parameters(), {.lr = 1e-3}}; }
};

struct Memory {
    long resident_kb = 0;  ///< as the system counts
    std::size_t in_use =
        0;  ///< bytes that were allocated and not freed, or freed and kept by malloc for the next one
    static Memory now() {
        std::ifstream statm("/proc/self/statm");
        long size = 0;
        long resident = 0;
        statm >> size >> resident;
        return {resident * (::sysconf(_SC_PAGESIZE) / 1024), ::mallinfo2().uordblks};
    }
};
struct Watch {
    std::int64_t steps;
    Memory *early, *late;
    // At the start of an epoch, where the same is in use each time.
    void on_train_epoch_start(auto& trainer, auto&) const {
        if (trainer.global_step() == steps / 10) {
            *early = Memory::now();
        } else if (trainer.global_step() == steps - batches_an_epoch) {
            *late = Memory::now();
        }
    }
};

}  // namespace

int main(int argc, char** argv) {
    const std::int64_t steps = argc == 2 ? std::atoll(argv[1]) : 0;
    if (steps < 20 * batches_an_epoch || steps % (10 * batches_an_epoch) != 0) {
        std::fprintf(stderr, "usage: long_run STEPS   (a multiple of %lld, at least twice that)\n",
                     static_cast<long long>(10 * batches_an_epoch));
        return 2;
    }
    at::set_num_threads(1);
    torch::manual_seed(0);
    const std::vector<lit::Example> data(batches_an_epoch,
                                         lit::Example{at::rand({16, 16}), at::randint(4, {16}, at::kLong)});
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("lit-long-run" + std::to_string(::getpid()));
    Memory early;
    Memory late;
    Tiny net;
    lit::Trainer trainer{
        lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}},
        lit::Fp32{},
        lit::TrainerOptions{.max_epochs = steps / batches_an_epoch, .default_root_dir = folder.string()},
        lit::CSVLogger{},
        lit::TensorBoardLogger{},
        lit::ModelCheckpoint<>{{.every_n_epochs = 100}},
        Watch{steps, &early, &late}};
    trainer.fit(net, data);
    std::filesystem::remove_all(folder);
    const long grown = late.resident_kb - early.resident_kb;
    const long held = static_cast<long>(late.in_use) - static_cast<long>(early.in_use);
    std::printf(
        "after %lld steps %ld KB are resident, after %lld %ld KB: %+ld KB; held by the program %+ld bytes\n",
        static_cast<long long>(steps / 10), early.resident_kb,
        static_cast<long long>(steps - batches_an_epoch), late.resident_kb, grown, held);
    return early.resident_kb > 0 && late.resident_kb > 0 && grown < 1024 && held < 64 * 1024 ? 0 : 1;
}
