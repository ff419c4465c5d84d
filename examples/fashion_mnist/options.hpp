// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/hparams.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace fashion {

/// The options of the program; each can be given as `--name value`.
struct Options {
    std::int64_t epochs = 10;
    std::int64_t batch_size = 128;
    double lr = 2e-3;
    std::uint64_t seed = 42;
    std::string model = "cnn";
    std::string precision = "32";
    std::filesystem::path data = "/usr/share/datasets/fashion-mnist";
    std::string resume{};
    std::filesystem::path out{};
    std::int64_t limit_batches = 0;
};

inline constexpr const char* help = R"(Trains a classifier on Fashion-MNIST, tests the best checkpoint, writes predictions.

  --epochs N         passes over the 55,000 training images      (10)
  --batch_size N     images in a batch                           (128)
  --lr X             highest learning rate of the schedule       (0.002)
  --seed N           order, weights, dropout                     (42)
  --model NAME       cnn or mlp                                  (cnn)
  --precision NAME   32 or bf16                                  (32)
  --data DIR         folder with the four files of the data set  (/usr/share/datasets/fashion-mnist)
  --resume FILE      go on from a checkpoint ("last": the newest in the folder given with --out)
  --out DIR          where lightning_logs/ is made               (the current folder)
  --limit_batches N  train on so few batches an epoch; 0: all    (0)
  --help             this text
)";

/// Errors  ends the program with 2 and one sentence for an option that is not known or cannot be read.
inline Options parse(int argc, char** argv) {
    Options options;
    const auto fail = [](const std::string& message) {
        std::fprintf(stderr, "fashion_mnist: %s See --help.\n", message.c_str());
        std::exit(2);
    };
    for (int i = 1; i < argc; ++i) {
        std::string_view name = argv[i];
        if (name == "--help" || name == "-h") {
            std::fputs(help, stdout);
            std::exit(0);
        }
        if (!name.starts_with("--")) {
            fail("found \"" + std::string(name) + "\", expected an option that begins with --.");
        }
        name.remove_prefix(2);
        std::string_view value;
        if (const auto equals = name.find('='); equals != std::string_view::npos) {
            value = name.substr(equals + 1);
            name = name.substr(0, equals);
        } else if (++i < argc) {
            value = argv[i];
        } else {
            fail("--" + std::string(name) + " needs a value.");
        }
        try {
            lit::set_from_text(options, name, value);
        } catch (const lit::Error& error) {
            fail(error.what());
        }
    }
    if (options.model != "cnn" && options.model != "mlp") {
        fail("--model " + options.model + ": expected cnn or mlp.");
    }
    if (options.precision != "32" && options.precision != "bf16") {
        fail("--precision " + options.precision + ": expected 32 or bf16.");
    }
    if (options.epochs < 1 || options.batch_size < 1) {
        fail("--epochs and --batch_size have to be 1 or more.");
    }
    return options;
}

}  // namespace fashion
