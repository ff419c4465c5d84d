// SPDX-License-Identifier: Apache-2.0
// mistake: A dataset that gives one sample at a time
// lightning: This is how it is written there
// expect: lit: DataLoader: this dataset gives one sample at a time, get(index)
#include <lit/data/data_loader.hpp>

#include <cstdint>

struct Digits {
    std::int64_t size() const { return 9; }
#ifdef LIT_GOOD
    at::Tensor get_batch(lit::Indices indices) const;
#else
    at::Tensor get(std::int64_t index) const;
#endif
};

int main() { lit::DataLoader loader{Digits{}, {.batch_size = 3}}; }
