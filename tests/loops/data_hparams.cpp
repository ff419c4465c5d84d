// SPDX-License-Identifier: Apache-2.0
#include "loops/probe.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"

#include <lit/checkpoint/file.hpp>
#include <lit/core/yaml.hpp>
#include <lit/loggers/logger.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace {

struct NetSettings {
    double lr = 0.5;
    std::int64_t width = 3;
};
struct Net : probe::LineBase<Net, NetSettings> {
    using LineBase::LineBase;
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = hparams.lr}}; }
};
/// Without hyperparameters of its own.
struct Plain : probe::LineBase<Plain> {
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

struct DataSettings {
    std::string folder = "here";
    std::int64_t width = 3;
};
struct Data : lit::DataModule<Data> {
    DataSettings hparams{};
    std::vector<at::Tensor> train_dataloader() { return probe::batches(2); }
};

/// Keeps what it is given as text.
struct Told : lit::NullLogger {
    std::vector<std::string>* told;
    explicit Told(std::vector<std::string>& all) : told(&all) {}
    void log_hyperparams(const lit::Dict& params) const { told->push_back(lit::to_yaml(params)); }
};
struct Saves {
    using Role = lit::role::checkpoint;
    std::filesystem::path path;
    void on_train_epoch_end(auto& trainer, auto& /*module*/) const { trainer.save_checkpoint(path); }
};

}  // namespace

TEST_SUITE("loops/data_hparams") {
    TEST_CASE("the loggers are given the hyperparameters of module and data module as one dict") {
        std::vector<std::string> told;
        Net net;
        Data data;
        auto trainer = probe::trainer({.max_epochs = 1}, Told{told});
        trainer.fit(net, data);
        Plain plain;
        trainer.fit(plain, data);
        CHECK(told == std::vector<std::string>{"lr: 0.5\nwidth: 3\nfolder: here\n", "folder: here\nwidth: 3\n"});
    }

    TEST_CASE("hyperparameters that contradict each other are refused where a logger would be given them") {
        std::vector<std::string> told;
        Net net;
        Data data;
        data.hparams.width = 4;
        auto trainer = probe::trainer({.max_epochs = 1}, Told{told});
        CHECK_THROWS_WITH_AS(trainer.fit(net, data), doctest::Contains("the hyperparameters width of the module"),
                             lit::ConfigError);
        CHECK(told.empty());
        trainer.options().enable_autolog_hparams = false;
        CHECK(trainer.fit(net, data).finished());
        auto without_logger = probe::trainer({.max_epochs = 1});
        CHECK(without_logger.fit(net, data).finished());
    }

    TEST_CASE("a checkpoint holds the data module's under Lightning's keys") {
        const semantics::Folder folder;
        Net net;
        Data data;
        data.hparams.folder = "there";
        auto trainer = probe::trainer({.max_epochs = 1}, Saves{folder.path() / "a.ckpt"});
        trainer.fit(net, data);
        const lit::Value file = lit::load_checkpoint(folder.path() / "a.ckpt");
        CHECK(file.at("datamodule_hparams_name").string() == "kwargs");
        CHECK(lit::to_yaml(file.at("datamodule_hyper_parameters").dict()) == "folder: there\nwidth: 3\n");
        CHECK(lit::to_yaml(file.at("hyper_parameters").dict()) == "lr: 0.5\nwidth: 3\n");
        trainer.fit(net, probe::batches(2), {.ckpt_path = (folder.path() / "a.ckpt").string()});  // read without it
    }
}
