// SPDX-License-Identifier: Apache-2.0
// Calls what only the library's object holds.
#include <lit/checkpoint/file.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>

#include <filesystem>
#include <iostream>

#if !defined(LIT_COMPILED)
#error "lit::compiled does not define LIT_COMPILED"
#endif

int main() {
    const std::filesystem::path path = "package_compiled.ckpt";
    lit::save_checkpoint_file(path, lit::Dict{{"weight", at::ones({2, 3})}, {"step", 7}});
    const lit::Value read = lit::load_checkpoint(path);
    std::filesystem::remove(path);
    const bool same = read.at("weight").tensor().equal(at::ones({2, 3})) && read.at("step").to_int() == 7;
    std::cout << "compiled library: " << (same ? "works" : "fails") << '\n';
    return same ? 0 : 1;
}
