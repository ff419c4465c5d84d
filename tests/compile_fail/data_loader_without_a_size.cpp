// SPDX-License-Identifier: Apache-2.0
// mistake: A dataset that does not know its size
// lightning: TypeError when the loader is walked
// expect: lit: DataLoader: this dataset has no size() const
#include <lit/data/data_loader.hpp>

#include <cstdint>

struct Digits {
#ifdef LIT_GOOD
    std::int64_t size() const { return 9; }
#endif
    at::Tensor get_batch(lit::Indices indices) const;
};

int main() { lit::DataLoader loader{Digits{}, {.batch_size = 3}}; }
