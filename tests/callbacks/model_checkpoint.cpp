// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"

#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/loggers/logger.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using scripted::Folder;
using scripted::Script;
using Names = std::vector<std::string>;
using Saver = lit::ModelCheckpoint<"value">;
using Plain = lit::ModelCheckpoint<>;

static_assert(lit::CallbackPolicy<Saver>);
static_assert(lit::StatefulCallback<Saver>);
static_assert(!std::is_polymorphic_v<Saver>);

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Trains with validation over the given values, one per epoch; batches of 2 steps.
template <class Callback>
Callback fit(Callback callback, const std::vector<double>& values, lit::TrainerOptions options = {}) {
    if (!options.max_epochs) {
        options.max_epochs = static_cast<std::int64_t>(values.size());
    }
    auto trainer = scripted::trainer(options, std::move(callback));
    Script module{{.per_epoch = values}};
    trainer.fit(module, scripted::batches(2), scripted::batches(1));
    return trainer.template get<Callback>();
}
std::int64_t epoch_in(const std::filesystem::path& file) {
    return lit::load_checkpoint(file).at("epoch").to_int();
}

/// Keeps the names of the files that were saved, `best` in front of the one that was the best then.
template <int>
struct Listens : lit::NullLogger {
    Names heard{};
    void after_save_checkpoint(const auto& checkpoint) {
        const auto file = checkpoint.last_saved_path();
        heard.push_back((file == checkpoint.best_model_path() ? "best " : "") + file.filename().string());
    }
};
static_assert(lit::LoggerPolicy<Listens<0>>);

/// Throws in a chosen step.
struct Breaks {
    std::int64_t at = 0;
    void on_train_batch_end(auto& trainer, auto& /*module*/) const {
        if (trainer.global_step() == at) {
            throw std::runtime_error("broken");
        }
    }
};

}  // namespace

