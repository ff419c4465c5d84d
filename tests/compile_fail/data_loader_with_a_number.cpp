// SPDX-License-Identifier: Apache-2.0
// mistake: `DataLoader(dataset, 32)`
// lightning: This is how it is written there
// expect: lit: DataLoader: its settings have names
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>

int main() {
    const lit::TensorDataset dataset{at::Tensor{}, at::Tensor{}};
#ifdef LIT_GOOD
    lit::DataLoader loader{dataset, {.batch_size = 32}};
#else
    lit::DataLoader loader{dataset, 32};
#endif
}
