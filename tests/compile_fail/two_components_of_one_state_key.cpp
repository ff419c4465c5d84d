// SPDX-License-Identifier: Apache-2.0
// mistake: Two callbacks whose state has one key
// lightning: RuntimeError when the trainer is built
// expect: lit: two components have the same state_key()
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

struct Counter {
    static constexpr const char* state_key() { return "Counter"; }
    lit::Dict state_dict() const;
    void load_state_dict(const lit::Dict& state);
    void on_train_batch_end(auto& trainer, auto& module);
};

int main() {
#ifdef LIT_GOOD
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Counter{}};
#else
    const lit::Trainer trainer{lit::SingleDevice{}, lit::Fp32{}, lit::TrainerOptions{}, Counter{}, Counter{}};
#endif
}