TEST_SUITE("callbacks/model_checkpoint") {
    TEST_CASE("without a monitor keeps the newest, all or none") {
        struct Row {
            std::int64_t top_k;
            Names files;
            std::string best;
        };
        for (const Row& row : {Row{1, {"epoch=2-step=6.ckpt"}, "epoch=2-step=6.ckpt"},
                               Row{-1,
                                   {"epoch=0-step=2.ckpt", "epoch=1-step=4.ckpt", "epoch=2-step=6.ckpt"},
                                   "epoch=2-step=6.ckpt"},
                               Row{0, {}, ""}}) {
            CAPTURE(row.top_k);
            const Folder folder;
            const auto callback = fit(Plain{{.dirpath = folder.path(), .save_top_k = row.top_k}}, {1, 2, 3});
            CHECK(folder.files() == row.files);
            CHECK(callback.best_model_path().filename() == row.best);
            CHECK(!callback.best_model_score().has_value());
        }
    }

    TEST_CASE("with a monitor keeps the k best") {
        struct Row {
            std::vector<double> values;
            std::int64_t top_k;
            lit::Mode mode;
            Names files;
            double best;
            const char* why;
        };
        constexpr auto low = lit::Mode::minimize;
        constexpr auto high = lit::Mode::maximize;
        const std::vector<Row> rows{
            {{3, 1, 2, 2, 5}, 1, low, {"1.ckpt"}, 1, "the lowest"},
            {{3, 1, 2, 2, 5}, 2, low, {"1.ckpt", "2.ckpt"}, 1, "of equals the first"},
            {{3, 1, 2, 2, 5}, 2, high, {"0.ckpt", "4.ckpt"}, 5, "the highest"},
            {{1, 1, 1, 1}, 2, low, {"0.ckpt", "1.ckpt"}, 1, "ties are not saved once there are k"},
            {{3, 1, 2}, -1, low, {"0.ckpt", "1.ckpt", "2.ckpt"}, 1, "all"},
            {{not_a_number, 5, not_a_number, 4}, 1, low, {"3.ckpt"}, 4, "any number is better than nan"},
            {{5, not_a_number, 6},
             2,
             low,
             {"0.ckpt", "2.ckpt"},
             5,
             "nan fills a free place and has to leave it"},
            {{not_a_number, 1}, 1, high, {"1.ckpt"}, 1, "also upwards"},
        };
        for (const Row& row : rows) {
            CAPTURE(row.why);
            const Folder folder;
            const auto callback = fit(Saver{{.dirpath = folder.path(),
                                             .filename = "{epoch}",
                                             .mode = row.mode,
                                             .save_top_k = row.top_k,
                                             .auto_insert_metric_name = false}},
                                      row.values);
            CHECK(folder.files() == row.files);
            CHECK(callback.best_model_score() == row.best);
            CHECK(std::filesystem::exists(callback.best_model_path()));
            CHECK(callback.best_k_models().size() == row.files.size());
        }
    }

    TEST_CASE("last.ckpt is what stood there when a checkpoint was saved, as in Lightning") {
        SUBCASE("with a monitor that is the best, not the newest") {
            const Folder folder;
            const auto callback = fit(Saver{{.dirpath = folder.path(), .save_last = true}}, {3, 1, 2, 2, 5});
            CHECK(folder.files() == Names{"epoch=1-step=4.ckpt", "last.ckpt"});
            CHECK(epoch_in(folder.path() / "last.ckpt") == 1);
            CHECK(callback.last_model_path() == folder.path() / "last.ckpt");
        }
        SUBCASE("as a link it points to the file beside it") {
            const Folder folder;
            fit(Saver{{.dirpath = folder.path(), .save_last = lit::SaveLast::link}}, {3, 1, 2});
            CHECK(std::filesystem::read_symlink(folder.path() / "last.ckpt") == "epoch=1-step=4.ckpt");
            CHECK(epoch_in(folder.path() / "last.ckpt") == 1);
        }
        SUBCASE("alone it is written once, when training ends") {
            const Folder folder;
            fit(Plain{{.dirpath = folder.path(), .save_last = true, .save_top_k = 0}}, {3, 1, 2});
            CHECK(folder.files() == Names{"last.ckpt"});
            CHECK(epoch_in(folder.path() / "last.ckpt") == 3);
        }
        SUBCASE("a second run keeps that of the first") {
            const Folder folder;
            const Plain callback{{.dirpath = folder.path(), .save_last = true}};
            fit(callback, {1});
            fit(callback, {1});
            CHECK(folder.files() ==
                  Names{"epoch=0-step=2-v1.ckpt", "epoch=0-step=2.ckpt", "last-v1.ckpt", "last.ckpt"});
        }
    }

    TEST_CASE("the newest stands beside the best when a second callback keeps it, also after an exception") {
        const Folder folder;
        const Plain newest{{.dirpath = folder.path(), .filename = "newest", .enable_version_counter = false}};
        const Saver best{{.dirpath = folder.path(), .filename = "best"}};
        auto trainer = scripted::trainer({.max_epochs = 5}, best, newest, Breaks{.at = 7});
        Script module{{.per_epoch = {3, 1, 2, 2}}};
        CHECK_THROWS_WITH(trainer.fit(module, scripted::batches(2), scripted::batches(1)), "broken");
        CHECK(folder.files() == Names{"best.ckpt", "newest.ckpt"});
        CHECK(epoch_in(folder.path() / "best.ckpt") == 1);
        CHECK(epoch_in(folder.path() / "newest.ckpt") == 2);
        CHECK(trainer.get<Saver>().state_key() != trainer.get<Plain>().state_key());
    }

    TEST_CASE("last.ckpt alone is renewed whenever steps or the clock say so") {
        const Folder folder;
        const Plain last{
            {.dirpath = folder.path(), .save_last = true, .save_top_k = 0, .every_n_train_steps = 2}};
        auto trainer = scripted::trainer({.max_epochs = 5}, last, Breaks{.at = 5});
        Script module{{.per_epoch = {1}}};
        CHECK_THROWS_WITH(trainer.fit(module, scripted::batches(2), scripted::batches(1)), "broken");
        CHECK(folder.files() == Names{"last.ckpt"});
        CHECK(lit::load_checkpoint(folder.path() / "last.ckpt").at("global_step").to_int() == 4);
    }

    TEST_CASE("saves every so many steps, epochs, or by the clock") {
        SUBCASE("steps") {
            const Folder folder;
            fit(Plain{{.dirpath = folder.path(), .save_top_k = -1, .every_n_train_steps = 3}}, {1, 1, 1, 1});
            CHECK(folder.files() == Names{"epoch=1-step=3.ckpt", "epoch=2-step=6.ckpt"});
        }
        SUBCASE("epochs") {
            const Folder folder;
            fit(Plain{{.dirpath = folder.path(), .save_top_k = -1, .every_n_epochs = 2}}, {1, 1, 1, 1, 1});
            CHECK(folder.files() == Names{"epoch=1-step=4.ckpt", "epoch=3-step=8.ckpt"});
        }
        SUBCASE("clock") {
            const Folder folder;
            fit(Plain{{.dirpath = folder.path(),
                       .save_top_k = -1,
                       .train_time_interval = std::chrono::seconds(0)}},
                {1});
            CHECK(folder.files() == Names{"epoch=0-step=1.ckpt", "epoch=0-step=2.ckpt"});
            const Folder other;
            fit(Plain{{.dirpath = other.path(), .train_time_interval = std::chrono::hours(1)}}, {1});
            CHECK(other.files().empty());
        }
    }

    TEST_CASE(
        "a step that comes before the monitor is there, or is about to be renewed, waits for the "
        "validation") {
        const Folder folder;
        fit(Saver{{.dirpath = folder.path(),
                   .filename = "{step}-{value:.0f}",
                   .save_top_k = -1,
                   .every_n_train_steps = 1,
                   .save_on_train_epoch_end = false}},
            {7, 8});
        // Step 1 has no value yet; steps 2 and 4 end their epochs, step 3 shows what there is.
        CHECK(folder.files() == Names{"step=2-value=7.ckpt", "step=3-value=7.ckpt", "step=4-value=8.ckpt"});
    }

    TEST_CASE("several validations in an epoch are saved after each") {
        const Folder folder;
        fit(Plain{{.dirpath = folder.path(), .save_top_k = -1}}, {1}, {.val_check_interval = 0.5});
        CHECK(folder.files() == Names{"epoch=0-step=1.ckpt", "epoch=0-step=2.ckpt"});
    }

    TEST_CASE("does not replace a file, unless it is told to") {
        for (const bool counts : {true, false}) {
            CAPTURE(counts);
            const Folder folder;
            fit(Saver{{.dirpath = folder.path(),
                       .filename = "same",
                       .save_top_k = 3,
                       .enable_version_counter = counts}},
                {3, 2, 1});
            CHECK(folder.files() ==
                  (counts ? Names{"same-v1.ckpt", "same-v2.ckpt", "same.ckpt"} : Names{"same.ckpt"}));
        }
    }

    TEST_CASE("a slash in a name makes a folder") {
        const Folder folder;
        fit(Saver{{.dirpath = folder.path(), .filename = "deep/{epoch}"}}, {3});
        CHECK(std::filesystem::exists(folder.path() / "deep" / "epoch=0.ckpt"));
    }

    TEST_CASE("goes where the first logger goes, or to the root folder") {
        const Folder folder;
        auto trainer = scripted::trainer({.max_epochs = 1, .default_root_dir = folder.path()}, Plain{});
        Script module;
        trainer.fit(module, scripted::batches(1));
        CHECK(std::filesystem::exists(folder.path() / "checkpoints" / "epoch=0-step=1.ckpt"));
    }

    TEST_CASE("saves nothing in fast_dev_run but the last file at its end, as Lightning does") {
        const Folder folder;
        fit(Plain{{.dirpath = folder.path()}}, {1}, {.fast_dev_run = 1});
        CHECK(folder.files().empty());
        fit(Plain{{.dirpath = folder.path(), .save_last = true}}, {1}, {.fast_dev_run = 1});
        CHECK(folder.files() == Names{"last.ckpt"});
    }

    TEST_CASE("saves on an exception when asked to, under the plain name") {
        const Folder folder;
        auto trainer = scripted::trainer(
            {.max_epochs = 1}, Breaks{3},
            Plain{{.dirpath = folder.path(), .save_last = true, .save_on_exception = true}});
        Script module;
        CHECK_THROWS_AS(trainer.fit(module, scripted::batches(4)), std::runtime_error);
        CHECK(folder.files() == Names{"epoch=0-step=3.ckpt", "last.ckpt"});
        const Folder silent;
        auto without = scripted::trainer({.max_epochs = 1}, Breaks{3}, Plain{{.dirpath = silent.path()}});
        CHECK_THROWS_AS(without.fit(module, scripted::batches(4)), std::runtime_error);
        CHECK(silent.files().empty());
    }

    TEST_CASE("a file holds its own entry, under Lightning's key and names") {
        const Folder folder;
        const auto callback = fit(Saver{{.dirpath = folder.path(), .save_top_k = 2}}, {3, 1});
        CHECK(callback.state_key() ==
              "ModelCheckpoint{'monitor': 'value', 'mode': 'min', 'every_n_train_steps': 0, "
              "'every_n_epochs': 1, "
              "'train_time_interval': None}");
        const lit::Value file = lit::load_checkpoint(callback.best_model_path());
        const lit::Dict& state = file.at("callbacks").at(callback.state_key()).dict();
        std::string keys;
        for (const auto& [key, value] : state) {
            keys += key.string() + " ";
        }
        CHECK(keys ==
              "monitor best_model_score best_model_path current_score dirpath best_k_models "
              "kth_best_model_path "
              "kth_value last_model_path lit ");
        CHECK(state.at("best_model_path").string() == callback.best_model_path().string());
        CHECK(state.at("best_k_models").dict().size() == 2);
        CHECK(state.at("best_model_score").tensor().item<float>() == 1.0F);
        CHECK(state.at("dirpath").string() == std::filesystem::canonical(folder.path()).string());
        CHECK(
            Plain{{.train_time_interval = std::chrono::seconds(90)}}.state_key() ==
            "ModelCheckpoint{'monitor': None, 'mode': 'min', 'every_n_train_steps': 0, 'every_n_epochs': 0, "
            "'train_time_interval': datetime.timedelta(seconds=90)}");
    }

    TEST_CASE("every logger that wants to hears of each file when it is there, but of none in fast_dev_run") {
        const Folder folder;
        Script module{{.per_epoch = {3, 5, 1}}};
        const Saver best{
            {.dirpath = folder.path(), .filename = "{epoch}", .save_last = lit::SaveLast::copy, .save_top_k = 2}};
        auto trainer = scripted::trainer({.max_epochs = 3}, Listens<0>{}, lit::NullLogger{}, Listens<1>{}, best);
        trainer.fit(module, scripted::batches(2), scripted::batches(1));
        const Names all{"best epoch=0.ckpt", "last.ckpt", "epoch=1.ckpt",
                        "last.ckpt",         "best epoch=2.ckpt", "last.ckpt"};
        CHECK(trainer.get<Listens<0>>().heard == all);
        CHECK(trainer.get<Listens<1>>().heard == all);

        auto linking = scripted::trainer(
            {.max_epochs = 1}, Listens<0>{},
            Plain{{.dirpath = folder.path(), .filename = "a", .save_last = lit::SaveLast::link}});
        linking.fit(module, scripted::batches(2), scripted::batches(1));
        CHECK(linking.get<Listens<0>>().heard == Names{"best a.ckpt"});

        auto trial = scripted::trainer({.fast_dev_run = 1}, Listens<0>{},
                                       Plain{{.dirpath = folder.path(), .save_last = true}});
        trial.fit(module, scripted::batches(2), scripted::batches(1));
        CHECK(trial.get<Listens<0>>().heard.empty());
    }

    TEST_CASE("to_yaml writes the table of the best, sorted by path") {
        const Folder folder;
        const auto read = [](const std::filesystem::path& path) {
            std::ifstream file(path);
            return std::string(std::istreambuf_iterator<char>(file), {});
        };
        const auto callback =
            fit(Saver{{.dirpath = folder.path(), .mode = lit::Mode::maximize, .save_top_k = 2}}, {1, 3, 0.1});
        callback.to_yaml();
        const std::string base = callback.dirpath().string() + "/epoch=";
        const std::string table = "\"" + base + "0-step=2.ckpt\": 1.0\n\"" + base + "1-step=4.ckpt\": 3.0\n";
        CHECK(read(folder.path() / "best_k_models.yaml") == table);
        callback.to_yaml(folder.path() / "named.yaml");
        CHECK(read(folder.path() / "named.yaml") == table);
        CHECK_THROWS_WITH_AS(Saver{}.to_yaml(), doctest::Contains("Give a `dirpath`, or the file"), lit::ConfigError);
        CHECK_THROWS_AS(callback.to_yaml(folder.path() / "none" / "a.yaml"), lit::FileError);
    }

    TEST_CASE("a run that goes on takes over the best, and does not delete where it came from") {
        const Folder folder;
        const lit::ModelCheckpointOptions options{.dirpath = folder.path(), .filename = "{epoch}"};
        const auto first = fit(Saver{options}, {3, 2});
        CHECK(folder.files() == Names{"epoch=1.ckpt"});
        auto trainer = scripted::trainer({.max_epochs = 4}, Saver{options});
        Script module{{.per_epoch = {3, 2, 5, 1}}};
        trainer.fit(module, scripted::batches(2), scripted::batches(1),
                    {.ckpt_path = first.best_model_path().string()});
        // Epoch 2 is worse than what was taken over; epoch 3 is better, and the file of epoch 1 stays.
        CHECK(folder.files() == Names{"epoch=1.ckpt", "epoch=3.ckpt"});
        CHECK(trainer.get<Saver>().best_model_score() == 1.0);
    }

    TEST_CASE("in another folder only the best path is taken over") {
        const Folder one;
        const Folder other;
        const auto first = fit(Saver{{.dirpath = one.path()}}, {3});
        Saver second{{.dirpath = other.path()}};
        second.load_state_dict(first.state_dict());
        CHECK(second.best_model_path() == first.best_model_path());
        CHECK(!second.best_model_score().has_value());
        CHECK(second.best_k_models().empty());
    }

    TEST_CASE("the words best and last name its files") {
        const Folder folder;
        auto trainer =
            scripted::trainer({.max_epochs = 2}, Saver{{.dirpath = folder.path(), .save_last = true}});
        Script module{{.per_epoch = {1, 2}}};
        trainer.fit(module, scripted::batches(2), scripted::batches(1));
        trainer.test(module, scripted::batches(1), {.ckpt_path = "best", .verbose = false});
        trainer.options().max_epochs = 3;
        const auto again =
            trainer.fit(module, scripted::batches(2), scripted::batches(1), {.ckpt_path = "last"});
        CHECK(again.epochs == 3);
        CHECK(again.global_step == 6);
    }

    TEST_CASE("a value that was never logged is an error after a validation, and a warning where none runs") {
        const Folder folder;
        CHECK_THROWS_WITH_AS(fit(lit::ModelCheckpoint<"val_los">{{.dirpath = folder.path()}}, {1, 2}),
                             doctest::Contains("ModelCheckpoint: no logged value \"val_los\". Known: value"),
                             lit::ConfigError);
        auto trainer = scripted::trainer({.max_epochs = 2}, Saver{{.dirpath = folder.path()}});
        Script module;
        trainer.fit(module, scripted::batches(1));
        CHECK(folder.files().empty());
    }

    TEST_CASE("a file that cannot be written is an error with its path") {
        const Folder folder;
        std::ofstream(folder.path() / "blocked") << "a file where a folder is wanted";
        try {
            fit(Plain{{.dirpath = folder.path() / "blocked"}}, {1});
            FAIL("nothing was thrown");
        } catch (const lit::FileError& error) {
            CHECK(std::string(error.what()).find((folder.path() / "blocked").string()) != std::string::npos);
        }
    }

    TEST_CASE("refuses settings that exclude each other") {
        CHECK_THROWS_AS(Plain{{.save_top_k = -2}}, lit::ConfigError);
        CHECK_THROWS_AS(Plain{{.save_top_k = 3}}, lit::ConfigError);
        CHECK_NOTHROW(Saver{{.save_top_k = 3}});
        CHECK_THROWS_AS((Plain{{.every_n_train_steps = 1, .every_n_epochs = 1}}), lit::ConfigError);
        CHECK_THROWS_AS(Plain{{.every_n_train_steps = -1}}, lit::ConfigError);
        CHECK_THROWS_AS(Saver{{.monitor = "another"}}, lit::ConfigError);
        CHECK_THROWS_AS(Plain{{.filename = "{epoch"}}, lit::ConfigError);
    }

    TEST_CASE("a validation before the fit does not make a monitor that comes later an error") {
        const Folder folder;
        auto trainer = scripted::trainer(
            {.max_epochs = 4, .check_val_every_n_epoch = 2, .num_sanity_val_steps = 0},
            Saver{{.dirpath = folder.path(), .save_on_train_epoch_end = true}});
        Script module{{.per_epoch = {1.0, 1.0, 0.5, 0.5}}};
        trainer.validate(module, scripted::batches(1), {.verbose = false});
        CHECK(trainer.fit(module, scripted::batches(2), scripted::batches(1)).epochs == 4);
    }
}
