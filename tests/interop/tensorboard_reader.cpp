// SPDX-License-Identifier: Apache-2.0
// The C++ half of tensorboard_reader.py: one run logged to TensorBoard and to CSV, with hyperparameters of
// every kind.
//     tensorboard_reader FOLDER    writes FOLDER/tensorboard and FOLDER/csv
#include <lit/loggers/csv_logger.hpp>
#include <lit/loggers/tensorboard_logger.hpp>

#include <torch/types.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <limits>
#include <string>
#include <vector>

namespace {

lit::Dict hyperparameters() {
    const double infinity = std::numeric_limits<double>::infinity();
    lit::List texts;
    for (const char* text : {"",
                             "yes",
                             "No",
                             "null",
                             "~",
                             "12",
                             "1e-05",
                             "0x1f",
                             "1_000",
                             "12:30",
                             "2024-01-01",
                             "y",
                             "=",
                             "<<",
                             "- a",
                             "a: b",
                             "a #b",
                             "'q'",
                             "say \"hi\"",
                             "back\\slash",
                             "two\nlines\r\n\ttab",
                             " lead",
                             "trail ",
                             "{x}",
                             "[y]",
                             "&a",
                             "*a",
                             "!t",
                             "%d",
                             "@at",
                             "`b`",
                             "?",
                             "größe",
                             "日本語",
                             "\xF0\x9F\x94\xA5",
                             "\xC2\x85next",
                             "a\xE2\x80\xA8z",
                             "\xEF\xBB\xBF"
                             "bom",
                             "\x01\x7f",
                             ".5",
                             "_1",
                             "adam",
                             "path/to-a.file"}) {
        texts.emplace_back(text);
    }
    return {
        {"lr", 1e-5},
        {"wide", 1e20},
        {"tiny", 5e-324},
        {"third", 1.0 / 3.0},
        {"big", std::numeric_limits<std::int64_t>::min()},
        {"hidden", 128},
        {"bias", true},
        {"nothing", nullptr},
        {"no", "a key that is a word of YAML"},
        {"a key: with #signs", 1},
        {"optimizer", "adam"},
        {"infinite", lit::List{infinity, -infinity}},
        {"betas", lit::Tuple{{0.9, 0.999}}},
        {"nested", lit::Dict{{"deep", lit::Dict{{"x", 1}, {"empty", lit::Dict{}}}}, {"list", lit::List{}}}},
        {"layers", lit::List{lit::Dict{{"n", 1}, {"act", "on"}}, lit::Dict{{"n", 2}, {"act", "relu"}}}},
        {"weights", torch::tensor({{1, 2}, {3, 4}})},
        {"scale", torch::tensor(0.25F)},
        {"texts", texts}};
}

/// Train rows at every step, validation rows every 50, one late name: what a run of 200 steps logs.
void log_run(lit::LoggerPolicy auto& logger) {
    logger.start("unused");
    logger.log_hyperparams(hyperparameters());
    logger.save();
    for (std::int64_t step = 0; step < 200; ++step) {
        const std::vector<lit::Scalar> train = {
            {"train/loss", static_cast<double>(step * 7919 % 1009) / 1009.0},
            {"lr", 1e-3 / static_cast<double>(step + 1)},
            {"epoch", static_cast<double>(step / 50)}};
        logger.log_metrics(train, step);
        logger.save();
        if (step % 50 == 49) {
            const std::vector<lit::Scalar> valid = {{"val_loss", 1e10 / static_cast<double>(step)},
                                                    {"epoch", static_cast<double>(step / 50)}};
            logger.log_metrics(valid, step);
            lit::flush_logs(logger);
        }
    }
    const std::vector<lit::Scalar> late = {{"a, \"late\" name", std::numeric_limits<double>::quiet_NaN()},
                                           {"infinite", -std::numeric_limits<double>::infinity()}};
    logger.log_metrics(late, 5'000'000'000);
    logger.finalize("success");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: tensorboard_reader FOLDER\n");
        return 2;
    }
    try {
        const std::string folder = argv[1];
        lit::TensorBoardLogger tensorboard{{.save_dir = folder, .name = "tensorboard"}};
        lit::CSVLogger csv{{.save_dir = folder, .name = "csv"}};
        log_run(tensorboard);
        log_run(csv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "tensorboard_reader: %s\n", error.what());
        return 1;
    }
    return 0;
}
