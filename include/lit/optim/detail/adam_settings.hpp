// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lit::detail {

struct AdamSettings {
    double lr;
    double beta1;
    double beta2;
    double eps;
    double weight_decay;
    bool decoupled;  ///< AdamW: the decay goes to the parameter, not to the gradient
};

}  // namespace lit::detail
