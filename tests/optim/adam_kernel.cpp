// SPDX-License-Identifier: Apache-2.0
#include <lit/core/processor.hpp>
#include <lit/optim/adam.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/detail/adam_kernel.hpp>
#include <lit/optim/detail/adam_range.hpp>

#include "support/doctest.hpp"
#include "support/threads.hpp"

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using lit::detail::AdamSettings;
using lit::testing::Threads;
using Tensors = std::vector<at::Tensor>;

/// LibTorch's kernels are others where a user asks for plain ones; lit calls those then.
bool own_is_used() { return lit::detail::has_avx2() && std::getenv("ATEN_CPU_CAPABILITY") == nullptr; }

struct State {
    Tensors params, exp_avgs, exp_avg_sqs, steps;

    explicit State(const std::vector<std::int64_t>& sizes) {
        at::manual_seed(7);
        for (const std::int64_t size : sizes) {
            params.push_back(at::randn({size}));
            exp_avgs.push_back(at::zeros({size}));
            exp_avg_sqs.push_back(at::zeros({size}));
            steps.push_back(at::zeros({}));
        }
    }
    State(const State& other) {
        const auto copies = [](const Tensors& from, Tensors& to) {
            for (const at::Tensor& tensor : from) {
                to.push_back(tensor.clone());
            }
        };
        copies(other.params, params);
        copies(other.exp_avgs, exp_avgs);
        copies(other.exp_avg_sqs, exp_avg_sqs);
        copies(other.steps, steps);
    }
    void count() {
        for (const at::Tensor& step : steps) {
            ++*step.mutable_data_ptr<float>();
        }
    }
};

bool own(State& state, const Tensors& grads, const AdamSettings& s) {
    return lit::detail::own_adam(s, state.params, grads, state.exp_avgs, state.exp_avg_sqs, state.steps);
}
void libtorch(State& state, const Tensors& grads, const AdamSettings& s) {
    const auto call = [&](auto kernel) {
        kernel(state.params, grads, state.exp_avgs, state.exp_avg_sqs, Tensors{}, state.steps, s.lr, s.beta1,
               s.beta2, s.weight_decay, s.eps, false, false);
    };
    if (s.decoupled) {
        call([](auto&&... args) { at::_fused_adamw_(args...); });
    } else {
        call([](auto&&... args) { at::_fused_adam_(args...); });
    }
}

/// The same bits, or both no number.
std::int64_t differences(const Tensors& a, const Tensors& b) {
    std::int64_t count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const auto* x = static_cast<const float*>(a[i].const_data_ptr());
        const auto* y = static_cast<const float*>(b[i].const_data_ptr());
        for (std::int64_t n = 0; n < a[i].numel(); ++n) {
            const bool both_nan = std::isnan(x[n]) && std::isnan(y[n]);
            count += !both_nan && (x[n] != y[n] || std::signbit(x[n]) != std::signbit(y[n])) ? 1 : 0;
        }
    }
    return count;
}

std::int64_t differences(const State& a, const State& b) {
    return differences(a.params, b.params) + differences(a.exp_avgs, b.exp_avgs) +
           differences(a.exp_avg_sqs, b.exp_avg_sqs);
}

void same_as_libtorch(const AdamSettings& settings, const std::vector<std::int64_t>& sizes, int steps,
                      auto&& gradient) {
    State ours(sizes);
    State theirs(ours);
    for (int step = 0; step < steps; ++step) {
        Tensors grads;
        for (const std::int64_t size : sizes) {
            grads.push_back(gradient(size));
        }
        ours.count();
        theirs.count();
        REQUIRE(own(ours, grads, settings));
        libtorch(theirs, grads, settings);
        CAPTURE(step);
        REQUIRE(differences(ours, theirs) == 0);
    }
}

const auto normal = [](std::int64_t size) { return at::randn({size}); };

