// SPDX-License-Identifier: Apache-2.0
// mistake: log of a metric that computes a table
// lightning: ValueError when a logger is given it
// expect: lit: log: this metric computes a table, and only one number can be logged
#include <lit/metrics/confusion_matrix.hpp>
#include <lit/metrics/mean.hpp>
#include <lit/module/module.hpp>

struct Net : lit::Module<Net> {
    lit::MeanMetric mean;
    lit::ConfusionMatrix table{{.num_classes = 2}};
    void training_step() {
#ifdef LIT_GOOD
        table.update(at::Tensor(), at::Tensor());
#else
        log<"x">(table);
#endif
    }
};

int main() {
    Net net;
    net.training_step();
}
