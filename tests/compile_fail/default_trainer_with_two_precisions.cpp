// SPDX-License-Identifier: Apache-2.0
// mistake: Two precisions for default_trainer
// lightning: One argument, so it cannot be written
// expect: lit: default_trainer takes one strategy and one precision at most
#include <lit/precision/bf16_mixed.hpp>
#include <lit/trainer/default_trainer.hpp>

int main() {
#ifdef LIT_GOOD
    const auto trainer = lit::default_trainer({}, lit::Bf16Mixed{});
#else
    const auto trainer = lit::default_trainer({}, lit::Bf16Mixed{}, lit::Fp32{});
#endif
}
