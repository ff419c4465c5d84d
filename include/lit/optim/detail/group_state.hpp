// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/value.hpp>
#include <lit/optim/param_group.hpp>

#include <ATen/core/Tensor.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace lit::detail {

/// What a fused kernel takes: equally long lists of one device and type.
template <std::size_t States>
struct KernelLists {
    std::vector<at::Tensor> params;
    std::vector<at::Tensor> grads;
    std::array<std::vector<at::Tensor>, States> states;
    std::vector<at::Tensor> steps;
};

/// What the arithmetic of one parameter takes.
template <std::size_t States>
struct SingleUpdate {
    const at::Tensor& param;
    const at::Tensor& grad;
    std::array<const at::Tensor*, States> states;  ///< undefined tensors where the algorithm keeps none
    double step;                                   ///< counted from 1; 0 where the algorithm does not count
    bool first;                                    ///< the state was made in this very step
};

/// Settings and state from a file, checked but not yet in force.
template <class Algorithm>
struct LoadedGroup {
    typename Algorithm::Options options;
    std::optional<double> initial_lr;
    Dict extra;
    std::array<std::vector<at::Tensor>, Algorithm::state_names.size()> states;
    std::vector<at::Tensor> steps;
};

/// One parameter group with its state, and the lists that its kernels are called with.
///
/// Each parameter has a step tensor of its own, as in Python: a shared one would be advanced once per
/// parameter by a Python that loads it. What a step calls is defined in impl/group_step.hpp, for GroupedOptimizer alone.
template <class Algorithm>
class GroupState {
 public:
    static constexpr std::size_t state_count = Algorithm::state_names.size();
    using Options = typename Algorithm::Options;
    using Lists = KernelLists<state_count>;

    explicit GroupState(ParamGroup<Options>&& group);

    std::vector<at::Tensor> params;
    Options options;
    std::string name;
    std::optional<double> initial_lr;

    /// Errors  ConfigError for a gradient that does not fit its parameter; nothing is changed.
    void take_gradients();
    void drop_gradients();
    /// With the gradients that were taken.
    void step();

    /// The fused kernels walk over memory and know no strides.
    void check_layout(const Options& wanted) const;
    void check_layout(const Options& wanted, std::size_t i) const;

    [[nodiscard]] Dict pack_state(std::size_t i) const;

    [[nodiscard]] Dict pack_settings(List&& indices) const;

    [[nodiscard]] LoadedGroup<Algorithm> read_settings(const Dict& saved) const;

    void read_state(LoadedGroup<Algorithm>& loaded, std::size_t i, const Dict& entry,
                    std::size_t group) const;

    void adopt(LoadedGroup<Algorithm>&& loaded);

 private:
    struct Bucket {
        std::vector<std::size_t> members;  ///< all parameters of this device and type
        std::vector<std::size_t>
            active;               ///< those that the lists hold, having had a gradient in the last step
        std::vector<char> first;  ///< per active one, only in a step that made states
        Lists lists;
    };

    static std::string shape_of(const at::Tensor& tensor);

    void make_buckets();

    /// Collects the gradients. The other lists are rebuilt only when another set of parameters has gradients than
    /// in the step before, or one lies otherwise in its memory.
    void gather(Bucket& bucket);

    /// Holds the state of a parameter against what that has become: somebody may have given it other memory. False for
    /// a state that was laid out anew.
    ///
    /// Errors  ConfigError where the state does not fit any more.
    [[nodiscard]] bool state_fits(std::size_t i);

    static bool like(const at::Tensor& grad, const at::Tensor& param);

    [[nodiscard]] at::Tensor made_like(const at::Tensor& grad, std::size_t i) const;

    static at::Tensor new_step(const at::Tensor& param, const Options& wanted);

    void rebuild(Bucket& bucket);

    void use_states(const Bucket& bucket);

    void step_fused(Bucket& bucket);
    static void count_steps(Lists& lists, int by);
    void call_kernel(Bucket& bucket);

    void step_plain(Bucket& bucket);

    std::array<std::vector<at::Tensor>, state_count> states_;  // [kind][parameter]
    std::vector<at::Tensor> steps_;
    std::array<std::vector<char>, state_count> unused_;  // states that no step has used yet, since memory ended or it was refused
    Dict extra_;  // keys of a Python group that lit has no use for, kept for the way back
    std::vector<Bucket> buckets_;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/group_state.hpp>
#endif
