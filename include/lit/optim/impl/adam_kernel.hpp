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
#include <limits>
#include <span>
#include <vector>

namespace lit::detail {

#if defined(__x86_64__)

namespace adam {

/// The numbers of one parameter.
struct Memory {
    float* param;
    const float* grad;
    float* exp_avg;
    float* exp_avg_sq;
    std::int64_t count;
    std::size_t numbers;  ///< which step it is at
};

inline void update(const Numbers& c, const Memory& at, std::int64_t begin, std::int64_t end) {
    const bool near_mean = c.weight < 0.5F;
    auto* const range = c.coupled ? (near_mean ? &update<true, true> : &update<true, false>)
                                  : (near_mean ? &update<false, true> : &update<false, false>);
    range(c, at.param + begin, at.grad + begin, at.exp_avg + begin, at.exp_avg_sq + begin, end - begin);
}

/// Each thread has its share of each parameter, the same in each step: it finds the memory where it left it.
inline void pass(std::span<const Numbers> numbers, std::span<const Memory> memory, std::int64_t total) {
    constexpr std::int64_t line = 16;  // floats
    constexpr std::int64_t work_per_number =
        6;  // so that a thread has 15 microseconds: it may have to fetch what another wrote
    const std::int64_t parts = threads::parts_of(total * work_per_number);
    threads::in_parts(parts, parts, 1, [&](auto first, auto last, auto /*part*/) {
        for (const Memory& at : memory) {
            const std::int64_t lines = (at.count + line - 1) / line;
            const auto share = [&](std::int64_t part) {
                if (lines < parts) {  // one thread has it whole, for two parameters of one memory the same
                    const auto place = reinterpret_cast<std::uintptr_t>(at.param) / 64;
                    return part > static_cast<std::int64_t>((place ^ (place >> 4)) % static_cast<std::uintptr_t>(parts)) ? at.count
                                                                                                                       : 0;
                }
                return std::min(at.count, lines * part / parts * line);
            };
            if (const std::int64_t begin = share(first), end = share(last); begin < end) {
                update(numbers[at.numbers], at, begin, end);
            }
        }
    });
}

/// Whether LibTorch's kernel comes to the same bits as this one.
inline bool as_libtorch(const AdamSettings& s) {
    constexpr std::int64_t count = 45;  // vectors and a rest
    constexpr float step = 3.0F;
    std::array<std::array<at::Tensor, 4>, 2> both;
    for (auto& tensors : both) {
        for (std::size_t k = 0; k < tensors.size(); ++k) {
            tensors[k] = at::empty({count}, at::kFloat);
            auto* values = tensors[k].mutable_data_ptr<float>();
            for (std::int64_t i = 0; i < count; ++i) {
                const double wave = std::sin(static_cast<double>(i + 1) * (1.7 + static_cast<double>(k)));
                values[i] = static_cast<float>(k == 3 ? wave * wave * 1e-2 : wave);
            }
            if (k == 3) {
                values[5] = std::numeric_limits<float>::infinity();
            }
        }
    }
    auto& [theirs, ours] = both;
    at::Tensor steps = at::empty({}, at::kFloat);
    *steps.mutable_data_ptr<float>() = step;
    const auto call = [&](auto kernel) {
        const std::vector<at::Tensor> p{theirs[0]}, g{theirs[1]}, m{theirs[2]}, v{theirs[3]}, at_step{steps};
        kernel(p, g, m, v, std::vector<at::Tensor>{}, at_step, s.lr, s.beta1, s.beta2, s.weight_decay, s.eps,
               false, false);
    };
    if (s.decoupled) {
        call([](auto&&... args) { at::_fused_adamw_(args...); });
    } else {
        call([](auto&&... args) { at::_fused_adam_(args...); });
    }
    const Memory memory{ours[0].mutable_data_ptr<float>(),
                        static_cast<const float*>(ours[1].const_data_ptr()),
                        ours[2].mutable_data_ptr<float>(),
                        ours[3].mutable_data_ptr<float>(),
                        count,
                        0};
    update(Numbers(s, step), memory, 0, count);
    return std::ranges::all_of(std::array{0U, 2U, 3U}, [&](std::size_t k) {
        return std::memcmp(theirs[k].const_data_ptr(), ours[k].const_data_ptr(), count * sizeof(float)) == 0;
    });
}
/// Tried once in each process.
inline bool known_as_libtorch() {
    static const bool known = [] {
        for (const bool decoupled : {false, true}) {
            for (const double beta1 : {0.9, 0.3}) {
                for (const double weight_decay : {1e-2, 0.0}) {
                    if (!as_libtorch({1e-3, beta1, 0.999, 1e-8, weight_decay, decoupled})) {
                        return false;
                    }
                }
            }
        }
        return true;
    }();
    return known;
}

}  // namespace adam

LIT_INLINE bool own_adam(const AdamSettings& settings, std::span<const at::Tensor> params,
                         std::span<const at::Tensor> grads, std::span<const at::Tensor> exp_avgs,
                         std::span<const at::Tensor> exp_avg_sqs, std::span<const at::Tensor> steps) {
    if (!params.front().is_cpu() || params.front().scalar_type() != at::kFloat || !has_avx2() ||
        !adam::known_as_libtorch()) {
        return false;
    }
    thread_local std::vector<adam::Numbers> numbers;  // kept, so that a step allocates nothing
    thread_local std::vector<adam::Memory> memory;
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
    adam::pass(numbers, memory, total);
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
