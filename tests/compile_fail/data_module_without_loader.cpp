// SPDX-License-Identifier: Apache-2.0
// mistake: A data module none of whose loaders is one
// lightning: MisconfigurationException when the run begins
// expect: lit: a class derived from lit::DataModule needs at least one of train_dataloader()
#include <lit/core/batch.hpp>
#include <lit/data/data_module.hpp>

#include <vector>

struct Data : lit::DataModule<Data> {
#ifdef LIT_GOOD
    std::vector<lit::Example> train_dataloader() { return {}; }
#else
    int train_dataloader() { return 3; }
#endif
};

int main() { const Data data; }
