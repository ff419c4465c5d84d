// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"

#include <lit/callbacks/detail/checkpoint_files.hpp>
#include <lit/checkpoint/file_checkpoint_io.hpp>
#include <lit/collectives/collective.hpp>
#include <lit/core/metric_names.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using lit::ModelCheckpointOptions;
using lit::detail::CheckpointFiles;

/// A trainer of one rank that writes its step into the file.
struct Writer {
    std::int64_t step = 0;
    std::int64_t epoch = 0;
    std::map<lit::MetricId, double> metrics{};
    fs::path resumed{};
    std::vector<std::string> warnings{};
    bool weights_only = false;

    [[nodiscard]] std::optional<double> find_metric(lit::MetricId id) const {
        const auto found = metrics.find(id);
        return found == metrics.end() ? std::nullopt : std::optional(found->second);
    }
    [[nodiscard]] std::int64_t current_epoch() const { return epoch; }
    [[nodiscard]] std::int64_t global_step() const { return step; }
    [[nodiscard]] static lit::SingleProcess collective() { return {}; }
    [[nodiscard]] static bool is_global_zero() { return true; }
    [[nodiscard]] static bool fast_dev_run() { return false; }
    [[nodiscard]] static bool reduce_decision(bool decision, bool /*all*/) { return decision; }
    [[nodiscard]] const fs::path& ckpt_path() const { return resumed; }
    [[nodiscard]] static fs::path default_root_dir() { return "/made"; }
    static void for_each_logger(auto&& /*f*/) {}
    void warn(const std::string& text) { warnings.push_back(text); }
    void save_checkpoint(const fs::path& path, bool only_weights) {
        weights_only = only_weights;
        std::ofstream(path) << step;
    }
    void remove_checkpoint(const fs::path& path) const { files.remove_checkpoint(path); }
    void link_checkpoint(const fs::path& file, const fs::path& link) const { files.link_checkpoint(file, link); }
    [[nodiscard]] bool checkpoint_exists(const fs::path& path) const { return files.exists(path); }
    lit::FileCheckpointIO files{};
};
using Names = std::vector<std::string>;
constexpr int owner = 0;  // no logger is there to ask it anything

}  // namespace

TEST_SUITE("callbacks/detail/checkpoint_files") {
    TEST_CASE("a name's value is what was logged, else the counters") {
        Writer trainer{.step = 5, .epoch = 2};
        CHECK(lit::detail::checkpoint_value(trainer, "epoch", lit::MetricNames::intern("epoch")) == 2.0);
        CHECK(lit::detail::checkpoint_value(trainer, "step", lit::MetricNames::intern("step")) == 5.0);
        CHECK_FALSE(lit::detail::checkpoint_value(trainer, "files_x", lit::MetricNames::intern("files_x"))
                        .has_value());
        trainer.metrics[lit::MetricNames::intern("epoch")] = 7.5;
        CHECK(lit::detail::checkpoint_value(trainer, "epoch", lit::MetricNames::intern("epoch")) == 7.5);
    }
    TEST_CASE("names show the values, and count versions where another file is there") {
        const scripted::Folder folder;
        Writer trainer{.step = 5, .epoch = 2};
        trainer.metrics[lit::MetricNames::intern("files_loss")] = 0.1;
        const CheckpointFiles files{
            ModelCheckpointOptions{.dirpath = folder.path(), .filename = "{epoch}-{files_loss}"}};
        const std::string base = (files.folder() / "epoch=2-files_loss=0.10000000149011612").string();
        CHECK(files.plain_path(trainer) == base + ".ckpt");
        CHECK(files.free_path(trainer, "") == base + ".ckpt");
        std::ofstream(base + ".ckpt") << 1;
        CHECK(files.free_path(trainer, "") == base + "-v1.ckpt");
        CHECK(files.free_path(trainer, base + ".ckpt") == base + ".ckpt");  // its own file it may replace
        std::ofstream(base + "-v1.ckpt") << 1;
        CHECK(files.free_path(trainer, "") == base + "-v2.ckpt");
        const CheckpointFiles replacing{ModelCheckpointOptions{
            .dirpath = folder.path(), .filename = "{epoch}-{files_loss}", .enable_version_counter = false}};
        CHECK(replacing.free_path(trainer, "") == base + ".ckpt");
    }
    TEST_CASE("remembers what it saved and when") {
        const scripted::Folder folder;
        Writer trainer{.step = 5};
        CheckpointFiles files{ModelCheckpointOptions{.dirpath = folder.path(), .save_weights_only = true}};
        CHECK(files.saved_at(0));  // nothing to save before the first step
        CHECK_FALSE(files.saved_at(5));
        files.save(trainer, files.plain_path(trainer), owner);
        CHECK(files.saved_at(5));
        CHECK(trainer.weights_only);
        CHECK(files.last_saved() == files.plain_path(trainer));
        files.save_last(trainer, owner);  // not wanted
        CHECK(folder.files() == Names{"epoch=0-step=5.ckpt"});
    }
    TEST_CASE("last.ckpt is a file of its own, or a link to the one that was saved last") {
        for (const bool link : {false, true}) {
            CAPTURE(link);
            const scripted::Folder folder;
            Writer trainer{.step = 1};
            CheckpointFiles files{ModelCheckpointOptions{
                .dirpath = folder.path(), .save_last = link ? lit::SaveLast::link : lit::SaveLast::copy}};
            files.save(trainer, files.plain_path(trainer), owner);
            files.save_last(trainer, owner);
            trainer.step = 2;
            files.save(trainer, files.plain_path(trainer), owner);
            files.save_last(trainer, owner);
            CHECK(folder.files() == Names{"epoch=0-step=1.ckpt", "epoch=0-step=2.ckpt", "last.ckpt"});
            CHECK(fs::is_symlink(files.last_path()) == link);
            int step = 0;
            std::ifstream(files.last_path()) >> step;
            CHECK(step == 2);
        }
    }
    TEST_CASE("removes its own files only") {
        const scripted::Folder folder;
        const scripted::Folder other;
        Writer trainer;
        CheckpointFiles files{ModelCheckpointOptions{.dirpath = folder.path()}};
        const std::string own = (files.folder() / "a.ckpt").string();
        const std::string foreign = (other.path() / "a.ckpt").string();
        std::ofstream(own) << 1;
        std::ofstream(foreign) << 1;
        files.replace(own, own);
        files.replace(foreign, own);
        files.replace("", own);
        files.remove_replaced(trainer);
        CHECK(fs::exists(own));
        CHECK(fs::exists(foreign));
        files.replace(own, (files.folder() / "b.ckpt").string());
        CHECK(fs::exists(own));  // not before the save is whole
        files.keep_replaced();
        files.remove_replaced(trainer);
        CHECK(fs::exists(own));
        files.replace(own, (files.folder() / "b.ckpt").string());
        files.remove_replaced(trainer);
        CHECK_FALSE(fs::exists(own));
        CHECK(trainer.warnings.empty());
    }
    TEST_CASE("without a dirpath the folder is chosen when the run begins") {
        Writer trainer;
        CheckpointFiles files{ModelCheckpointOptions{}};
        CHECK(files.folder().empty());
        files.choose_folder(trainer);
        CHECK(files.folder() == "/made/checkpoints");
    }
}
