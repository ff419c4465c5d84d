// SPDX-License-Identifier: Apache-2.0
// What ddp_torchrun.py starts, once or in several processes: each mode writes what it saw to a file of its rank.
#include <lit/strategies/ddp.hpp>

#include "../../examples/fashion_mnist/data.hpp"
#include "../../examples/fashion_mnist/models.hpp"

#include <lit/lit.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

namespace {

namespace fs = std::filesystem;

std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// Lines "key value..." in the file of this rank, there as soon as they are said.
class Report {
 public:
    Report(const fs::path& folder, std::int64_t rank)
        : out_(folder / ("rank_" + std::to_string(rank) + ".txt")) {}
    template <class... Values>
    void operator()(const std::string& key, const Values&... values) {
        out_ << key;
        ((out_ << " " << values), ...);
        out_ << std::endl;
    }
    void list(const std::string& key, const torch::Tensor& values) {
        out_ << key;
        for (std::int64_t i = 0; i < values.numel(); ++i) {
            out_ << " " << values[i].item<double>();
        }
        out_ << std::endl;
    }

 private:
    std::ofstream out_;
};

/// The demo's MLP on the first images, in the dataset's order: rank r of W has images r, r + W, ..., so that the ranks'
/// batches of B together are the batches of B * W that one process has.
template <class Strategy>
void train(Strategy strategy, const fs::path& folder, std::int64_t batch_size) {
    const auto cluster = lit::ClusterEnvironment::from_environment();
    constexpr std::int64_t images = 1024;
    constexpr std::int64_t epochs = 2;
    const auto loader = [&](bool training, std::int64_t from, std::int64_t count) {
        std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
        std::iota(indices.begin(), indices.end(), from);
        lit::DataLoader loader{lit::mapped(lit::Subset{lit::FashionMNIST{}, indices}, fashion::normalized),
                               {.batch_size = training ? batch_size : 64}};
        if (cluster.world_size > 1) {
            loader.shard({.rank = cluster.rank, .world_size = cluster.world_size, .shuffle = false});
        }
        return loader;
    };
    // Only rank 0 begins with the weights of the single process.
    torch::manual_seed(1 + static_cast<std::uint64_t>(cluster.rank));
    fashion::Mlp net({.width = 8,
                      .lr = 2e-3,
                      .dropout = 0.0,
                      .steps = epochs * images / (batch_size * cluster.world_size)});
    auto training = loader(true, 0, images);
    auto validation = loader(false, images, 256);
    lit::Trainer trainer{std::move(strategy), lit::Fp32{},
                         lit::TrainerOptions{.max_epochs = epochs,
                                             .log_every_n_steps = 2,
                                             .use_distributed_sampler = false,
                                             .default_root_dir = folder},
                         lit::CSVLogger{}, lit::ModelCheckpoint<"val_loss">{}};
    const lit::FitResult result = trainer.fit(net, training, validation);
    Report report(folder, cluster.rank);
    report("global_step", result.global_step);
    report("epochs", result.epochs);
    lit::save_checkpoint_file(folder / ("weights_" + std::to_string(cluster.rank) + ".pt"),
                              lit::module_state_dict(net));
}

/// Tells what it is given, and logs what the driver can compute.
struct Probe : lit::Module<Probe> {
    using Logs = lit::Logs<"train_sum", "val_mean", "val_weighted", "val_worse">;

    explicit Probe(Report& report) : report(&report) {
        weight = register_parameter("weight", torch::zeros({1}));
    }

    void on_train_epoch_start() { trained = torch::empty({0}); }
    torch::Tensor training_step(const lit::Example& batch) {
        trained = torch::cat({trained, batch.data});
        log<"train_sum">(
            batch.data.sum(),
            {.on_step = false, .on_epoch = true, .reduce_fx = lit::Reduce::sum, .sync_dist = true});
        return (weight * batch.data).mean();
    }
    void on_train_epoch_end() { report->list("trained_" + std::to_string(current_epoch()), trained); }
    void validation_step(const lit::Example& batch) {
        ++(sanity ? sanity_batches : batches);
        const auto rank = static_cast<double>(run_rank);
        log<"val_mean">(batch.data.mean(), {.sync_dist = true});
        log<"val_weighted">(rank, {.sync_dist = true, .batch_size = run_rank == 0 ? 1 : 3});
        // Rank 1 alone sees no improvement after the second epoch.
        const auto epoch = static_cast<double>(current_epoch());
        log<"val_worse">(run_rank == 1 && epoch > 1 ? 10.0 + epoch : 5.0 - epoch);
    }
    torch::Tensor predict_step(const lit::Example& batch) { return batch.data; }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.1}}; }

    Report* report;
    torch::Tensor weight;
    torch::Tensor trained;
    std::int64_t run_rank = 0;
    std::int64_t batches = 0;
    std::int64_t sanity_batches = 0;
    bool sanity = false;
};

