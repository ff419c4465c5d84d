// SPDX-License-Identifier: Apache-2.0
// mistake: Two model summaries
// lightning: Both are printed
// expect: lit: two model summaries were given. Keep one
#include <lit/callbacks/model_summary.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, lit::ModelSummary{}};
#else
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, lit::ModelSummary{}, lit::ModelSummary{}};
#endif
}
