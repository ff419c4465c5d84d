// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/grouped_optimizer.hpp>
#include <lit/optim/impl/group_state.hpp>
#include <lit/optim/impl/group_step.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace lit::detail {

template <class Algorithm>
LIT_INLINE GroupedOptimizer<Algorithm>::GroupedOptimizer(std::vector<at::Tensor> parameters, Options options) {
    if (parameters.empty()) {
        throw ConfigError(who() +
                          ": the parameter list is empty. Create the layers before the optimizer.");
    }
    defaults_ = options;
    add_param_group(Group{.params = std::move(parameters), .options = options, .name = {}});
}

template <class Algorithm>
LIT_INLINE GroupedOptimizer<Algorithm>::GroupedOptimizer(std::vector<Group> groups) {
    if (groups.empty()) {
        throw ConfigError(who() + ": the list of parameter groups is empty.");
    }
    defaults_ = groups.front().options;
    for (Group& group : groups) {
        add_param_group(std::move(group));
    }
}

template <class Algorithm>
LIT_INLINE GroupedOptimizer<Algorithm>::GroupedOptimizer(GroupedOptimizer&&) noexcept = default;

template <class Algorithm>
LIT_INLINE GroupedOptimizer<Algorithm>& GroupedOptimizer<Algorithm>::operator=(GroupedOptimizer&&) noexcept = default;

template <class Algorithm>
LIT_INLINE GroupedOptimizer<Algorithm>::~GroupedOptimizer() = default;

template <class Algorithm>
LIT_INLINE void GroupedOptimizer<Algorithm>::step() {
    const c10::AutoGradMode no_grad(false);
    try {
        for (auto& group : groups_) {
            group.take_gradients();
        }
    } catch (...) {
        for (auto& group : groups_) {
            group.drop_gradients();
        }
        throw;
    }
    for (auto& group : groups_) {
        group.step();
    }
}

template <class Algorithm>
LIT_INLINE void GroupedOptimizer<Algorithm>::zero_grad(bool set_to_none) {
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

template <class Algorithm>
LIT_INLINE void GroupedOptimizer<Algorithm>::add_param_group(Group group) {
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

template <class Algorithm>
LIT_INLINE void GroupedOptimizer<Algorithm>::add_param_group(std::vector<at::Tensor> params, std::optional<double> lr) {
    Options options = defaults_;
    options.lr = lr.value_or(options.lr);
    add_param_group(Group{.params = std::move(params), .options = options, .name = {}});
}

template <class Algorithm>
LIT_INLINE Value GroupedOptimizer<Algorithm>::state_dict() const {
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

template <class Algorithm>
LIT_INLINE void GroupedOptimizer<Algorithm>::load_state_dict(const Value& saved) {
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

}  // namespace lit::detail
