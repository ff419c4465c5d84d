// SPDX-License-Identifier: Apache-2.0
// A classifier for Fashion-MNIST: trained, validated, tested from its best checkpoint, predictions written.
#include "data.hpp"
#include "models.hpp"
#include "options.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

/// One line per test image: its number, its class, the class that was predicted.
void write_predictions(const std::filesystem::path& path, const std::vector<std::vector<torch::Tensor>>& predictions,
                       const torch::Tensor& target) {
    std::ofstream file(path);
    file << "image,class,predicted\n";
    std::int64_t image = 0;
    for (const torch::Tensor& batch : predictions.at(0)) {
        for (std::int64_t i = 0; i < batch.size(0); ++i, ++image) {
            file << image << ',' << lit::FashionMNIST::classes.at(static_cast<std::size_t>(target[image].item<std::int64_t>())) << ','
                 << lit::FashionMNIST::classes.at(static_cast<std::size_t>(batch[i].item<std::int64_t>())) << '\n';
        }
    }
    if (!file.flush()) {
        throw lit::FileError("cannot write the predictions to " + path.string() + ".");
    }
}

void print_accuracy_per_class(const torch::Tensor& confusion) {
    std::printf("\naccuracy per class\n");
    for (std::int64_t c = 0; c < 10; ++c) {
        const double share = confusion[c][c].item<double>() / confusion[c].sum().item<double>();
        std::printf("  %-12s %.3f\n", std::string(lit::FashionMNIST::classes.at(static_cast<std::size_t>(c))).c_str(),
                    share);
    }
}

template <class Net, class Precision>
int run(const fashion::Options& options) {
    lit::seed_everything(options.seed);
    const std::int64_t batches = (55000 + options.batch_size - 1) / options.batch_size;
    const std::int64_t used = options.limit_batches > 0 ? std::min(batches, options.limit_batches) : batches;
    Net model({.lr = options.lr, .steps = used * options.epochs});
    fashion::Data data(options.data, options.batch_size, options.seed);

    auto trainer = lit::default_trainer(
        {.max_epochs = options.epochs,
         .limit_train_batches = options.limit_batches > 0 ? lit::Limit(options.limit_batches) : lit::Limit(1.0),
         .default_root_dir = options.out},
        Precision{},
        lit::ModelCheckpoint<"val_acc">{{.filename = "{epoch}-{val_acc:.4f}", .mode = lit::Mode::maximize, .save_last = true}},
        lit::EarlyStopping<"val_loss">{{.patience = 5}}, lit::LearningRateMonitor{});
    using Checkpoint = lit::ModelCheckpoint<"val_acc">;

    const auto started = Clock::now();
    const lit::FitResult result = trainer.fit(model, data, {.ckpt_path = options.resume});
    const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
    const std::filesystem::path best = trainer.template get<Checkpoint>().best_model_path();
    if (!result.finished() || best.empty()) {
        std::printf("\nstopped after %lld epochs (%s); go on with --resume %s\n",
                    static_cast<long long>(result.epochs), result.reason.c_str(),
                    trainer.template get<Checkpoint>().last_model_path().c_str());
        return result.finished() ? 0 : 130;
    }

    const auto test = trainer.test(model, data, {.ckpt_path = "best"});
    print_accuracy_per_class(model.confusion.compute());
    const auto predictions = trainer.predict(model, data, {.ckpt_path = "best"});
    const std::filesystem::path folder = best.parent_path().parent_path();
    write_predictions(folder / "predictions.csv", predictions, lit::FashionMNIST{options.data, false}.target());

    std::printf("\ntrained %lld epochs in %.1f s\n", static_cast<long long>(result.epochs), seconds);
    std::printf("best checkpoint  %s\n", best.c_str());
    std::printf("test accuracy    %.4f\n", test.at(0).at("test_acc"));
    std::printf("predictions      %s\n", (folder / "predictions.csv").c_str());
    std::printf("curves           tensorboard --logdir %s\n", folder.parent_path().c_str());
    return 0;
}

template <class Net>
int run(const fashion::Options& options) {
    return options.precision == "bf16" ? run<Net, lit::Bf16Mixed>(options) : run<Net, lit::Fp32>(options);
}

}  // namespace

int main(int argc, char** argv) {
    const fashion::Options options = fashion::parse(argc, argv);
    try {
        return options.model == "mlp" ? run<fashion::Mlp>(options) : run<fashion::Cnn>(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "fashion_mnist: %s\n", error.what());
        return 1;
    }
}
