// SPDX-License-Identifier: Apache-2.0
// mistake: Two progress bars
// lightning: MisconfigurationException when the trainer is built
// expect: lit: two progress bars would write over each other. Keep one
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

struct Bar {
    using Role = lit::role::progress_bar;
    void on_train_batch_end(auto& trainer, auto& module);
};

struct OtherBar {
    using Role = lit::role::progress_bar;
    void on_train_batch_end(auto& trainer, auto& module);
};

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Bar{}};
#else
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Bar{}, OtherBar{}};
#endif
}
