// SPDX-License-Identifier: Apache-2.0
// steps KIND COUNT: takes COUNT training steps, and has callgrind count the instructions of those after the warm-up.
#include "zero_cost/workload.hpp"

#include <ATen/Parallel.h>

#include <valgrind/callgrind.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace {

struct Meter {
    static void start() { CALLGRIND_START_INSTRUMENTATION; }
    static void stop() { CALLGRIND_STOP_INSTRUMENTATION; }
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3 || std::atoll(argv[2]) <= zero_cost::warm_up) {
        std::fprintf(stderr, "usage: steps hand|trainer|idle_1|idle_8|idle_32 COUNT   (COUNT > %lld)\n",
                     static_cast<long long>(zero_cost::warm_up));
        return 2;
    }
    at::set_num_threads(1);
    torch::manual_seed(0);
    const std::string_view kind = argv[1];
    const auto data = zero_cost::batches(std::atoll(argv[2]));
    if (kind == "hand") {
        zero_cost::by_hand<Meter>(data);
    } else if (kind == "trainer") {
        zero_cost::by_trainer<Meter>(data, std::make_integer_sequence<int, 0>{});
    } else if (kind == "idle_1") {
        zero_cost::by_trainer<Meter>(data, std::make_integer_sequence<int, 1>{});
    } else if (kind == "idle_8") {
        zero_cost::by_trainer<Meter>(data, std::make_integer_sequence<int, 8>{});
    } else if (kind == "idle_32") {
        zero_cost::by_trainer<Meter>(data, std::make_integer_sequence<int, 32>{});
    } else {
        std::fprintf(stderr, "steps: found the kind %s, known are hand, trainer, idle_1, idle_8, idle_32\n", argv[1]);
        return 2;
    }
}