#if defined(__x86_64__)
/// How many of 2^24 numbers from 1 to 4 are divided otherwise than the processor divides.
[[gnu::target("avx2,fma")]] std::int64_t wrong_quotients(float root) {
    const float inverse = 1.0F / root;
    const auto rest = static_cast<float>(1.0 / static_cast<double>(root) - static_cast<double>(inverse));
    __m256i wrong = _mm256_setzero_si256();
    __m256i bits = _mm256_add_epi32(_mm256_set1_epi32(0x3f800000), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    for (std::int64_t i = 0; i < (std::int64_t{1} << 24); i += 8) {
        const __m256 x = _mm256_castsi256_ps(bits);
        const __m256 found = lit::detail::adam::by_root(x, _mm256_set1_ps(root), _mm256_set1_ps(inverse),
                                                        _mm256_set1_ps(rest));
        const __m256 differs = _mm256_cmp_ps(found, _mm256_div_ps(x, _mm256_set1_ps(root)), _CMP_NEQ_UQ);
        wrong = _mm256_sub_epi32(wrong, _mm256_castps_si256(differs));
        bits = _mm256_add_epi32(bits, _mm256_set1_epi32(8));
    }
    std::array<std::int32_t, 8> counts{};
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(counts.data()), wrong);
    std::int64_t all = 0;
    for (const std::int32_t count : counts) {
        all += count;
    }
    return all;
}
#endif

}  // namespace

