// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/module_state.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/GradMode.h>
#include <torch/nn/module.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <unordered_map>
#include <vector>

namespace lit::detail {

/// The tensors of a module that are its own: Python's `parameters()` followed by `buffers()`, each tensor once.
struct OwnTensors {
    std::vector<at::Tensor> tensors;
    std::size_t parameters = 0;  ///< so many of them, in front

    explicit OwnTensors(const torch::nn::Module& module);

 private:
    void collect(const torch::nn::Module& module, std::vector<at::Tensor>& buffers,
                 std::unordered_map<const void*, bool>& seen);
};

/// A second set of a module's weights: what Python's `deepcopy(module)` is used for in weight averaging.
class WeightsCopy {
 public:
    /// The weights as they are, on `device`.
    WeightsCopy(const torch::nn::Module& module, const at::Device& device);

    /// Averages the module's weights into the copy: `average(mine, current, n_averaged)` returns the new average, or
    /// nothing when it wrote it into `mine`. The first time the weights are copied.
    template <class Average>
    void update(const OwnTensors& current, Average&& average, std::int64_t n_averaged, std::size_t count) {
        const c10::NoGradGuard no_grad;
        check(current);
        for (std::size_t i = 0; i < count; ++i) {
            at::Tensor& mine = tensors_[i];
            const at::Tensor theirs = current.tensors[i].detach().to(mine.device());
            if (n_averaged == 0) {
                mine.copy_(theirs);
            } else if constexpr (std::is_void_v<decltype(average(mine, theirs, n_averaged))>) {
                average(mine, theirs, n_averaged);
            } else {
                mine.copy_(average(mine, theirs, n_averaged));
            }
        }
    }
    /// Takes over the tensors from `first` on as they are.
    void copy_from(const OwnTensors& current, std::size_t first);
    /// Puts the first `count` tensors into the module.
    void copy_to(const OwnTensors& current, std::size_t count) const;
    /// Exchanges the values: tensors stay where they are, so that optimizers and views of them stay valid.
    void swap_with(const OwnTensors& current);

    [[nodiscard]] std::size_t size() const { return tensors_.size(); }
    [[nodiscard]] std::size_t parameters() const { return parameters_; }
    /// Under the module's names; the tensors are shared.
    [[nodiscard]] Dict state_dict() const;
    /// Errors  CheckpointError that lists everything that does not fit.
    void load_state_dict(const Dict& state, bool strict = true);

 private:
    void check(const OwnTensors& current) const;

    std::vector<at::Tensor> tensors_;  ///< in the order of OwnTensors
    std::size_t parameters_ = 0;
    NamedTensors names_;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/callbacks/impl/weights_copy.hpp>
#endif
