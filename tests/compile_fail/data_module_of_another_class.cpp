// SPDX-License-Identifier: Apache-2.0
// mistake: `struct Fashion : lit::DataModule<Mnist>`, copied from another class
// lightning: No brackets there
// expect: lit: write struct X : lit::DataModule<X>
#include <lit/data/data_module.hpp>

#include <vector>

struct Mnist {
    std::vector<int> train_dataloader();
};

#ifdef LIT_GOOD
struct Fashion : lit::DataModule<Fashion> {
#else
struct Fashion : lit::DataModule<Mnist> {
#endif
    std::vector<int> train_dataloader();
};

int main() { const Fashion data; }
