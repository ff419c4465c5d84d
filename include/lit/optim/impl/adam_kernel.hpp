// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/processor.hpp>
#include <lit/core/threads.hpp>
#include <lit/optim/detail/adam_kernel.hpp>
#include <lit/optim/detail/adam_range.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace lit::detail {

#if defined(__x86_64__)

/// The numbers of one parameter.
struct AdamMemory {
    float* param;
    const float* grad;
    float* exp_avg;
    float* exp_avg_sq;
    std::int64_t count;
    std::size_t numbers;  ///< which step it is at
};

inline void adam_range(const AdamNumbers& c, const AdamMemory& at, std::int64_t begin, std::int64_t end) {
    const bool near_mean = c.weight < 0.5F;
    auto* const range = c.coupled ? (near_mean ? &adam_range<true, true> : &adam_range<true, false>)
                                  : (near_mean ? &adam_range<false, true> : &adam_range<false, false>);
    range(c, at.param + begin, at.grad + begin, at.exp_avg + begin, at.exp_avg_sq + begin, end - begin);
}

/// Each thread has its share of each parameter, the same in each step: it finds the memory where it left it.
inline void adam_pass(std::span<const AdamNumbers> numbers, std::span<const AdamMemory> memory,
                      std::int64_t total) {
    constexpr std::int64_t line = 16;  // floats
    const std::int64_t parts = threads::parts_of(total * threads::work_per_number);
    threads::in_parts(parts, parts, 1, [&](auto first, auto last, auto /*part*/) {
        for (const AdamMemory& at : memory) {
            const std::int64_t lines = (at.count + line - 1) / line;
            const std::int64_t begin = lines * first / parts * line;
            const std::int64_t end = std::min(at.count, lines * last / parts * line);
            if (begin < end) {
                adam_range(numbers[at.numbers], at, begin, end);
            }
        }
    });
}

/// Whether LibTorch's kernel comes to the same bits as this one.
inline bool adam_as_libtorch(bool decoupled) {
    constexpr std::int64_t count = 45;  // vectors and a rest
    for (const double beta1 : {0.9, 0.3}) {
        const AdamSettings settings{1e-3, beta1, 0.999, 1e-8, 1e-2, decoupled};
        constexpr float step = 3.0F;
        std::array<std::array<at::Tensor, 4>, 2> both;
        for (auto& tensors : both) {
            for (std::size_t k = 0; k < tensors.size(); ++k) {
                tensors[k] = at::empty({count}, at::kFloat);
                for (std::int64_t i = 0; i < count; ++i) {
                    const double wave = std::sin(static_cast<double>(i + 1) * (1.7 + static_cast<double>(k)));
                    tensors[k].mutable_data_ptr<float>()[i] =
                        static_cast<float>(k == 3 ? wave * wave * 1e-2 : wave);
                }
            }
        }
        auto& [theirs, ours] = both;
        at::Tensor count_of_steps = at::empty({}, at::kFloat);
        *count_of_steps.mutable_data_ptr<float>() = step;
        const std::vector<at::Tensor> p{theirs[0]}, g{theirs[1]}, m{theirs[2]}, v{theirs[3]},
            s{count_of_steps};
        if (decoupled) {
            at::_fused_adamw_(p, g, m, v, {}, s, settings.lr, beta1, settings.beta2, settings.weight_decay,
                              settings.eps, false, false);
        } else {
            at::_fused_adam_(p, g, m, v, {}, s, settings.lr, beta1, settings.beta2, settings.weight_decay,
                             settings.eps, false, false);
        }
        const AdamMemory memory{ours[0].mutable_data_ptr<float>(),
                                static_cast<const float*>(ours[1].const_data_ptr()),
                                ours[2].mutable_data_ptr<float>(),
                                ours[3].mutable_data_ptr<float>(),
                                count,
                                0};
        adam_range(AdamNumbers(settings, step), memory, 0, count);
        for (const std::size_t k : {0U, 2U, 3U}) {
            if (std::memcmp(theirs[k].const_data_ptr(), ours[k].const_data_ptr(), count * sizeof(float)) !=
                0) {
                return false;
            }
        }
    }
    return true;
}
inline bool adam_known_as_libtorch(bool decoupled) {
    static const std::array<bool, 2> known{adam_as_libtorch(false), adam_as_libtorch(true)};
    return known[decoupled ? 1 : 0];
}

LIT_INLINE bool own_adam(const AdamSettings& settings, std::span<const at::Tensor> params,
                         std::span<const at::Tensor> grads, std::span<const at::Tensor> exp_avgs,
                         std::span<const at::Tensor> exp_avg_sqs, std::span<const at::Tensor> steps) {
    if (!params.front().is_cpu() || params.front().scalar_type() != at::kFloat || !has_avx2() ||
        !adam_known_as_libtorch(settings.decoupled)) {
        return false;
    }
    thread_local std::vector<AdamNumbers> numbers;  // kept, so that a step allocates nothing
    thread_local std::vector<AdamMemory> memory;
    numbers.clear();
    memory.clear();
    std::int64_t total = 0;
    float last_step = 0.0F;
    for (std::size_t i = 0; i < params.size(); ++i) {
        const float step = *static_cast<const float*>(steps[i].const_data_ptr());
        if (numbers.empty() || step != last_step) {
            numbers.emplace_back(settings, step);
            last_step = step;
            if (!(numbers.back().root > 0.0F)) {
                return false;  // a count of 0 from a file: LibTorch answers for what it divides by
            }
        }
        memory.push_back({params[i].mutable_data_ptr<float>(),
                          static_cast<const float*>(grads[i].const_data_ptr()),
                          exp_avgs[i].mutable_data_ptr<float>(), exp_avg_sqs[i].mutable_data_ptr<float>(),
                          params[i].numel(), numbers.size() - 1});
        total += params[i].numel();
    }
    adam_pass(numbers, memory, total);
    return true;
}

#else

LIT_INLINE bool own_adam(const AdamSettings& /*settings*/, std::span<const at::Tensor> /*params*/,
                         std::span<const at::Tensor> /*grads*/, std::span<const at::Tensor> /*exp_avgs*/,
                         std::span<const at::Tensor> /*exp_avg_sqs*/, std::span<const at::Tensor> /*steps*/) {
    return false;
}

#endif

}  // namespace lit::detail
