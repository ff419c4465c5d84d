// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/group_state.hpp>
#include <lit/optim/detail/option_values.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/core/DefaultDtype.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

/// A group's settings and states, and how a file holds them.
namespace lit::detail {

template <class Algorithm>
LIT_INLINE GroupState<Algorithm>::GroupState(ParamGroup<Options>&& group)
    : params(std::move(group.params)), options(group.options), name(std::move(group.name)) {
    steps_.resize(params.size());
    for (auto& state : states_) {
        state.resize(params.size());
    }
    for (auto& unused : unused_) {
        unused.resize(params.size());
    }
}

template <class Algorithm>
LIT_INLINE void GroupState<Algorithm>::check_layout(const Options& wanted) const {
    for (std::size_t i = 0; i < params.size(); ++i) {
        check_layout(wanted, i);
    }
}

template <class Algorithm>
LIT_INLINE void GroupState<Algorithm>::check_layout(const Options& wanted, std::size_t i) const {
    if (wanted.fused && (!params[i].is_floating_point() || !params[i].is_non_overlapping_and_dense())) {
        throw ConfigError(std::string(Algorithm::name) + ": parameter " + std::to_string(i) +
                          " is not a dense floating-point tensor, which the fused kernels need. "
                          "Set .fused = false.");
    }
}

template <class Algorithm>
LIT_INLINE Dict GroupState<Algorithm>::pack_state(std::size_t i) const {
    Dict entry;
    const bool used = std::ranges::all_of(unused_, [&](const auto& unused) { return unused[i] == 0; });
    if (Algorithm::counts_steps && steps_[i].defined() && used) {
        entry.set("step", steps_[i]);
    }
    for (std::size_t k = 0; k < state_count; ++k) {
        if (states_[k][i].defined() && unused_[k][i] == 0) {
            entry.set(Algorithm::state_names[k], states_[k][i]);
        }
    }
    return entry;
}

template <class Algorithm>
LIT_INLINE Dict GroupState<Algorithm>::pack_settings(List&& indices) const {
    Dict group;
    if (!name.empty()) {
        group.set("name", name);
    }
    for (const auto& [key, value] : Algorithm::pack(options)) {
        group.set(key, value);
    }
    if (initial_lr) {
        group.set("initial_lr", *initial_lr);
    }
    for (const auto& [key, value] : extra_) {  // what Python's schedulers leave there comes behind it
        group.set(key, value);
    }
    group.set("params", std::move(indices));
    return group;
}

template <class Algorithm>
LIT_INLINE LoadedGroup<Algorithm> GroupState<Algorithm>::read_settings(const Dict& saved) const {
    LoadedGroup<Algorithm> loaded{options, initial_lr, {}, {}, {}};
    Algorithm::unpack(loaded.options, saved);
    Options checked = loaded.options;
    if (!std::isnan(checked.lr)) {
        checked.lr = 0.0;  // a schedule may have taken it below, by rounding or as its rule says; Python takes that up, too
    }
    Algorithm::check(checked);
    check_layout(loaded.options);
    if (const Value* initial = saved.find("initial_lr")) {
        loaded.initial_lr = number_of(*initial);
    }
    const Dict known = Algorithm::pack(options);
    for (const auto& [key, value] : saved) {
        const std::string& text = key.string();
        if (text != "params" && text != "initial_lr" && text != "name" && !known.contains(text)) {
            loaded.extra.set(key, value);
        }
    }
    loaded.steps.resize(params.size());
    for (auto& state : loaded.states) {
        state.resize(params.size());
    }
    return loaded;
}

template <class Algorithm>
LIT_INLINE void GroupState<Algorithm>::read_state(LoadedGroup<Algorithm>& loaded, std::size_t i, const Dict& entry,
                std::size_t group) const {
    const at::Tensor& param = params[i];
    const auto fail = [&](const std::string& what) {
        throw CheckpointError(std::string(Algorithm::name) + ": parameter " + std::to_string(i) +
                              " of group " + std::to_string(group) + ": " + what);
    };
    if (entry.empty()) {
        return;
    }
    if constexpr (Algorithm::counts_steps) {
        const Value* step = entry.find("step");
        if (step == nullptr) {
            fail("the file has no \"step\". It was written by another optimizer.");
        }
        loaded.steps[i] = new_step(param, loaded.options).fill_(number_of(*step));
    }
    for (std::size_t k = 0; k < state_count; ++k) {
        const std::string key(Algorithm::state_names[k]);
        const Value* found = entry.find(key);
        if (found == nullptr || found->is_none()) {
            if (Algorithm::counts_steps && Algorithm::keeps(loaded.options, k)) {
                fail("the file has no \"" + key + "\". It was written by another optimizer.");
            }
            continue;
        }
        const at::Tensor& tensor = found->tensor();
        if (tensor.sizes() != param.sizes()) {
            fail("\"" + key + "\" has the shape " + shape_of(tensor) + " in the file, the parameter " +
                 shape_of(param) + ". The model is another one.");
        }
        loaded.states[k][i] = at::empty_like(param, param.options().requires_grad(false)).copy_(tensor);
    }
}

template <class Algorithm>
LIT_INLINE void GroupState<Algorithm>::adopt(LoadedGroup<Algorithm>&& loaded) {
    options = loaded.options;
    initial_lr = loaded.initial_lr;
    extra_ = std::move(loaded.extra);
    states_ = std::move(loaded.states);
    steps_ = std::move(loaded.steps);
    for (auto& unused : unused_) {
        unused.assign(params.size(), 0);
    }
    buckets_.clear();  // the lists hold the state that has just been replaced
}

template <class Algorithm>
LIT_INLINE std::string GroupState<Algorithm>::shape_of(const at::Tensor& tensor) {
    std::string text = "[";
    for (const std::int64_t size : tensor.sizes()) {
        text += (text.size() > 1 ? ", " : "") + std::to_string(size);
    }
    return text + "]";
}

template <class Algorithm>
LIT_INLINE at::Tensor GroupState<Algorithm>::new_step(const at::Tensor& param, const Options& wanted) {
    const bool wide = c10::get_default_dtype_as_scalartype() == at::kDouble;
    return wanted.fused
               ? at::zeros({}, at::TensorOptions(at::kFloat).device(param.device()))
               : at::zeros({}, at::TensorOptions(wide ? at::kDouble : at::kFloat).device(at::kCPU));
}

}  // namespace lit::detail
