// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/group_state.hpp>
#include <lit/optim/detail/option_values.hpp>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/DefaultDtype.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

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
LIT_INLINE void GroupState<Algorithm>::take_gradients() {
    if (buckets_.empty()) {
        make_buckets();
    }
    for (Bucket& bucket : buckets_) {
        gather(bucket);
    }
}

template <class Algorithm>
LIT_INLINE void GroupState<Algorithm>::drop_gradients() {
    for (Bucket& bucket : buckets_) {
        bucket.lists.grads.clear();  // a gradient set to none must be freed
    }
}

template <class Algorithm>
LIT_INLINE void GroupState<Algorithm>::step() {
    for (Bucket& bucket : buckets_) {
        if (bucket.lists.grads.empty()) {
            continue;
        }
        if (options.fused) {
            step_fused(bucket);
            use_states(bucket);
        } else {
            use_states(bucket);  // before: if memory ends in it, some are used
            step_plain(bucket);
        }
        bucket.first.clear();
    }
    drop_gradients();
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
LIT_INLINE void GroupState<Algorithm>::make_buckets() {
    for (std::size_t i = 0; i < params.size(); ++i) {
        const auto fits = [&](const Bucket& bucket) {
            const at::Tensor& other = params[bucket.members.front()];
            return other.device() == params[i].device() && other.scalar_type() == params[i].scalar_type();
        };
        auto found = std::find_if(buckets_.begin(), buckets_.end(), fits);
        if (found == buckets_.end()) {
            found = buckets_.insert(buckets_.end(), Bucket{});
        }
        found->members.push_back(i);
    }
}

template <class Algorithm>
LIT_INLINE void GroupState<Algorithm>::gather(Bucket& bucket) {
    auto& grads = bucket.lists.grads;
    grads.clear();
    bool same = true;
    for (const std::size_t i : bucket.members) {
        const at::Tensor& grad = params[i].grad();
        if (!grad.defined()) {
            continue;
        }
        check_layout(options, i);
        same = state_fits(i) && same && grads.size() < bucket.active.size() && bucket.active[grads.size()] == i;
        if (like(grad, params[i])) {
            grads.push_back(grad);
        } else {
            grads.push_back(made_like(grad, i));
        }
    }
    if (!same || grads.size() != bucket.active.size()) {
        rebuild(bucket);
    }
}

template <class Algorithm>
LIT_INLINE bool GroupState<Algorithm>::state_fits(std::size_t i) {
    const at::Tensor& param = params[i];
    const at::Tensor& state = states_[0][i];  // all are made alike
    if (!state.defined() || (state.scalar_type() == param.scalar_type() && state.device() == param.device() &&
                             state.sizes() == param.sizes() &&
                             (!options.fused || state.strides() == param.strides()))) {
        return true;
    }
    if (state.scalar_type() != param.scalar_type() || state.device() != param.device() || state.sizes() != param.sizes()) {
        std::ostringstream text;
        text << Algorithm::name << ": parameter " << i << " is " << shape_of(param) << ", " << param.scalar_type() << ", on "
             << param.device() << " now; expected " << shape_of(state) << ", " << state.scalar_type() << ", on "
             << state.device() << ", as in the steps before. Make a new optimizer once the module has changed.";
        throw ConfigError(text.str());
    }
    for (std::size_t k = state_count; k-- > 0;) {  // the first one last: if memory ends, it tells the next step that it does not fit
        at::Tensor& kind = states_[k][i];
        if (kind.defined()) {
            kind = at::empty_like(param, param.options().requires_grad(false)).copy_(kind);
        }
    }
    return false;
}

template <class Algorithm>
LIT_INLINE bool GroupState<Algorithm>::like(const at::Tensor& grad, const at::Tensor& param) {
    return grad.layout() == at::kStrided && grad.scalar_type() == param.scalar_type() &&
           grad.device() == param.device() && grad.sizes() == param.sizes() &&
           !grad.is_neg() && !grad._is_zerotensor() &&  // whose memory does not hold what they are
           (grad.strides() == param.strides() || (grad.is_contiguous() && param.is_contiguous()));
}

template <class Algorithm>
LIT_INLINE at::Tensor GroupState<Algorithm>::made_like(const at::Tensor& grad, std::size_t i) const {
    const std::string which =
        std::string(Algorithm::name) + ": the gradient of parameter " + std::to_string(i);
    if (grad.layout() != at::kStrided) {
        throw ConfigError(which + " is sparse. Use a dense gradient: Embedding without `sparse`.");
    }
    if (grad.scalar_type() != params[i].scalar_type() || grad.device() != params[i].device()) {
        throw ConfigError(which + " has another type or device than the parameter.");
    }
    if (grad.sizes() != params[i].sizes()) {
        throw ConfigError(which + " has the shape " + shape_of(grad) + ", the parameter " + shape_of(params[i]) +
                          ". Set a gradient of the parameter's shape.");
    }
    return at::empty_like(params[i], params[i].options().requires_grad(false)).copy_(grad);
}

template <class Algorithm>
LIT_INLINE at::Tensor GroupState<Algorithm>::new_step(const at::Tensor& param, const Options& wanted) {
    const bool wide = c10::get_default_dtype_as_scalartype() == at::kDouble;
    return wanted.fused
               ? at::zeros({}, at::TensorOptions(at::kFloat).device(param.device()))
               : at::zeros({}, at::TensorOptions(wide ? at::kDouble : at::kFloat).device(at::kCPU));
}

template <class Algorithm>
LIT_INLINE void GroupState<Algorithm>::rebuild(Bucket& bucket) {
    auto& lists = bucket.lists;
    bucket.active.clear();
    bucket.first.clear();
    lists.params.clear();
    lists.steps.clear();
    for (auto& state : lists.states) {
        state.clear();
    }
    std::vector<std::size_t> active;  // put in its place when all is there: memory may end before
    for (const std::size_t i : bucket.members) {
        if (!params[i].grad().defined()) {
            continue;
        }
        active.push_back(i);
        lists.params.push_back(params[i]);
        if constexpr (Algorithm::counts_steps) {
            if (!steps_[i].defined()) {
                steps_[i] = new_step(params[i], options);
            }
            lists.steps.push_back(steps_[i]);
        }
        bool first = false;
        for (std::size_t k = 0; k < state_count; ++k) {
            if (!Algorithm::keeps(options, k)) {
                continue;
            }
            at::Tensor& state = states_[k][i];
            if (!state.defined()) {
                unused_[k][i] = 1;
                state = at::zeros_like(params[i], params[i].options().requires_grad(false));
            }
            first = first || unused_[k][i] != 0;
            lists.states[k].push_back(state);
        }
        bucket.first.push_back(first ? 1 : 0);
    }
    bucket.active = std::move(active);
}

template <class Algorithm>
LIT_INLINE void GroupState<Algorithm>::use_states(const Bucket& bucket) {
    for (std::size_t n = 0; n < bucket.first.size(); ++n) {
        for (auto& unused : unused_) {
            unused[bucket.active[n]] = 0;
        }
    }
}

template <class Algorithm>
LIT_INLINE void GroupState<Algorithm>::step_fused(Bucket& bucket) {
    const at::AutoDispatchBelowAutograd straight;
    Lists& lists = bucket.lists;
    for (const at::Tensor& param : lists.params) {
        // The fused kernels do not count: a graph that needs the parameter as it was would take what it has become.
        if (!param.is_inference()) {
            param.unsafeGetTensorImpl()->bump_version();
        }
    }
    count_steps(lists, 1);
    try {
        call_kernel(bucket);
    } catch (...) {
        count_steps(lists, -1);  // it refuses before it begins
        throw;
    }
}

template <class Algorithm>
LIT_INLINE void GroupState<Algorithm>::count_steps([[maybe_unused]] Lists& lists, [[maybe_unused]] int by) {
    if constexpr (Algorithm::counts_steps) {
        if (lists.steps.front().is_cpu()) {
            for (const at::Tensor& step : lists.steps) {
                *step.mutable_data_ptr<float>() += static_cast<float>(by);
            }
        } else {
            at::_foreach_add_(lists.steps, by);
        }
    }
}

template <class Algorithm>
LIT_INLINE void GroupState<Algorithm>::call_kernel(Bucket& bucket) {
    Lists& lists = bucket.lists;
    const auto made = std::count(bucket.first.begin(), bucket.first.end(), 1);
    const bool all = made == static_cast<std::ptrdiff_t>(lists.params.size());
    if (!Algorithm::first_step_differs || made == 0 || all) {
        Algorithm::fused(options, lists, made != 0);
        return;
    }
    for (const bool first :
         {true, false}) {  // some parameters have their first gradient later than others
        Lists part;
        for (std::size_t n = 0; n < bucket.first.size(); ++n) {
            if ((bucket.first[n] != 0) == first) {
                part.params.push_back(lists.params[n]);
                part.grads.push_back(lists.grads[n]);
                for (std::size_t k = 0; k < state_count; ++k) {
                    part.states[k].push_back(lists.states[k][n]);
                }
            }
        }
        Algorithm::fused(options, part, first);
    }
}

template <class Algorithm>
LIT_INLINE void GroupState<Algorithm>::step_plain(Bucket& bucket) {
    Lists& lists = bucket.lists;
    const at::Tensor none;
    for (std::size_t n = 0; n < lists.params.size(); ++n) {
        double count = 0.0;
        if constexpr (Algorithm::counts_steps) {
            const at::Tensor& step = lists.steps[n];  // on the CPU, so that nobody waits for a device
            count = step.scalar_type() == at::kFloat
                        ? static_cast<double>(++*step.mutable_data_ptr<float>())
                        : ++*step.mutable_data_ptr<double>();
        }
        SingleUpdate<state_count> update{
            lists.params[n], lists.grads[n], {}, count, !bucket.first.empty() && bucket.first[n] != 0};
        for (std::size_t k = 0; k < state_count; ++k) {
            update.states[k] = lists.states[k].empty() ? &none : &lists.states[k][n];
        }
        Algorithm::plain(options, update);
    }
}

}  // namespace lit::detail
