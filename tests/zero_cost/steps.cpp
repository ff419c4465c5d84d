// SPDX-License-Identifier: Apache-2.0
// steps KIND COUNT: takes COUNT training steps, and has callgrind count the instructions of those after the warm-up.
#include "zero_cost/workload.hpp"

#include <lit/callbacks/early_stopping.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/progress_bar.hpp>
#include <lit/loggers/csv_logger.hpp>
#include <lit/loggers/tensorboard_logger.hpp>

#include <ATen/Parallel.h>

#include <valgrind/callgrind.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct Meter {
    static void start() { CALLGRIND_START_INSTRUMENTATION; }
    static void stop() { CALLGRIND_STOP_INSTRUMENTATION; }
};

using Logging = zero_cost::Net<Meter, true>;

/// What each component costs that most trainers have; files go into the working folder.
bool with_component(std::string_view kind, const std::vector<lit::Example>& data) {
    if (kind == "log") {
        zero_cost::by_trainer<Meter, Logging>(data);
    } else if (kind == "progress_bar") {
        zero_cost::by_trainer<Meter, Logging>(data, lit::ProgressBar{});
    } else if (kind == "csv") {
        zero_cost::by_trainer<Meter, Logging>(data, lit::CSVLogger{});
    } else if (kind == "tensorboard") {
        zero_cost::by_trainer<Meter, Logging>(data, lit::TensorBoardLogger{});
    } else if (kind == "early_stopping") {
        zero_cost::by_trainer<Meter, Logging>(data, lit::EarlyStopping<>{{.monitor = "train_loss"}});
    } else if (kind == "checkpoint") {
        zero_cost::by_trainer<Meter, Logging>(data,
                                              lit::ModelCheckpoint<>{{.every_n_train_steps = 1'000'000}});
    } else {
        return false;
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3 || std::atoll(argv[2]) <= zero_cost::warm_up) {
        std::fprintf(stderr, "usage: steps KIND COUNT   (COUNT > %lld)\n",
                     static_cast<long long>(zero_cost::warm_up));
        return 2;
    }
    at::set_num_threads(1);
    torch::manual_seed(0);
    const std::string_view kind = argv[1];
    const auto data = zero_cost::batches(std::atoll(argv[2]));
    if (kind == "hand") {
        zero_cost::by_hand<Meter>(data);
    } else if (kind == "hand_engine") {
        zero_cost::by_hand<Meter, zero_cost::Engine>(data);
    } else if (kind == "trainer") {
        zero_cost::by_trainer<Meter>(data);
    } else if (kind == "idle_1") {
        zero_cost::by_trainer_with_idle<Meter>(data, std::make_integer_sequence<int, 1>{});
    } else if (kind == "idle_8") {
        zero_cost::by_trainer_with_idle<Meter>(data, std::make_integer_sequence<int, 8>{});
    } else if (kind == "idle_32") {
        zero_cost::by_trainer_with_idle<Meter>(data, std::make_integer_sequence<int, 32>{});
    } else if (kind == "static_network") {
        zero_cost::by_trainer<Meter, zero_cost::StaticNet<Meter>>(data);
    } else if (kind == "own_kernels") {
        zero_cost::by_trainer<Meter, zero_cost::StaticNet<Meter, lit::nn::OwnKernels>>(data);
    } else if (!with_component(kind, data)) {
        std::fprintf(stderr,
                     "steps: found the kind %s, known are hand, hand_engine, trainer, idle_1, idle_8, idle_32, "
                     "static_network, own_kernels, log, progress_bar, csv, "
                     "tensorboard, early_stopping, checkpoint\n",
                     argv[1]);
        return 2;
    }
}
