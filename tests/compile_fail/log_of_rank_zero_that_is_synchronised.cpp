// SPDX-License-Identifier: Apache-2.0
// mistake: `sync_dist` together with `rank_zero_only`
// lightning: Not synchronised, nothing is said
// expect: lit: log: sync_dist needs every rank
#include <lit/metrics/confusion_matrix.hpp>
#include <lit/metrics/mean.hpp>
#include <lit/module/module.hpp>

struct Net : lit::Module<Net> {
    lit::MeanMetric mean;
    lit::ConfusionMatrix table{{.num_classes = 2}};
    void training_step() {
#ifdef LIT_GOOD
        log<"x", lit::LogOptions{.rank_zero_only = true}>(1.0);
#else
        log<"x", lit::LogOptions{.sync_dist = true, .rank_zero_only = true}>(1.0);
#endif
    }
};

int main() {
    Net net;
    net.training_step();
}
