// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/group_state.hpp>
#include <lit/optim/param_group.hpp>

#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace lit::detail {

/// Everything about an optimizer but its arithmetic: groups, gradients, lists for the kernels, Python's state
/// dict.
///
/// An `Algorithm` gives `Options`, `name`, `state_names`, `counts_steps`, `first_step_differs`,
/// `check(options)`, `keeps(options, k)`, `pack(options)`, `unpack(options, dict)`, `momentum(options)`,
/// `fused(options, lists, first)` and `plain(options, update)`.
///
/// Cost    a step in steady state copies the gradients' handles into vectors that are kept, and allocates
///         nothing.
template <class Algorithm>
class GroupedOptimizer {
 public:
    using Options = typename Algorithm::Options;
    using Group = ParamGroup<Options>;

    explicit GroupedOptimizer(std::vector<at::Tensor> parameters, Options options = {});
    explicit GroupedOptimizer(std::vector<Group> groups);
    template <class Given>
        requires(!std::convertible_to<Given, Options>)
    GroupedOptimizer(const std::vector<at::Tensor>& /*parameters*/, const Given& /*given*/) {
        static_assert(std::convertible_to<Given, Options>,
                      "lit: the settings of an optimizer have names. Write lit::AdamW{parameters(), {.lr = 1e-3}}.");
    }
    GroupedOptimizer(const GroupedOptimizer&) = delete;  // a copy would share the state and step it twice
    GroupedOptimizer& operator=(const GroupedOptimizer&) = delete;
    GroupedOptimizer(GroupedOptimizer&&) noexcept;
    GroupedOptimizer& operator=(GroupedOptimizer&&) noexcept;
    ~GroupedOptimizer();

    void step();

    void zero_grad(bool set_to_none = true);

    /// One more group, also while training.
    ///
    /// Errors  ConfigError for what the constructor refuses, and for a parameter that is in a group; nothing is changed.
    void add_param_group(Group group);
    /// With the settings that the optimizer was made with (the first group's, where groups were given), but for `lr`.
    void add_param_group(std::vector<at::Tensor> params, std::optional<double> lr = std::nullopt);

    [[nodiscard]] std::size_t group_count() const { return groups_.size(); }
    [[nodiscard]] double learning_rate(std::size_t group) const { return groups_.at(group).options.lr; }
    void set_learning_rate(std::size_t group, double lr) { groups_.at(group).options.lr = lr; }
    [[nodiscard]] double initial_learning_rate(std::size_t group) const {
        return groups_.at(group).initial_lr.value_or(learning_rate(group));
    }
    void record_initial_learning_rate(std::size_t group) {
        auto& initial = groups_.at(group).initial_lr;
        initial = initial.value_or(learning_rate(group));
    }
    [[nodiscard]] double momentum(std::size_t group) const {
        return Algorithm::momentum(groups_.at(group).options);
    }
    [[nodiscard]] double weight_decay(std::size_t group) const {
        return groups_.at(group).options.weight_decay;
    }
    [[nodiscard]] const std::string& group_name(std::size_t group) const { return groups_.at(group).name; }
    [[nodiscard]] std::span<const at::Tensor> parameters(std::size_t group) const {
        return groups_.at(group).params;
    }
    [[nodiscard]] const Options& options(std::size_t group = 0) const { return groups_.at(group).options; }
    [[nodiscard]] static constexpr std::string_view name() { return Algorithm::name; }

    [[nodiscard]] Value state_dict() const;

    void load_state_dict(const Value& saved);

 private:
    static std::string who() { return std::string(Algorithm::name); }

    Options defaults_;
    std::vector<GroupState<Algorithm>> groups_;
    std::unordered_set<const void*> seen_;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/optim/impl/grouped_optimizer.hpp>
#endif
