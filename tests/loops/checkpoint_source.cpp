// SPDX-License-Identifier: Apache-2.0
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/loggers/csv_logger.hpp>

#include "loops/probe.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace {

auto trainer_in(const std::filesystem::path& root, std::int64_t epochs) {
    return probe::trainer({.max_epochs = epochs, .default_root_dir = root.string()}, lit::CSVLogger{},
                          lit::ModelCheckpoint<>{{.save_last = true, .save_top_k = -1}});
}
void train(const std::filesystem::path& root, std::int64_t epochs) {
    probe::Line module;
    auto trainer = trainer_in(root, epochs);
    trainer.fit(module, probe::batches(3), probe::batches(1));
}

}  // namespace

TEST_SUITE("loops/checkpoint_source") {
    TEST_CASE(
        "last in a new process is the newest of all earlier versions of the run, which goes on in its "
        "version") {
        const semantics::Folder folder;
        train(folder.path(), 1);
        train(folder.path(), 2);
        REQUIRE(std::filesystem::exists(folder.path() / "lightning_logs/version_1/checkpoints/last.ckpt"));
        probe::Line module;
        auto trainer = trainer_in(folder.path(), 3);
        CHECK(trainer.fit(module, probe::batches(3), probe::batches(1), {.ckpt_path = "last"}).global_step ==
              9);
        CHECK(std::filesystem::exists(folder.path() /
                                      "lightning_logs/version_1/checkpoints/epoch=2-step=9.ckpt"));
        CHECK_FALSE(std::filesystem::exists(folder.path() / "lightning_logs/version_2"));
    }

    TEST_CASE("last passes over what training cannot go on from") {
        const semantics::Folder folder;
        const auto checkpoints = [&](bool weights) {
            return lit::ModelCheckpoint<>{{.dirpath = folder.path().string(),
                                           .filename = weights ? "w" : "t",
                                           .save_weights_only = weights}};
        };
        for (const bool weights : {false, true}) {
            probe::Line module;
            auto trainer = probe::trainer({.max_epochs = 2}, checkpoints(weights));
            trainer.fit(module, probe::batches(3), probe::batches(1));
        }
        std::filesystem::copy_file(folder.path() / "w.ckpt", folder.path() / "last.ckpt");
        std::filesystem::resize_file(folder.path() / "last.ckpt", 100);
        probe::Line module;
        auto trainer = probe::trainer({.max_epochs = 3}, checkpoints(false));
        const semantics::Stderr messages;
        CHECK(trainer.fit(module, probe::batches(3), probe::batches(1), {.ckpt_path = "last"}).global_step ==
              9);
        CHECK(messages.contains("w.ckpt\" holds only weights"));
    }

    TEST_CASE("a damaged file that was named is an error, which names the newest whole one beside it") {
        const semantics::Folder folder;
        train(folder.path(), 2);
        const auto files = folder.path() / "lightning_logs/version_0/checkpoints";
        std::filesystem::resize_file(files / "epoch=1-step=6.ckpt", 200);
        std::filesystem::remove(files / "last.ckpt");
        probe::Line module;
        auto trainer = probe::trainer({.max_epochs = 3});
        const std::string named = (files / "epoch=1-step=6.ckpt").string();
        CHECK_THROWS_WITH_AS(trainer.fit(module, probe::batches(3), {.ckpt_path = named}),
                             doctest::Contains("The newest whole file beside it is"), lit::CheckpointError);
        CHECK_THROWS_WITH_AS(trainer.validate(module, probe::batches(3), {.ckpt_path = named}),
                             doctest::Contains("epoch=0-step=3.ckpt"), lit::CheckpointError);
        std::filesystem::remove(files / "epoch=0-step=3.ckpt");
        CHECK_THROWS_WITH_AS(trainer.fit(module, probe::batches(3), {.ckpt_path = named}),
                             doctest::Contains("There is no whole one beside it."), lit::CheckpointError);
    }
}