TEST_SUITE("optim/adam_kernel") {
    TEST_CASE("Adam and AdamW are LibTorch's fused kernels to the bit, rests and all" *
              doctest::skip(!own_is_used())) {
        const std::vector<std::int64_t> sizes{0, 1, 7, 8, 9, 15, 16, 17, 31, 45, 1000};
        for (const bool decoupled : {true, false}) {
            for (const double weight_decay : {0.0, 0.01, 0.3}) {
                for (const double beta1 : {0.0, 0.3, 0.5, 0.9}) {
                    for (const double beta2 : {0.0, 0.9, 0.999, 0.9999999}) {
                        CAPTURE(decoupled);
                        CAPTURE(weight_decay);
                        CAPTURE(beta1);
                        CAPTURE(beta2);
                        same_as_libtorch({3e-3, beta1, beta2, 1e-8, weight_decay, decoupled}, sizes, 7,
                                         normal);
                    }
                }
            }
        }
        same_as_libtorch({1e-3, 0.9, 0.999, 1e-8, 1e-2, true}, {131, 4096}, 2000, normal);
    }

    TEST_CASE("numbers at the ends of what there is are no exception" * doctest::skip(!own_is_used())) {
        constexpr std::array ends{0.0F,
                                  -0.0F,
                                  std::numeric_limits<float>::denorm_min(),
                                  std::numeric_limits<float>::min(),
                                  1e-20F,
                                  1e18F,
                                  -1e21F,
                                  std::numeric_limits<float>::max(),
                                  std::numeric_limits<float>::infinity(),
                                  -std::numeric_limits<float>::infinity(),
                                  std::numeric_limits<float>::quiet_NaN()};
        for (const bool decoupled : {true, false}) {
            for (const float end : ends) {
                for (const double weight_decay : {0.0, 0.01}) {
                    for (const auto& [beta1, eps] : {std::pair{0.9, 0.0}, {0.9, 1e-8}, {0.3, 1e-8}}) {
                        CAPTURE(end);
                        CAPTURE(beta1);
                        CAPTURE(eps);
                        same_as_libtorch({1e-3, beta1, 0.999, eps, weight_decay, decoupled}, {21}, 3,
                                         [end](std::int64_t size) { return at::full({size}, end); });
                    }
                }
            }
        }
    }

    TEST_CASE("memory may begin at any number, as a part of a larger tensor does" *
              doctest::skip(!own_is_used())) {
        for (std::int64_t begin = 0; begin < 8; ++begin) {
            CAPTURE(begin);
            State ours({100});
            const auto part = [begin](const at::Tensor& whole) { return whole.narrow(0, begin, 60); };
            for (Tensors* tensors : {&ours.params, &ours.exp_avgs, &ours.exp_avg_sqs}) {
                tensors->front() = part(tensors->front());
            }
            State theirs(ours);
            const Tensors grads{part(at::randn({100}))};
            ours.count();
            theirs.count();
            REQUIRE(own(ours, grads, {1e-3, 0.9, 0.999, 1e-8, 1e-2, true}));
            libtorch(theirs, grads, {1e-3, 0.9, 0.999, 1e-8, 1e-2, true});
            CHECK(differences(ours, theirs) == 0);
        }
    }

    TEST_CASE("each parameter is at its own step" * doctest::skip(!own_is_used())) {
        State ours({20, 20, 20});
        *ours.steps[1].mutable_data_ptr<float>() = 1000.0F;
        State theirs(ours);
        const AdamSettings settings{1e-3, 0.9, 0.999, 1e-8, 1e-2, true};
        const Tensors grads{at::randn({20}), at::randn({20}), at::randn({20})};
        ours.count();
        theirs.count();
        REQUIRE(own(ours, grads, settings));
        libtorch(theirs, grads, settings);
        CHECK(differences(ours, theirs) == 0);
    }

    TEST_CASE("the number of threads changes no bit" * doctest::skip(!own_is_used())) {
        const std::vector<std::int64_t> sizes{200'003, 10, 3, 50, 100'000};
        const AdamSettings settings{1e-3, 0.9, 0.999, 1e-8, 1e-2, true};
        const State begin(sizes);
        Tensors grads;
        for (const std::int64_t size : sizes) {
            grads.push_back(at::randn({size}));
        }
        State alone(begin);
        {
            const Threads one(1);
            alone.count();
            REQUIRE(own(alone, grads, settings));
        }
        for (const int count : {2, 3, 7}) {
            const Threads several(count);
            State shared(begin);
            shared.count();
            REQUIRE(own(shared, grads, settings));
            CHECK(differences(shared, alone) == 0);
        }
    }

    TEST_CASE("two small parameters of one memory are updated one after the other" * doctest::skip(!own_is_used())) {
        const Threads several(2);
        int wrong = 0;
        for (int times = 0; times < 300; ++times) {
            State tied({8, 8, 400'000});
            tied.params[0].zero_();
            tied.params[1].set_data(tied.params[0]);
            const Tensors grads{at::ones({8}), at::ones({8}), at::ones({400'000})};
            for (int step = 0; step < 3; ++step) {
                tied.count();
                REQUIRE(own(tied, grads, {0.1, 0.9, 0.999, 1e-8, 0.0, false}));
            }
            wrong += (tied.params[0] + 0.6).abs().max().item<double>() > 1e-4 ? 1 : 0;  // two steps of 0.1, three times
        }
        CHECK(wrong == 0);
    }

    TEST_CASE("what it does not know is left to LibTorch, untouched") {
        State doubles({20});
        const at::Tensor before = doubles.params[0].clone();
        for (Tensors* tensors : {&doubles.params, &doubles.exp_avgs, &doubles.exp_avg_sqs}) {
            tensors->front() = tensors->front().to(at::kDouble);
        }
        doubles.count();
        CHECK_FALSE(own(doubles, {at::randn({20}).to(at::kDouble)}, {1e-3, 0.9, 0.999, 1e-8, 0.0, true}));
        CHECK(doubles.params[0].equal(before.to(at::kDouble)));
        State uncounted({20});  // a step of 0 divides by 0 in LibTorch's, too: that shall answer for it
        const State as_it_was(uncounted);
        CHECK_FALSE(own(uncounted, {at::randn({20})}, {1e-3, 0.9, 0.999, 1e-8, 0.0, true}));
        CHECK(differences(uncounted, as_it_was) == 0);
    }

    TEST_CASE("where LibTorch's kernels are others they are called" * doctest::skip(own_is_used())) {
        for (const bool decoupled : {true, false}) {
            const AdamSettings settings{1e-3, 0.9, 0.999, 1e-8, 1e-2, decoupled};
            State theirs({45});
            State untouched(theirs);
            const Tensors grads{at::randn({45})};
            at::Tensor param = theirs.params[0].clone().requires_grad_();
            param.mutable_grad() = grads[0];
            untouched.count();
            CHECK_FALSE(own(untouched, grads, settings));
            theirs.count();
            CHECK(differences(untouched.params, theirs.params) == 0);
            libtorch(theirs, grads, settings);
            if (decoupled) {
                lit::AdamW{{param}, {.weight_decay = settings.weight_decay}}.step();
            } else {
                lit::Adam{{param}, {.weight_decay = settings.weight_decay}}.step();
            }
            CHECK(differences({param.detach()}, theirs.params) == 0);
        }
    }

#if defined(__x86_64__)
    TEST_CASE("by products every mantissa is divided as the processor divides" *
              doctest::skip(!lit::detail::has_avx2())) {
        std::vector<float> roots{1.0F, 0.99999994F, 0.5F, 1.05e-8F};
        for (const float last_bit : {0x1.fbfa1ep-1F, 0x1.4fc4f6p-1F, 0x1.d6b7e6p-1F, 0x1.8f22aep-1F}) {
            roots.push_back(
                last_bit);  // without what is left over, one number would be rounded to the wrong side
        }
        for (const double step : {1.0, 10.0, 1000.0}) {
            roots.push_back(static_cast<float>(std::sqrt(1 - std::pow(0.999, step))));
        }
        for (const float root : roots) {
            CAPTURE(root);
            CHECK(wrong_quotients(root) == 0);
        }
    }
#endif
}
