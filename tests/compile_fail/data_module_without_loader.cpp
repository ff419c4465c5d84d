// SPDX-License-Identifier: Apache-2.0
// mistake: A data module none of whose loaders is one
// lightning: MisconfigurationException when the run begins
// expect: lit: a class derived from lit::DataModule needs at least one of train_dataloader()
#include <lit/data/data_module.hpp>

struct Data : lit::DataModule<Data> {
    int train_dataloader() { return 3; }
};

int main() { const Data data; }
