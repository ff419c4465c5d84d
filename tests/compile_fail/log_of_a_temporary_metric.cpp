// SPDX-License-Identifier: Apache-2.0
// mistake: log of a metric object that is no member of the module
// lightning: MisconfigurationException at the first call
// expect: lit: log: this metric object is const or a temporary. Make it a member of the module
#include <lit/metrics/confusion_matrix.hpp>
#include <lit/metrics/mean.hpp>
#include <lit/module/module.hpp>

struct Net : lit::Module<Net> {
    lit::MeanMetric mean;
    lit::ConfusionMatrix table{{.num_classes = 2}};
    void training_step() {
#ifdef LIT_GOOD
        log<"x">(mean);
#else
        log<"x">(lit::MeanMetric{});
#endif
    }
};

int main() {
    Net net;
    net.training_step();
}
