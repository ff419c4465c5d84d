// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/collective.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/progress.hpp>
#include <lit/core/value.hpp>
#include <lit/module/module.hpp>

#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <utility>

namespace lit::detail {

/// Whether batches were trained on whose gradients no update has used: between batches, in the middle of a window. A
/// module that optimizes by hand accumulates as it likes, so what gradients it has are always kept.
template <class Run>
[[nodiscard]] bool window_is_open(const Run& run) {
    const BatchProgress& batch = run.progress().batch;
    if constexpr (!automatic_optimization<typename Run::module_type>) {
        return batch.current.processed > 0;
    }
    return batch.current.processed % run.accumulate_grad_batches() != 0 && !batch.last_is_done() &&
           batch.current.processed != run.num_training_batches();
}

/// The gradients of an open window by the parameters' names; empty where there is none.
///
/// With several ranks their mean, since one file serves all: what is added up after it is the same up to the order of sums.
template <class Run>
[[nodiscard]] Dict gradients_of_open_window(Run& run) {
    Dict gradients;
    if (!window_is_open(run)) {
        return gradients;
    }
    if (run.progress().batch.current.started != run.progress().batch.current.processed) {
        run.warn("a checkpoint that is saved inside of a training batch does not hold the gradients of its accumulation "
                 "window, since that batch is trained on again.");
        return gradients;
    }
    const auto parameters = run.module().named_parameters();
    at::Tensor defined = at::zeros({static_cast<std::int64_t>(parameters.size())});
    std::int64_t index = 0;
    for (const auto& parameter : parameters) {
        defined[index++] = parameter.value().grad().defined() ? 1.0 : 0.0;
    }
    if (run.world_size() > 1) {  // one that has a gradient on any rank has one in the file, so that all reduce as many
        defined = run.collective().all_reduce(defined, ReduceOp::maximum);
    }
    index = 0;
    for (const auto& parameter : parameters) {
        if (defined[index++].template item<double>() == 0.0) {
            continue;
        }
        const at::Tensor& gradient = parameter.value().grad();
        at::Tensor kept = gradient.defined() ? gradient.detach() : at::zeros_like(parameter.value());
        if (kept.layout() != at::kStrided) {  // of an Embedding with `sparse`, say: files hold dense ones
            kept = kept.to_dense();
        }
        if (run.world_size() > 1) {
            kept = run.collective().all_reduce(kept.clone(), ReduceOp::mean);
        }
        gradients.append(parameter.key(), std::move(kept));
    }
    return gradients;
}

/// Errors  CheckpointError that names a parameter which the module lacks, or which has another shape.
LIT_INLINE void load_gradients(torch::nn::Module& module, const Dict& gradients);

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/loops/impl/open_window.hpp>
#endif
