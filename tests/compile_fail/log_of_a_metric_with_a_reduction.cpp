// SPDX-License-Identifier: Apache-2.0
// mistake: `reduce_fx` for a metric object
// lightning: Not looked at, nothing is said
// expect: lit: log: a metric object reduces by itself. Leave reduce_fx out.
#include <lit/metrics/confusion_matrix.hpp>
#include <lit/metrics/mean.hpp>
#include <lit/module/module.hpp>

struct Net : lit::Module<Net> {
    lit::MeanMetric mean;
    lit::ConfusionMatrix table{{.num_classes = 2}};
    void training_step() {
#ifdef LIT_GOOD
        log<"x", lit::LogOptions{.on_epoch = true}>(mean);
#else
        log<"x", lit::LogOptions{.on_epoch = true, .reduce_fx = lit::Reduce::maximum}>(mean);
#endif
    }
};

int main() {
    Net net;
    net.training_step();
}
