// SPDX-License-Identifier: Apache-2.0
#include "loggers/reference/event_reader.hpp"
#include "loggers/reference/folder.hpp"
#include "support/doctest.hpp"  // LibTorch defines CHECK and LOG; this drops them, then includes doctest
#include "support/small_disk.hpp"

#include <lit/loggers/tensorboard_logger.hpp>

#include <cstdlib>
#include <limits>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {
thread_local std::int64_t allocations = 0;
}  // namespace

// Counts what a thread allocates, for the case below that allows nothing.
void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size == 0 ? 1 : size)) {
        return memory;
    }
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

namespace {

using lit::Scalar;
using lit::TensorBoardLogger;

static_assert(lit::LoggerPolicy<TensorBoardLogger> && lit::FlushesLogs<TensorBoardLogger>);
static_assert(!std::is_polymorphic_v<TensorBoardLogger>);
static_assert(!std::is_copy_constructible_v<TensorBoardLogger> &&
              std::is_move_constructible_v<TensorBoardLogger>);

std::vector<reference::Event> only_file(const TensorBoardLogger& logger) {
    const auto files = reference::event_files(logger.log_dir());
    REQUIRE(files.size() == 1);
    return reference::read_events(files.front());
}

TEST_SUITE("loggers/tensorboard_logger") {
    TEST_CASE("a logger that was not started leaves nothing behind, and says so when it is used") {
        const reference::TemporaryFolder folder;
        {
            TensorBoardLogger logger{{.save_dir = folder.text()}};
            CHECK(logger.name() == "lightning_logs");
            CHECK(logger.version().empty());
            CHECK(logger.log_dir().empty());
            logger.save();
            logger.finalize("failed");
            CHECK_THROWS_WITH_AS(logger.log_metrics(std::vector<Scalar>{{"a", 1.0}}, 0),
                                 doctest::Contains("before start(default_root_dir)"), lit::Error);
        }
        CHECK(std::filesystem::is_empty(folder.path()));
    }

    TEST_CASE("rows come back with their names, steps and values") {
        const reference::TemporaryFolder folder;
        TensorBoardLogger logger{};
        logger.start(folder.path());
        CHECK(logger.log_dir() == folder.path() / "lightning_logs" / "version_0");
        CHECK(logger.save_dir() == folder.path());
        logger.log_metrics(std::vector<Scalar>{{"train/loss", 0.1}, {"epoch", 0.0}}, 0);
        logger.log_metrics(std::vector<Scalar>{}, 1);
        logger.log_metrics(std::vector<Scalar>{{"grösse", std::numeric_limits<double>::infinity()}},
                           3'000'000'000);
        logger.finalize("success");

        const auto events = only_file(logger);
        REQUIRE(events.size() == 3);
        CHECK(events[0].file_version == "brain.Event:2");
        CHECK(events[1].step == 0);
        REQUIRE(events[1].values.size() == 2);
        CHECK(events[1].values[0].tag == "train/loss");
        CHECK(events[1].values[0].number == 0.1F);
        CHECK(events[1].values[1].tag == "epoch");
        CHECK(events[2].step == 3'000'000'000);
        CHECK(events[2].values[0].tag == "grösse");
        CHECK(events[2].values[0].number == std::numeric_limits<float>::infinity());
        CHECK(events[2].wall_time >= events[1].wall_time);
        CHECK(events[1].wall_time > 1.7e9);
    }

    TEST_CASE("rows stay buffered until flush, and a prefix and a sub folder are used") {
        const reference::TemporaryFolder folder;
        TensorBoardLogger logger{{.save_dir = folder.text(),
                                  .name = "exp",
                                  .version = "mine",
                                  .prefix = "net",
                                  .sub_dir = "a",
                                  .flush_secs = 3600}};
        logger.start("unused");
        CHECK(logger.log_dir() == folder.path() / "exp" / "mine" / "a");
        logger.log_metrics(std::vector<Scalar>{{"loss", 1.0}}, 0);
        logger.save();
        CHECK(only_file(logger).size() == 1);
        lit::flush_logs(logger);
        const auto events = only_file(logger);
        REQUIRE(events.size() == 2);
        CHECK(events[1].values[0].tag == "net-loss");
    }

    TEST_CASE("flush_secs = 0 writes each row at once, and a full buffer is written without being asked") {
        const reference::TemporaryFolder folder;
        TensorBoardLogger eager{{.save_dir = folder.text(), .flush_secs = 0}};
        eager.start("");
        eager.log_metrics(std::vector<Scalar>{{"loss", 1.0}}, 0);
        CHECK(only_file(eager).size() == 2);
        TensorBoardLogger lazy{{.save_dir = folder.text(), .flush_secs = 3600}};
        lazy.start("");
        CHECK(lazy.version() == "version_1");
        for (int i = 0; i < 2000; ++i) {
            lazy.log_metrics(std::vector<Scalar>{{"loss", 1.0}}, i);
        }
        const auto written = only_file(lazy).size();
        CHECK(written > 1000);
        CHECK(written < 2001);
    }

    TEST_CASE("a row allocates nothing once one like it was logged") {
        const reference::TemporaryFolder folder;
        TensorBoardLogger logger{
            {.save_dir = folder.text(), .prefix = "a_prefix_that_is_not_short", .flush_secs = 3600}};
        logger.start("");
        const Scalar row[] = {
            {"a_name_that_is_too_long_for_the_string_itself", 1.0}, {"loss", 2.0}, {"epoch", 3.0}};
        logger.log_metrics(row, 0);
        logger.save();
        const std::int64_t before = allocations;
        for (std::int64_t step = 1; step < 5000; ++step) {
            logger.log_metrics(row, step);
            logger.save();
        }
        const std::int64_t during = allocations - before;
        CHECK(during == 0);
        logger.finalize("success");
        CHECK(only_file(logger).size() == 5001);
    }

    TEST_CASE("hyperparameters go to hparams.yaml and to the HPARAMS tab, with hp_metric = -1") {
        const reference::TemporaryFolder folder;
        TensorBoardLogger logger{{.save_dir = folder.text()}};
        logger.start("");
        logger.save();
        CHECK(reference::content(logger.log_dir() / "hparams.yaml") == "{}\n");
        logger.log_hyperparams(lit::Dict{{"lr", 1e-3}, {"net", lit::Dict{{"deep", true}}}});
        CHECK(reference::content(logger.log_dir() / "hparams.yaml") == "lr: 0.001\nnet:\n  deep: true\n");
        logger.finalize("failed");
        const auto events = only_file(logger);
        REQUIRE(events.size() == 5);
        CHECK(events[1].values[0].tag == "hp_metric");
        CHECK(events[1].values[0].number == -1.0F);
        CHECK(events[1].step == 0);
        CHECK(events[2].values[0].tag == "_hparams_/experiment");
        CHECK(events[3].values[0].tag == "_hparams_/session_start_info");
        CHECK(events[4].values[0].tag == "_hparams_/session_end_info");
        for (std::size_t i = 2; i < 5; ++i) {
            CHECK(events[i].values[0].plugin == "hparams");
        }
        CHECK(events[3].values[0].plugin_content.find("net/deep") != std::string::npos);
        std::uint64_t status = 0;
        reference::each_field(
            events[4].values[0].plugin_content, [&](int field, int, std::uint64_t, std::string_view end) {
                if (field == 4) {
                    reference::each_field(end, [&](int part, int, std::uint64_t integer, std::string_view) {
                        status = part == 1 ? integer : status;
                    });
                }
            });
        CHECK(status == 2);  // STATUS_FAILURE
    }

    TEST_CASE("without default_hp_metric only hparams.yaml is written; given metrics take its place") {
        const reference::TemporaryFolder folder;
        TensorBoardLogger logger{{.save_dir = folder.text(), .default_hp_metric = false}};
        logger.start("");
        logger.log_hyperparams(lit::Dict{{"lr", 1e-3}});
        logger.flush();
        CHECK(only_file(logger).size() == 1);
        logger.log_hyperparams(lit::Dict{{"lr", 1e-3}}, std::vector<Scalar>{{"val_acc", 0.0}});
        logger.flush();
        const auto events = only_file(logger);
        REQUIRE(events.size() == 4);
        CHECK(events[1].values[0].tag == "val_acc");
    }

    TEST_CASE("a second run goes to the same folder, in a file of its own; a moved logger goes on") {
        const reference::TemporaryFolder folder;
        TensorBoardLogger logger{{.save_dir = folder.text(), .flush_secs = 3600}};
        logger.start("");
        logger.log_metrics(std::vector<Scalar>{{"loss", 1.0}}, 0);
        TensorBoardLogger moved = std::move(logger);
        moved.log_metrics(std::vector<Scalar>{{"loss", 2.0}}, 1);
        moved.finalize("success");
        CHECK(only_file(moved).size() == 3);
        moved.start("");
        moved.log_metrics(std::vector<Scalar>{{"test_loss", 3.0}}, 1);
        moved.finalize("success");
        CHECK(moved.version() == "version_0");
        CHECK(reference::event_files(moved.log_dir()).size() == 2);
    }

    TEST_CASE("what was logged is written when a logger goes out of scope without finalize") {
        const reference::TemporaryFolder folder;
        std::filesystem::path log_dir;
        {
            TensorBoardLogger logger{{.save_dir = folder.text(), .flush_secs = 3600}};
            logger.start("");
            log_dir = logger.log_dir();
            logger.log_metrics(std::vector<Scalar>{{"loss", 1.0}}, 0);
        }
        CHECK(reference::read_events(reference::event_files(log_dir).front()).size() == 2);
    }

    TEST_CASE(
        "bad settings throw on construction, an unwritable folder at start, a write that fails when it "
        "fails") {
        CHECK_THROWS_WITH_AS(TensorBoardLogger({.flush_secs = -1}), doctest::Contains("flush_secs"),
                             lit::ConfigError);
        const reference::TemporaryFolder folder;
        reference::write(folder.path() / "file", "in the way");
        TensorBoardLogger nowhere{{.save_dir = (folder.path() / "file").string()}};
        CHECK_THROWS_WITH_AS(nowhere.start(""),
                             doctest::Contains("TensorBoardLogger: cannot create the folder"),
                             lit::FileError);

        TensorBoardLogger logger{{.save_dir = folder.text()}};
        logger.start("");
        logger.log_metrics(std::vector<Scalar>{{"loss", 1.0}}, 0);
        std::string message;
        {
            const lit::testing::SmallDisk full(
                reference::content(reference::event_files(logger.log_dir()).front()).size() + 5);
            try {
                logger.flush();
            } catch (const lit::FileError& error) {
                message = error.what();
            }
        }
        CHECK(message.find("TensorBoardLogger: cannot write to") != std::string::npos);
        CHECK(message.find("File too large") != std::string::npos);
        // What comes after it is not lost too.
        logger.log_metrics(std::vector<Scalar>{{"loss", 2.0}}, 1);
        logger.flush();
        const auto events = only_file(logger);
        REQUIRE(events.size() == 2);
        CHECK(events[1].step == 1);
    }

    TEST_CASE("a run that goes on writes another event file into its own folder") {
        const reference::TemporaryFolder folder;
        TensorBoardLogger first{};
        first.start(folder.path());
        const lit::Dict identity = first.run_identity();
        first.finalize("failed");
        TensorBoardLogger again{};
        again.resume_run(identity);
        again.start(folder.path());
        CHECK(again.version() == "version_0");
        CHECK(again.log_dir() == first.log_dir());
        again.finalize("failed");
        CHECK(std::distance(std::filesystem::directory_iterator(again.log_dir()), {}) == 2);
    }
}

}  // namespace
