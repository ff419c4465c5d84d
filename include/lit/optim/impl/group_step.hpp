// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/optim/detail/group_state.hpp>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cstddef>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

/// A step of a group: the gradients are held against the parameters and their states, then the arithmetic is called.
namespace lit::detail {

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
    if (!state.defined()) {
        return true;
    }
    if (state.scalar_type() != param.scalar_type() || state.device() != param.device() || state.sizes() != param.sizes()) {
        std::ostringstream text;
        text << Algorithm::name << ": parameter " << i << " is " << shape_of(param) << ", " << param.scalar_type() << ", on "
             << param.device() << " now; expected " << shape_of(state) << ", " << state.scalar_type() << ", on "
             << state.device() << ", as in the steps before. Make a new optimizer once the module has changed.";
        throw ConfigError(text.str());
    }
    if (!options.fused || state.strides() == param.strides()) {
        return true;
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
