// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>

#include <torch/nn/module.h>

#include <optional>
#include <utility>
#include <vector>

namespace lit::detail {

[[nodiscard]] LIT_INLINE bool has_batch_norm(torch::nn::Module& module);

/// Lets the statistics of batch norms begin anew as plain means over all batches, and gives the momenta back: what averaging
/// weights makes wrong.
class BatchNormStatistics {
 public:
    void reset(torch::nn::Module& module);
    /// With the statistics that are there.
    void go_on(torch::nn::Module& module);
    void restore_momenta();

 private:
    std::vector<std::pair<std::optional<double>*, std::optional<double>>> momenta_;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/callbacks/impl/batch_norms.hpp>
#endif
