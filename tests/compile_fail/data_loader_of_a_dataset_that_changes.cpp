// SPDX-License-Identifier: Apache-2.0
// mistake: get_batch that is not const, though the workers call it at once
// lightning: Each worker process has a copy, changes are lost
// expect: lit: DataLoader: this dataset has no get_batch(lit::Indices) const that returns a batch
#include <lit/data/data_loader.hpp>

#include <cstdint>

struct Digits {
    std::int64_t size() const { return 9; }
#ifdef LIT_GOOD
    at::Tensor get_batch(lit::Indices indices) const;
#else
    at::Tensor get_batch(lit::Indices indices);
#endif
};

int main() { lit::DataLoader loader{Digits{}, {.batch_size = 3}}; }
