// SPDX-License-Identifier: Apache-2.0
// mistake: `/dataloader_idx_0` in a name
// lightning: MisconfigurationException at the first call
// expect: lit: log: a name may not contain
#include <lit/metrics/confusion_matrix.hpp>
#include <lit/metrics/mean.hpp>
#include <lit/module/module.hpp>

struct Net : lit::Module<Net> {
    lit::MeanMetric mean;
    lit::ConfusionMatrix table{{.num_classes = 2}};
    void training_step() {
#ifdef LIT_GOOD
        log<"x/dataloader_idx_0", lit::LogOptions{.add_dataloader_idx = false}>(1.0);
#else
        log<"x/dataloader_idx_0">(1.0);
#endif
    }
};

int main() {
    Net net;
    net.training_step();
}
