// SPDX-License-Identifier: Apache-2.0
// What checkpoint_roundtrip.py asks for: files that lit writes, and Python's files read and written again.
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/module_state.hpp>
#include <lit/checkpoint/schema.hpp>
#include <lit/core/error.hpp>

#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include <cstdio>
#include <string_view>

namespace {

struct Net : torch::nn::Module {
    Net() {
        register_module("first", torch::nn::Linear(8, 16));
        register_module("norm", torch::nn::BatchNorm1d(16));
        register_module("last", torch::nn::Linear(16, 1));
    }
};

int run(int argc, char** argv) {
    const std::string_view mode = argc > 1 ? argv[1] : "";
    if (mode == "rewrite" && argc == 4) {  // everything as it was
        lit::save_checkpoint_file(argv[3], lit::load_checkpoint(argv[2]));
    } else if (mode == "rebuild" &&
               argc == 4) {  // the weights by way of a module, the loops by way of the counters
        lit::Value file = lit::load_checkpoint(argv[2]);
        Net net;
        lit::load_module_state(net, file.at(lit::checkpoint_key::state_dict).dict());
        const lit::FitProgress progress = lit::read_loops(file.at(lit::checkpoint_key::loops).dict());
        file.dict().set(lit::checkpoint_key::state_dict, lit::module_state_dict(net));
        file.dict().set(lit::checkpoint_key::loops, lit::loops_state(progress));
        file.dict().set(lit::checkpoint_key::version, lit::lightning_version);
        lit::save_checkpoint_file(argv[3], file);
    } else if (mode == "module" && argc == 3) {
        torch::manual_seed(7);
        lit::save_checkpoint_file(argv[2], lit::module_state_dict(Net()));
    } else {
        std::fprintf(stderr, "checkpoint_roundtrip (rewrite|rebuild) IN OUT | module OUT\n");
        return 2;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const lit::Error& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
