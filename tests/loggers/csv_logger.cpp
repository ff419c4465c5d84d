// SPDX-License-Identifier: Apache-2.0
#include "loggers/reference/folder.hpp"
#include "support/doctest.hpp"  // LibTorch defines CHECK and LOG; this drops them, then includes doctest
#include "support/small_disk.hpp"

#include <lit/loggers/csv_logger.hpp>

#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using lit::CSVLogger;
using lit::Scalar;

static_assert(lit::LoggerPolicy<CSVLogger> && lit::FlushesLogs<CSVLogger>);
static_assert(!std::is_polymorphic_v<CSVLogger>);

std::string table(const CSVLogger& logger) { return reference::content(logger.log_dir() / "metrics.csv"); }

TEST_SUITE("loggers/csv_logger") {
    TEST_CASE("a logger that was not started leaves nothing behind") {
        const reference::TemporaryFolder folder;
        {
            CSVLogger logger{{.save_dir = folder.text()}};
            logger.save();
            logger.finalize("failed");
            CHECK_THROWS_AS(logger.log_metrics(std::vector<Scalar>{{"a", 1.0}}, 0), lit::Error);
        }
        CHECK(std::filesystem::is_empty(folder.path()));
    }

    // Reference: a run of Lightning 2.6.6 with CSVLogger, measured byte for byte.
    TEST_CASE(
        "the table is Lightning's: sorted columns, step among them, empty cells, epoch and step without a "
        "dot") {
        const reference::TemporaryFolder folder;
        CSVLogger logger{};
        logger.start(folder.path());
        logger.log_metrics(std::vector<Scalar>{{"a_step", 0.0}, {"epoch", 0.0}}, 0);
        logger.log_metrics(std::vector<Scalar>{{"v", 1.5}}, 2);
        logger.log_metrics(std::vector<Scalar>{{"a_epoch", 1.0}, {"epoch", 0.0}}, 2);
        logger.finalize("success");
        CHECK(table(logger) == "a_epoch,a_step,epoch,step,v\r\n,0.0,0,0,\r\n,,,2,1.5\r\n1.0,,0,2,\r\n");
        CHECK(std::distance(std::filesystem::directory_iterator(logger.log_dir()), {}) == 1);
    }

    TEST_CASE("a new name after rows were written rewrites the table and loses none") {
        const reference::TemporaryFolder folder;
        CSVLogger logger{{.save_dir = folder.text(), .flush_logs_every_n_steps = 1}};
        logger.start("");
        const auto many = 5000;
        for (int step = 0; step < many; ++step) {
            logger.log_metrics(
                std::vector<Scalar>{{"loss", 0.5}, {"a \"quoted\", name", static_cast<double>(step)}}, step);
        }
        logger.log_metrics(std::vector<Scalar>{{"m", std::numeric_limits<double>::quiet_NaN()}}, many);
        logger.log_metrics(
            std::vector<Scalar>{{"0", 1e-5}, {"loss", std::numeric_limits<double>::infinity()}}, many);
        std::string expected = "0,\"a \"\"quoted\"\", name\",loss,m,step\r\n";
        for (int step = 0; step < many; ++step) {
            expected += "," + std::to_string(step) + ".0,0.5,," + std::to_string(step) + "\r\n";
        }
        expected += ",,,nan,5000\r\n1e-05,,inf,,5000\r\n";
        logger.flush();
        CHECK(table(logger) == expected);
    }

    TEST_CASE("rows are written every flush_logs_every_n_steps steps, on flush and on finalize") {
        const reference::TemporaryFolder folder;
        CSVLogger logger{{.save_dir = folder.text(), .prefix = "net", .flush_logs_every_n_steps = 3}};
        logger.start("");
        const auto row = [&](int step) {
            logger.log_metrics(std::vector<Scalar>{{"loss", 1.0}}, step);
            logger.save();
        };
        row(0);
        row(1);
        CHECK(table(logger).empty());
        row(2);
        CHECK(table(logger) == "net-loss,step\r\n1.0,0\r\n1.0,1\r\n1.0,2\r\n");
        row(3);
        CHECK(table(logger).size() == std::string("net-loss,step\r\n").size() + 3 * 7);
        lit::flush_logs(logger);
        CHECK(table(logger).ends_with("1.0,3\r\n"));
        row(4);
        CSVLogger moved = std::move(logger);
        moved.finalize("success");
        CHECK(table(moved).ends_with("1.0,4\r\n"));
        moved.start("");  // a test after the fit
        moved.log_metrics(std::vector<Scalar>{{"test", 2.0}}, 5);
        moved.finalize("success");
        CHECK(moved.version() == "version_0");
        CHECK(table(moved).starts_with("net-loss,net-test,step\r\n1.0,,0\r\n"));
        CHECK(table(moved).ends_with("1.0,,4\r\n,2.0,5\r\n"));
    }

    TEST_CASE("a table of an earlier run in a version that the user names is deleted, as in Lightning") {
        const reference::TemporaryFolder folder;
        const lit::CSVLoggerOptions options{.save_dir = folder.text(), .version = "mine"};
        {
            CSVLogger first{options};
            first.start("");
            first.log_metrics(std::vector<Scalar>{{"a", 1.0}}, 0);
        }
        CSVLogger second{options};
        second.start("");
        second.log_metrics(std::vector<Scalar>{{"b", 1.0}}, 0);
        second.flush();
        CHECK(table(second) == "b,step\r\n1.0,0\r\n");
    }

    TEST_CASE("rows that did not get through are lost as a whole, and do not count") {
        const reference::TemporaryFolder folder;
        CSVLogger logger{{.flush_logs_every_n_steps = 1}};
        logger.start(folder.path());
        const auto log = [&](double loss, std::int64_t step) {
            logger.log_metrics(std::vector<Scalar>{{"loss", loss}}, step);
            logger.save();
        };
        log(2.25, 0);
        {
            const lit::testing::SmallDisk full(table(logger).size() + 4);
            CHECK_THROWS_AS(log(3.25, 1), lit::FileError);
        }
        log(4.25, 2);
        CHECK(table(logger) == "loss,step\r\n2.25,0\r\n4.25,2\r\n");
        CHECK(logger.run_identity().at("rows").to_int() == 2);
    }

    TEST_CASE("a run goes on under a header whose names have line ends") {
        const reference::TemporaryFolder folder;
        const std::vector<Scalar> row{{"new\nline", 1.0}, {"plain", 2.0}};
        CSVLogger first{};
        first.start(folder.path());
        first.log_metrics(row, 3);
        first.finalize("success");
        const std::string before = table(first);
        CSVLogger second{};
        second.resume_run(first.run_identity());
        second.start(folder.path());
        second.log_metrics(row, 4);
        second.finalize("success");
        CHECK(table(second) == before + "1.0,2.0,4\r\n");
    }

    TEST_CASE("hyperparameters go to hparams.yaml, later ones beside earlier ones") {
        const reference::TemporaryFolder folder;
        CSVLogger logger{{.save_dir = folder.text()}};
        logger.start("");
        logger.log_hyperparams(lit::Dict{{"lr", 1e-5}});
        logger.log_hyperparams(lit::Dict{{"batch_size", 32}});
        CHECK(reference::content(logger.log_dir() / "hparams.yaml") == "lr: 1.0e-05\nbatch_size: 32\n");
    }

    TEST_CASE(
        "bad settings throw on construction, an unwritable folder at start, a vanished one when it is "
        "written") {
        CHECK_THROWS_WITH_AS(CSVLogger({.flush_logs_every_n_steps = 0}),
                             doctest::Contains("flush_logs_every_n_steps = 0"), lit::ConfigError);
        CSVLogger kernel{{.save_dir = "/proc/lit"}};
        CHECK_THROWS_WITH_AS(kernel.start(""),
                             doctest::Contains("CSVLogger: cannot create the folder /proc/lit"),
                             lit::FileError);
        const reference::TemporaryFolder folder;
        CSVLogger logger{{.save_dir = folder.text()}};
        logger.start("");
        logger.log_metrics(std::vector<Scalar>{{"a", 1.0}}, 0);
        std::filesystem::remove_all(logger.log_dir());
        CHECK_THROWS_WITH_AS(logger.flush(), doctest::Contains("metrics.csv: No such file or directory"),
                             lit::FileError);
    }

    TEST_CASE("a run that goes on keeps the rows it had then, and puts the others aside") {
        const reference::TemporaryFolder folder;
        const auto row = [](CSVLogger& logger, int step, double value) {
            logger.log_metrics(std::vector<Scalar>{{"loss", value}}, step);
        };
        lit::Dict identity;
        {
            CSVLogger first{};
            first.start(folder.path());
            for (int step = 0; step < 5; ++step) {
                row(first, step, 0.5);
                if (step == 2) {
                    identity = first.run_identity();
                }
            }
            first.log_metrics(std::vector<Scalar>{{"a, b", 1.0}}, 5);
            first.finalize("failed");
        }
        CHECK(identity.at("rows").to_int() == 3);
        CSVLogger again{};
        again.resume_run(identity);
        again.start(folder.path());
        CHECK(again.version() == "version_0");
        CHECK(again.run_identity().at("rows").to_int() == 3);
        row(again, 3, 0.25);
        again.finalize("success");
        CHECK(table(again) == "\"a, b\",loss,step\r\n,0.5,0\r\n,0.5,1\r\n,0.5,2\r\n,0.25,3\r\n");
        CHECK(reference::content(again.log_dir() / "metrics.superseded.csv") ==
              "\"a, b\",loss,step\r\n,0.5,3\r\n,0.5,4\r\n1.0,,5\r\n");
    }
    TEST_CASE("a row that a killed process wrote in part is put aside too, rows that are gone are told") {
        const reference::TemporaryFolder folder;
        lit::Dict identity;
        {
            CSVLogger first{};
            first.start(folder.path());
            first.log_metrics(std::vector<Scalar>{{"loss", 0.5}}, 0);
            identity = first.run_identity();
            first.finalize("failed");
            const std::string whole = table(first);
            reference::write(first.log_dir() / "metrics.csv", whole + "0.2");
        }
        CSVLogger again{};
        again.resume_run(identity);
        again.start(folder.path());
        again.log_metrics(std::vector<Scalar>{{"loss", 0.25}}, 1);
        again.finalize("success");
        CHECK(table(again) == "loss,step\r\n0.5,0\r\n0.25,1\r\n");
        CHECK(reference::content(again.log_dir() / "metrics.superseded.csv") == "loss,step\r\n0.2\r\n");

        identity.set("rows", 7);
        CSVLogger fewer{};
        fewer.resume_run(identity);
        fewer.start(folder.path());
        fewer.log_metrics(std::vector<Scalar>{{"loss", 0.125}}, 2);
        fewer.finalize("success");
        CHECK(table(fewer) == "loss,step\r\n0.5,0\r\n0.25,1\r\n0.125,2\r\n");
        std::filesystem::remove(fewer.log_dir() / "metrics.csv");
        CSVLogger none{};
        none.resume_run(identity);
        none.start(folder.path());
        none.log_metrics(std::vector<Scalar>{{"other", 1.0}}, 3);
        none.finalize("success");
        CHECK(table(none) == "other,step\r\n1.0,3\r\n");
    }
}

}  // namespace
