// SPDX-License-Identifier: Apache-2.0
// mistake: A transform that changes the batch and does not return it
// lightning: TypeError when the batch is collated
// expect: lit: the function given to mapped(dataset, function) returns nothing
#include <lit/data/mapped_dataset.hpp>
#include <lit/data/tensor_dataset.hpp>

int main() {
    const lit::TensorDataset dataset{at::Tensor{}, at::Tensor{}};
    static_cast<void>(lit::mapped(dataset, [](lit::Example batch) {
        batch.data /= 255;
#ifdef LIT_GOOD
        return batch;
#endif
    }));
}
