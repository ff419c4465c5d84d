// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace lit {

/// Parameters that are updated with settings of their own.
///
/// `name` is what `LearningRateMonitor` puts behind the slash and Python's group key `name`; it may be empty.
template <class Options>
struct ParamGroup {
    std::vector<at::Tensor> params;
    Options options{};
    std::string name{};
};

}  // namespace lit
