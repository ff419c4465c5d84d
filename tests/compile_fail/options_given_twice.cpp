// SPDX-License-Identifier: Apache-2.0
// mistake: Options once more among the components
// lightning: SyntaxError: an argument given twice
// expect: lit: lit::TrainerOptions were given twice
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}};
#else
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, lit::TrainerOptions{}};
#endif
}