struct Watcher {
    void on_fit_start(auto& trainer, auto& module) {
        module.run_rank = trainer.global_rank();
        (*module.report)("ranks", trainer.global_rank(), trainer.world_size(), trainer.is_global_zero());
    }
    void on_sanity_check_start(auto&, auto& module) { module.sanity = true; }
    void on_sanity_check_end(auto&, auto& module) { module.sanity = false; }
    void on_validation_end(auto& trainer, auto& module) {
        if (!trainer.sanity_checking()) {
            (*module.report)("val", trainer.template metric<"val_mean">(),
                             trainer.template metric<"val_weighted">());
        }
    }
    void on_train_epoch_end(auto& trainer, auto&) {
        // One rank that reads what all have to reduce, as a progress bar does, must not get ahead of the others.
        if (trainer.is_global_zero()) {
            static_cast<void>(trainer.template metric<"train_sum">());
        }
        trainer.collective().barrier();
    }
    void on_fit_end(auto& trainer, auto& module) {
        (*module.report)("train_sum", trainer.template metric<"train_sum">());
        (*module.report)(
            "gathered",
            trainer.all_gather(torch::tensor(trainer.global_rank() + 1)).sum().template item<std::int64_t>());
    }
};

lit::TensorDataset numbers(std::int64_t count) {
    return {torch::arange(count, torch::kFloat), torch::zeros({count})};
}

void semantics(const fs::path& folder) {
    Report report(folder, lit::ClusterEnvironment::from_environment().rank);
    Probe net(report);
    lit::DataLoader training{numbers(12), {.batch_size = 2}};
    lit::DataLoader validation{numbers(10), {.batch_size = 2}};
    lit::DataLoader prediction{numbers(11), {.batch_size = 4}};
    lit::Trainer trainer{
        lit::DDP{},
        lit::Fp32{},
        lit::TrainerOptions{.max_epochs = 9, .log_every_n_steps = 1, .default_root_dir = folder},
        Watcher{},
        lit::EarlyStopping<"val_worse">{{.patience = 2}},
        lit::CSVLogger{},
        lit::ModelCheckpoint<"val_mean">{{.save_last = true}}};
    const lit::FitResult result = trainer.fit(net, training, validation);
    report("result", result.epochs, result.global_step);
    report("batches", net.batches, net.sanity_batches);
    // A second run of the same trainer, and another trainer with a group of its own.
    const auto predictions = trainer.predict(net, prediction);
    report.list("predicted", torch::cat(predictions.at(0)));
    lit::Trainer other{lit::DDP{}, lit::Fp32{}, lit::TrainerOptions{.default_root_dir = folder}};
    const auto metrics = other.validate(net, validation, {.verbose = false});
    report("validated", metrics.at(0).at("val_mean"));
}

/// Rank 1 is killed in the middle of the second epoch.
struct Killer {
    fs::path folder;
    void on_train_batch_start(auto& trainer, auto&) {
        if (trainer.global_rank() == 1 && trainer.global_step() == 8) {
            std::ofstream(folder / "killed_at.txt") << now() << std::endl;
            std::raise(SIGKILL);
        }
    }
};

void die(const fs::path& folder) {
    Report report(folder, lit::ClusterEnvironment::from_environment().rank);
    Probe net(report);
    lit::DataLoader training{numbers(24), {.batch_size = 2}};
    lit::Trainer trainer{lit::DDP{}, lit::Fp32{},
                         lit::TrainerOptions{.max_epochs = 9, .default_root_dir = folder}, Killer{folder}};
    try {
        trainer.fit(net, training);
        report("finished");
    } catch (const lit::DistributedError& error) {
        report("told_at", now());
        std::string text = error.what();
        std::replace(text.begin(), text.end(), '\n', ' ');
        report("error", text);
    }
}

/// The first attempt fails on one rank after all have met; the second has to meet anew through the same store.
void restart(const fs::path& folder) {
    const auto cluster = lit::ClusterEnvironment::from_environment();
    lit::DDP strategy;
    strategy.setup_environment();
    strategy.collective().barrier();
    if (cluster.restart_count == 0 && cluster.rank == 1) {
        ::_exit(3);
    }
    Report report(folder, cluster.rank);
    report("attempt", cluster.restart_count);
    report("sum", strategy.collective().all_reduce(torch::ones({}), lit::ReduceOp::sum).item<double>());
}

int run(int argc, char** argv) {
    const std::string_view mode = argc > 1 ? argv[1] : "";
    torch::set_num_threads(1);
    if (mode == "train" && argc == 4) {
        train(lit::DDP{}, argv[2], std::atoll(argv[3]));
    } else if (mode == "train_single" && argc == 4) {
        train(lit::SingleDevice{}, argv[2], std::atoll(argv[3]));
    } else if (mode == "semantics" && argc == 3) {
        semantics(argv[2]);
    } else if (mode == "die" && argc == 3) {
        die(argv[2]);
    } else if (mode == "restart" && argc == 3) {
        restart(argv[2]);
    } else {
        std::fprintf(stderr,
                     "ddp_program (train|train_single) FOLDER BATCH_SIZE | (semantics|die|restart) FOLDER\n");
        return 2;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const lit::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
