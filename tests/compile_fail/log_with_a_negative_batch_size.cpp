// SPDX-License-Identifier: Apache-2.0
// mistake: A negative `batch_size`
// lightning: A wrong mean, nothing is said
// expect: lit: log: batch_size is negative
#include <lit/metrics/confusion_matrix.hpp>
#include <lit/metrics/mean.hpp>
#include <lit/module/module.hpp>

struct Net : lit::Module<Net> {
    lit::MeanMetric mean;
    lit::ConfusionMatrix table{{.num_classes = 2}};
    void training_step() {
#ifdef LIT_GOOD
        log<"x", lit::LogOptions{.batch_size = 8}>(1.0);
#else
        log<"x", lit::LogOptions{.batch_size = -8}>(1.0);
#endif
    }
};

int main() {
    Net net;
    net.training_step();
}
