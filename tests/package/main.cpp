// SPDX-License-Identifier: Apache-2.0
// Everything that the installed target has to bring: lit, LibTorch, Gloo's stand-ins and their definition, Hana.
#include <lit/core/error.hpp>
#include <lit/core/fixed_string.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <boost/hana/basic_tuple.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <iostream>

int main() {
    try {
        if (at::ones({2, 3}).sum().item<double>() != 6.0 || std::string(c10d::GLOO_BACKEND_NAME) != "gloo") {
            throw lit::ConfigError("package: LibTorch does not compute");
        }
        std::cout << "installed package: works\n";
    } catch (const lit::Error& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
