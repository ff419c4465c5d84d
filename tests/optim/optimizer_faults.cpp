// SPDX-License-Identifier: Apache-2.0
// What an optimizer does when memory ends in a step, a step is refused, or somebody gives a parameter other memory.
#include "support/doctest.hpp"

#include <lit/optim/adam.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/optimizer.hpp>
#include <lit/optim/sgd.hpp>

#include <c10/core/CPUAllocator.h>
#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

namespace {

using Parameters = std::vector<at::Tensor>;

/// Tensors on the CPU can be allocated so many times while it lives, and not once more.
class MemoryEnds final : public c10::Allocator {
 public:
    explicit MemoryEnds(int after) : left_(after), real_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(this, priority); }
    MemoryEnds(const MemoryEnds&) = delete;
    MemoryEnds& operator=(const MemoryEnds&) = delete;
    ~MemoryEnds() override { c10::SetCPUAllocator(real_, priority); }

    c10::DataPtr allocate(std::size_t bytes) override {
        if (left_-- <= 0) {
            left_ = 0;
            throw std::bad_alloc();
        }
        return real_->allocate(bytes);
    }
    c10::DeleterFnPtr raw_deleter() const override { return real_->raw_deleter(); }
    void copy_data(void* to, const void* from, std::size_t bytes) const override { real_->copy_data(to, from, bytes); }

 private:
    static constexpr std::uint8_t priority = 100;
    int left_;
    c10::Allocator* real_;
};

Parameters parameters() {
    torch::manual_seed(3);
    return {torch::randn({4, 3}).requires_grad_(), torch::randn({3}).requires_grad_(), torch::randn({2, 5}).requires_grad_()};
}
void set_gradients(const Parameters& params, double value) {
    for (const at::Tensor& p : params) {
        p.mutable_grad() = torch::full(p.sizes(), value);
    }
}
bool equal(const Parameters& a, const Parameters& b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (!torch::equal(a[i], b[i])) {
            return false;
        }
    }
    return a.size() == b.size();
}

/// Calls `check(make)` for the optimizers that keep a state, with and without their fused kernels.
template <class Check>
void each_optimizer(Check&& check) {
    for (const bool fused : {true, false}) {
        CAPTURE(fused);
        check([&](Parameters p) { return lit::Adam{std::move(p), {.lr = 0.1, .amsgrad = true, .fused = fused}}; });
        check([&](Parameters p) { return lit::AdamW{std::move(p), {.lr = 0.1, .fused = fused}}; });
        check([&](Parameters p) {
            return lit::SGD{std::move(p), {.lr = 0.1, .momentum = 0.9, .dampening = 0.5, .fused = fused}};
        });
    }
}

}  // namespace

TEST_SUITE("lit::Optimizer, faults") {
    TEST_CASE("a step for whose states memory does not suffice is as if it had not been tried") {
        each_optimizer([](auto make) {
            const Parameters wanted = parameters();
            auto reference = make(wanted);
            set_gradients(wanted, 0.5);
            reference.step();
            int failed = 0;
            for (int after = 0;; ++after) {
                const Parameters p = parameters();
                auto optimizer = make(p);
                set_gradients(p, 0.5);
                bool done = true;
                {
                    const MemoryEnds ends(after);
                    try {
                        optimizer.step();
                    } catch (const std::bad_alloc&) {
                        done = false;
                    }
                }
                if (done) {
                    break;
                }
                ++failed;
                CAPTURE(optimizer.name());
                if (lit::optimizer_state(optimizer).at("state").dict().empty()) {
                    optimizer.step();
                    CHECK(equal(p, wanted));
                } else {  // it ended in the arithmetic, which takes the parameters one by one
                    CHECK(!optimizer.options().fused);
                }
            }
            CHECK(failed >= 3);
        });
    }

    TEST_CASE("a refused step makes no state, and a momentum starts as the gradient after it") {
        each_optimizer([](auto make) {
            const Parameters p = parameters(), wanted = parameters();
            auto optimizer = make(Parameters{p[0]});
            optimizer.add_param_group(Parameters{p[1]});
            auto reference = make(Parameters{wanted[0]});
            reference.add_param_group(Parameters{wanted[1]});
            set_gradients({p[0]}, 0.5);
            p[1].mutable_grad() = torch::zeros({3}).to_sparse();
            CHECK_THROWS_AS(optimizer.step(), lit::ConfigError);
            CHECK(lit::optimizer_state(optimizer).at("state").dict().empty());
            for (const double value : {0.25, -1.0}) {
                set_gradients({p[0], p[1], wanted[0], wanted[1]}, value);
                optimizer.step();
                reference.step();
            }
            CHECK(equal({p[0], p[1]}, {wanted[0], wanted[1]}));
        });
    }

    TEST_CASE("a parameter that has become larger, or of another type, is refused") {
        each_optimizer([](auto make) {
            const Parameters p = parameters();
            auto optimizer = make(p);
            set_gradients(p, 0.5);
            optimizer.step();
            p[1].mutable_grad().reset();
            p[1].set_data(torch::ones({5000}));
            p[1].mutable_grad() = torch::ones({5000});
            const at::Tensor before = p[0].clone();
            CHECK_THROWS_WITH_AS(optimizer.step(),
                                 doctest::Contains("parameter 1 is [5000], Float, on cpu now; expected [3], Float, on cpu"),
                                 lit::ConfigError);
            CHECK(torch::equal(p[0], before));
            p[1].mutable_grad().reset();
            p[1].set_data(torch::ones({3}, at::kDouble));
            p[1].mutable_grad() = torch::ones({3}, at::kDouble);
            CHECK_THROWS_WITH_AS(optimizer.step(), doctest::Contains("parameter 1 is [3], Double"), lit::ConfigError);
        });
    }

    TEST_CASE("a parameter that is laid out anew keeps its state, number by number") {
        each_optimizer([](auto make) {
            torch::manual_seed(5);
            const at::Tensor begin = torch::randn({2, 3, 4, 5});
            const Parameters p{begin.clone().requires_grad_()}, wanted{begin.clone().requires_grad_()};
            auto optimizer = make(p);
            auto reference = make(wanted);
            for (int step = 0; step < 3; ++step) {
                const at::Tensor grad = torch::randn({2, 3, 4, 5});
                wanted[0].mutable_grad() = grad;
                reference.step();
                p[0].mutable_grad().reset();
                p[0].set_data(p[0].detach().contiguous(step % 2 == 0 ? at::MemoryFormat::Contiguous
                                                                    : at::MemoryFormat::ChannelsLast));
                p[0].mutable_grad() = grad;
                optimizer.step();
            }
            CHECK(torch::equal(p[0].contiguous(), wanted[0]));
        });
    }

    TEST_CASE("a parameter that has become a part of something larger is refused where the kernel would write beside it") {
        for (const double momentum : {0.0, 0.9}) {
            const at::Tensor p = torch::ones({4, 3}).requires_grad_();
            lit::SGD optimizer{{p}, {.lr = 0.1, .momentum = momentum}};
            set_gradients({p}, 1.0);
            optimizer.step();
            const at::Tensor whole = torch::ones({4, 6});
            p.mutable_grad().reset();
            p.set_data(whole.narrow(1, 0, 3));
            set_gradients({p}, 1.0);
            CHECK_THROWS_WITH_AS(optimizer.step(), doctest::Contains("parameter 0 is not a dense"), lit::ConfigError);
            CHECK(whole.eq(1).all().item<bool>());
        }
    }
}
