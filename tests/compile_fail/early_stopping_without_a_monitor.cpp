// SPDX-License-Identifier: Apache-2.0
// mistake: EarlyStopping without a monitor
// lightning: TypeError when the callback is built
// expect: lit: EarlyStopping<>{} has no monitor
#include <lit/callbacks/early_stopping.hpp>

int main() {
#ifdef LIT_GOOD
    const lit::EarlyStopping<"val_loss"> stopping;
#else
    const lit::EarlyStopping<> stopping;
#endif
}
