// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/group_state.hpp>
#include <lit/optim/detail/option_values.hpp>
#include <lit/optim/param_group.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
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

    explicit GroupedOptimizer(std::vector<at::Tensor> parameters, Options options = {}) {
        if (parameters.empty()) {
            throw ConfigError(who() +
                              ": the parameter list is empty. Create the layers before the optimizer.");
        }
        defaults_ = options;
        add_param_group(Group{.params = std::move(parameters), .options = options, .name = {}});
    }
    explicit GroupedOptimizer(std::vector<Group> groups) {
        if (groups.empty()) {
            throw ConfigError(who() + ": the list of parameter groups is empty.");
        }
        defaults_ = groups.front().options;
        for (Group& group : groups) {
            add_param_group(std::move(group));
        }
    }
    GroupedOptimizer(const GroupedOptimizer&) = delete;  // a copy would share the state and step it twice
    GroupedOptimizer& operator=(const GroupedOptimizer&) = delete;
    GroupedOptimizer(GroupedOptimizer&&) noexcept = default;
    GroupedOptimizer& operator=(GroupedOptimizer&&) noexcept = default;
    ~GroupedOptimizer() = default;

    void step() {
        const c10::AutoGradMode no_grad(false);
        for (auto& group : groups_) {
            group.step();
        }
    }

    void zero_grad(bool set_to_none = true) {
        for (auto& group : groups_) {
            for (const at::Tensor& param : group.params) {
                if (!param.grad().defined()) {
                    continue;
                }
                if (set_to_none) {
                    param.mutable_grad().reset();
                } else {
                    at::Tensor& grad = param.mutable_grad();
                    grad = grad.detach();
                    grad.zero_();
                }
            }
        }
    }

    /// One more group, also while training.
    ///
    /// Errors  ConfigError for what the constructor refuses, and for a parameter that is in a group; nothing is changed.
    void add_param_group(Group group) {
        std::unordered_set<const void*> fresh;
        for (std::size_t i = 0; i < group.params.size(); ++i) {
            const at::Tensor& param = group.params[i];
            const std::string which =
                who() + ": parameter " + std::to_string(i) + " of group " + std::to_string(groups_.size());
            if (!param.defined()) {
                throw ConfigError(which +
                                  " is undefined. Hand over the module's parameters after it is built.");
            }
            if (!param.is_leaf() && !param.retains_grad()) {
                throw ConfigError(which + " is the result of an operation, expected a leaf tensor.");
            }
            if (param.is_complex()) {
                throw ConfigError(which +
                                  " is complex, expected a real tensor. Optimize its at::view_as_real.");
            }
            if (seen_.contains(param.unsafeGetTensorImpl()) || !fresh.insert(param.unsafeGetTensorImpl()).second) {
                throw ConfigError(which + " was given before. A parameter belongs to one group, once.");
            }
        }
        Algorithm::check(group.options);
        GroupState<Algorithm> state(std::move(group));
        state.check_layout(state.options);
        groups_.push_back(std::move(state));
        seen_.merge(fresh);
    }
    /// With the settings that the optimizer was made with (the first group's, where groups were given), but for `lr`.
    void add_param_group(std::vector<at::Tensor> params, std::optional<double> lr = std::nullopt) {
        Options options = defaults_;
        options.lr = lr.value_or(options.lr);
        add_param_group(Group{.params = std::move(params), .options = options, .name = {}});
    }

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

    [[nodiscard]] Value state_dict() const {
        Dict state;
        List groups;
        std::int64_t first = 0;
        for (const auto& group : groups_) {
            List indices;
            for (std::size_t i = 0; i < group.params.size(); ++i) {
                const std::int64_t index = first + static_cast<std::int64_t>(i);
                indices.emplace_back(index);
                if (Dict entry = group.pack_state(i); !entry.empty()) {
                    state.set(index, std::move(entry));
                }
            }
            first += static_cast<std::int64_t>(group.params.size());
            groups.emplace_back(group.pack_settings(std::move(indices)));
        }
        return Dict{{"state", std::move(state)}, {"param_groups", std::move(groups)}};
    }

    void load_state_dict(const Value& saved) {
        const List& saved_groups = saved.at("param_groups").items();
        if (saved_groups.size() != groups_.size()) {
            throw CheckpointError(who() + ": the file has " + std::to_string(saved_groups.size()) +
                                  " parameter groups, this optimizer has " + std::to_string(groups_.size()) +
                                  ".");
        }
        struct Place {
            std::size_t group;
            std::size_t index;
        };
        std::unordered_map<std::int64_t, Place> places;
        std::vector<LoadedGroup<Algorithm>> loaded;  // filled completely before anything is changed
        for (std::size_t g = 0; g < groups_.size(); ++g) {
            const List& ids = saved_groups[g].at("params").items();
            if (ids.size() != groups_[g].params.size()) {
                throw CheckpointError(who() + ": group " + std::to_string(g) + " has " +
                                      std::to_string(ids.size()) + " parameters in the file, " +
                                      std::to_string(groups_[g].params.size()) + " in this optimizer.");
            }
            for (std::size_t i = 0; i < ids.size(); ++i) {
                places[ids[i].to_int()] = {g, i};
            }
            loaded.push_back(groups_[g].read_settings(saved_groups[g].dict()));
        }
        for (const auto& [key, entry] : saved.at("state").dict()) {
            const auto found = places.find(key.to_int());
            if (found == places.end()) {
                throw CheckpointError(who() + ": the file holds state of parameter " +
                                      std::to_string(key.to_int()) + ", which is in none of its groups.");
            }
            const auto [g, i] = found->second;
            groups_[g].read_state(loaded[g], i, entry.dict(), g);
        }
        for (std::size_t g = 0; g < groups_.size(); ++g) {
            groups_[g].adopt(std::move(loaded[g]));
        }
    }

 private:
    static std::string who() { return std::string(Algorithm::name); }

    Options defaults_;
    std::vector<GroupState<Algorithm>> groups_;
    std::unordered_set<const void*> seen_;
};

}  // namespace lit::detail
