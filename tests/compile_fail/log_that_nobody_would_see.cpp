// SPDX-License-Identifier: Apache-2.0
// mistake: `on_step=False, on_epoch=False`
// lightning: MisconfigurationException at the first call
// expect: lit: log: on_step = false and on_epoch = false: nobody would see the value
#include <lit/metrics/confusion_matrix.hpp>
#include <lit/metrics/mean.hpp>
#include <lit/module/module.hpp>

struct Net : lit::Module<Net> {
    lit::MeanMetric mean;
    lit::ConfusionMatrix table{{.num_classes = 2}};
    void training_step() {
#ifdef LIT_GOOD
        log<"x", lit::LogOptions{.on_step = false, .on_epoch = true}>(1.0);
#else
        log<"x", lit::LogOptions{.on_step = false, .on_epoch = false}>(1.0);
#endif
    }
};

int main() {
    Net net;
    net.training_step();
}
