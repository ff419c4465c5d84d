// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"

#include <lit/callbacks/async_checkpoint.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/on_exception_checkpoint.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/core/error.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

namespace fs = std::filesystem;
using lit::AsyncCheckpoint;
using lit::ModelCheckpoint;
using scripted::Folder;
using scripted::Script;
using Names = std::vector<std::string>;

static_assert(lit::CallbackPolicy<AsyncCheckpoint> && lit::CheckpointIOPolicy<AsyncCheckpoint>);
static_assert(!std::is_polymorphic_v<AsyncCheckpoint>);
static_assert(sizeof(AsyncCheckpoint) == sizeof(void*));  // no thread and no buffer before the first save

struct Steps {
    std::int64_t* count;
    void on_train_batch_end(auto& /*trainer*/, auto& /*module*/) const { ++*count; }
};
struct ThrowsAt {
    std::int64_t step;
    void on_train_batch_end(auto& trainer, auto& /*module*/) const {
        if (trainer.global_step() == step) {
            throw std::runtime_error("broken");
        }
    }
};
}  // namespace

TEST_SUITE("callbacks/async_checkpoint") {
    TEST_CASE("the files are those of a trainer without it: names, contents, what was removed, the link") {
        const auto run = [](const Folder& folder, auto io) {
            torch::manual_seed(1);
            Script module({.per_epoch = {3, 1, 2, 0.5, 4}});
            auto trainer = scripted::trainer(
                {.max_epochs = 5}, std::move(io),
                ModelCheckpoint<"value">{{.dirpath = folder.path() / "best", .save_last = lit::SaveLast::link, .save_top_k = 2}},
                ModelCheckpoint<>{{.dirpath = folder.path() / "steps", .save_last = true, .every_n_train_steps = 1}});
            CHECK(trainer.fit(module, scripted::batches(3), scripted::batches(1)).finished());
            Names files;
            for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
                if (!entry.is_directory()) {
                    files.push_back(entry.path().lexically_relative(folder.path()).string() + " " +
                                    std::to_string(lit::load_checkpoint(entry.path()).at("global_step").to_int()) +
                                    (entry.is_symlink() ? " link" : ""));
                }
            }
            std::ranges::sort(files);
            return files;
        };
        const Folder with, without;
        const Names files = run(with, std::optional(AsyncCheckpoint{}));
        CHECK(files == run(without, std::optional<AsyncCheckpoint>{}));
        CHECK(files.size() == 5);
    }
    TEST_CASE("a save that fails ends the run at the next step with its error, and removes nothing") {
        const Folder folder;
        fs::create_directories(folder.path() / "step=2.ckpt" / "x");  // so that no file can be given that name
        std::int64_t steps = 0;
        Script module;
        auto trainer = scripted::trainer({.max_epochs = 1}, AsyncCheckpoint{}, Steps{&steps},
                                         ModelCheckpoint<>{{.dirpath = folder.path(),
                                                            .filename = "{step}",
                                                            .every_n_train_steps = 1,
                                                            .enable_version_counter = false}});
        CHECK_THROWS_WITH_AS(trainer.fit(module, scripted::batches(100)), doctest::Contains("step=2.ckpt"), lit::FileError);
        CHECK(steps >= 2);
        CHECK(steps < 100);
        CHECK(lit::load_checkpoint(folder.path() / "step=1.ckpt").at("global_step").to_int() == 1);
    }
    TEST_CASE("an error of the last save comes out of fit") {
        const Folder folder;
        std::ofstream(folder.path() / "no_folder") << "x";
        Script module;
        auto trainer = scripted::trainer({.max_epochs = 1}, AsyncCheckpoint{},
                                         ModelCheckpoint<>{{.dirpath = folder.path() / "no_folder"}});
        CHECK_THROWS_AS(trainer.fit(module, scripted::batches(2)), lit::FileError);
    }
    TEST_CASE("after an exception fit returns when what was saved is on the disk") {
        const Folder folder;
        Script module;
        auto trainer = scripted::trainer({.max_epochs = 1}, AsyncCheckpoint{}, ThrowsAt{3},
                                         lit::OnExceptionCheckpoint{{.dirpath = folder.path()}});
        CHECK_THROWS_AS(trainer.fit(module, scripted::batches(4)), std::runtime_error);
        CHECK(lit::load_checkpoint(folder.path() / "on_exception.ckpt").at("global_step").to_int() == 3);
        CHECK(trainer.get<AsyncCheckpoint>().finished_saves() == 1);
    }
    TEST_CASE("a writer of one's own takes its place") {
        struct Memory {
            std::vector<std::string>* calls;
            void save_checkpoint(const lit::Dict& checkpoint, const fs::path& path) const {
                calls->push_back("save " + path.filename().string() + " of step " +
                                 std::to_string(checkpoint.at("global_step").to_int()));
            }
            void remove_checkpoint(const fs::path& path) const { calls->push_back("remove " + path.filename().string()); }
            void link_checkpoint(const fs::path& /*file*/, const fs::path& link) const {
                calls->push_back("link " + link.filename().string());
            }
            [[nodiscard]] static bool exists(const fs::path& /*path*/) { return false; }
            void wait() const { calls->emplace_back("wait"); }
        };
        static_assert(lit::CallbackPolicy<Memory>);
        const Folder folder;
        Names calls;
        Script module;
        auto trainer =
            scripted::trainer({.max_epochs = 2}, Memory{&calls}, ModelCheckpoint<>{{.dirpath = folder.path(), .filename = "{epoch}"}});
        CHECK(trainer.fit(module, scripted::batches(2)).finished());
        CHECK(calls == Names{"save epoch=0.ckpt of step 2", "save epoch=1.ckpt of step 4", "remove epoch=0.ckpt", "wait"});
        CHECK(folder.files().empty());
    }
}
