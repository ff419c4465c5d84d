// SPDX-License-Identifier: Apache-2.0
// mistake: A transform that counts or draws in members of its own
// lightning: Each worker process has a copy, changes are lost
// expect: lit: the function given to mapped(dataset, function) must be callable
#include <lit/data/mapped_dataset.hpp>
#include <lit/data/tensor_dataset.hpp>

int main() {
    const lit::TensorDataset dataset{at::Tensor{}, at::Tensor{}};
#ifdef LIT_GOOD
    static_cast<void>(lit::mapped(dataset, [](lit::Example batch) { return batch; }));
#else
    int calls = 0;
    static_cast<void>(lit::mapped(dataset, [calls](lit::Example batch) mutable {
        ++calls;
        return batch;
    }));
#endif
}
