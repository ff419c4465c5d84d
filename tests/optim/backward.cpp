// SPDX-License-Identifier: Apache-2.0
#include <lit/optim/backward.hpp>

#include <doctest/doctest.h>

#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/anomaly_mode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/torch.h>

#include <malloc.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace F = torch::nn::functional;

namespace {

using Make = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

std::vector<at::Tensor> leaves(const std::vector<std::vector<std::int64_t>>& sizes) {
    torch::manual_seed(7);
    std::vector<at::Tensor> all;
    for (const auto& size : sizes) {
        all.push_back(torch::randn(size).requires_grad_());
    }
    return all;
}

/// The gradients after `times` losses, by the engine or not; undefined where there is none.
std::vector<at::Tensor> gradients(std::vector<at::Tensor> of, const Make& loss, bool by_engine, int times = 1) {
    lit::Backward backward;
    for (at::Tensor& leaf : of) {
        leaf.mutable_grad() = at::Tensor();
    }
    for (int i = 0; i < times; ++i) {
        torch::manual_seed(11);
        const at::Tensor value = loss(of);
        if (by_engine) {
            value.backward();
        } else {
            REQUIRE(backward.walks(value));
            backward(value);
        }
    }
    std::vector<at::Tensor> all;
    for (const at::Tensor& leaf : of) {
        all.push_back(leaf.grad().defined() ? leaf.grad().clone() : at::Tensor());
    }
    return all;
}

/// To the bit, NaN being equal to itself.
void check_equal(const std::vector<at::Tensor>& found, const std::vector<at::Tensor>& expected) {
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        CAPTURE(i);
        REQUIRE(found[i].defined() == expected[i].defined());
        if (found[i].defined()) {
            CHECK(found[i].strides() == expected[i].strides());
            const auto bits = [](const at::Tensor& t) { return t.to_dense().contiguous().view(at::kInt); };
            CHECK(at::equal(bits(found[i]), bits(expected[i])));
        }
    }
}

void check_as_engine(const std::vector<at::Tensor>& of, const Make& loss) {
    for (const int times : {1, 3}) {
        check_equal(gradients(of, loss, false, times), gradients(of, loss, true, times));
    }
}

/// Bytes that this process has allocated, as the C library counts them.
std::size_t allocated() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

struct Doubled : torch::autograd::Function<Doubled> {
    static at::Tensor forward(torch::autograd::AutogradContext* /*context*/, const at::Tensor& x) { return x * 2; }
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* /*context*/,
                                                   torch::autograd::variable_list gradients) {
        return {gradients[0] * 2};
    }
};

}  // namespace

TEST_SUITE("optim/backward") {
    TEST_CASE("gradients are the engine's to the bit") {
        SUBCASE("a network with cross-entropy") {
            check_as_engine(leaves({{16, 20}, {16}, {4, 16}, {4}}), [](const auto& p) {
                const at::Tensor x = torch::rand({8, 20});
                return F::cross_entropy(torch::linear(torch::relu(torch::linear(x, p[0], p[1])), p[2], p[3]),
                                        torch::randint(4, {8}));
            });
        }
        SUBCASE("convolution, batch norm, pooling, dropout") {
            check_as_engine(leaves({{3, 1, 3, 3}, {3}, {3}, {3}}), [](const auto& p) {
                const at::Tensor x = torch::conv2d(torch::rand({4, 1, 8, 8}), p[0], p[1]);
                const at::Tensor y = torch::batch_norm(x, p[2], p[3], {}, {}, true, 0.1, 1e-5, false);
                return torch::dropout(torch::max_pool2d(torch::gelu(y), 2), 0.5, true).mean();
            });
        }
        SUBCASE("a value that is used several times, in both orders") {
            check_as_engine(leaves({{5, 5}, {5, 5}}), [](const auto& p) {
                const at::Tensor shared = p[0].matmul(p[1]).tanh();
                return (shared * shared.sin() + shared.cos().matmul(shared) - p[0] * shared).sum();
            });
        }
        SUBCASE("broadcasting") {
            check_as_engine(leaves({{1}, {3, 1}, {}}), [](const auto& p) {
                return ((p[0] + p[1]) * torch::rand({2, 3, 4}) / p[2].exp()).mean();
            });
        }
        SUBCASE("a leaf that is the loss, and one that takes no part") {
            check_as_engine(leaves({{}, {3}}), [](const auto& p) { return p[0]; });
        }
        SUBCASE("several outputs of one operator, some unused") {
            check_as_engine(leaves({{6, 4}}), [](const auto& p) {
                const auto parts = p[0].chunk(3);
                const auto [values, places] = parts[2].max(1);
                return (parts[0].square().sum() + values.sum()).log();
            });
        }
        SUBCASE("dense and sparse gradients of an embedding") {
            check_as_engine(leaves({{10, 3}, {10, 3}}), [](const auto& p) {
                const at::Tensor places = torch::randint(10, {12});
                return (torch::embedding(p[0], places) * torch::embedding(p[1], places, -1, false, false)).sum() +
                       p[0].square().sum();
            });
            const auto sparse = [](const auto& p) {
                return torch::embedding(p[0], torch::randint(10, {12}), -1, false, true).square().sum();
            };
            const auto table = leaves({{10, 3}});
            const auto found = gradients(table, sparse, false, 2);
            CHECK(found[0].is_sparse());
            CHECK(at::equal(found[0].to_dense(), gradients(table, sparse, true, 2)[0].to_dense()));
        }
        SUBCASE("a recurrent network and attention") {
            torch::manual_seed(3);
            torch::nn::LSTM lstm(torch::nn::LSTMOptions(5, 8).num_layers(2).batch_first(true));
            torch::nn::LayerNorm norm(torch::nn::LayerNormOptions({8}));
            std::vector<at::Tensor> all = lstm->parameters();
            all.push_back(norm->weight);
            all.push_back(norm->bias);
            check_as_engine(all, [&](const auto& /*parameters*/) {
                const at::Tensor h = norm(std::get<0>(lstm(torch::rand({2, 6, 5})))).unsqueeze(1);
                return at::scaled_dot_product_attention(h, h, h).square().mean();
            });
        }
        SUBCASE("autocast to bfloat16") {
            check_as_engine(leaves({{16, 20}, {4, 16}}), [](const auto& p) {
                at::autocast::set_autocast_enabled(at::kCPU, true);
                at::Tensor loss = torch::linear(torch::linear(torch::rand({8, 20}), p[0]).relu(), p[1]).logsumexp(1).mean();
                at::autocast::clear_cache();
                at::autocast::set_autocast_enabled(at::kCPU, false);
                return loss.to(at::kFloat);
            });
        }
    }

    TEST_CASE("graphs drawn at random have the engine's gradients to the bit") {
        torch::manual_seed(1);
        for (int round = 0; round < 60; ++round) {
            CAPTURE(round);
            const auto drawn = torch::randint(1 << 30, {40}, at::kLong);
            check_as_engine(leaves({{4, 4}, {4, 4}, {1, 4}}), [&](const auto& p) {
                std::vector<at::Tensor> values = p;
                for (std::int64_t i = 0; i + 1 < drawn.size(0); i += 2) {
                    const auto a = drawn[i].template item<std::int64_t>();
                    const auto b = drawn[i + 1].template item<std::int64_t>();
                    const at::Tensor& x = values[static_cast<std::size_t>(a) % values.size()];
                    const at::Tensor& y = values[static_cast<std::size_t>(b) % values.size()];
                    switch ((a / 1000) % 6) {
                        case 0: values.push_back(x + y); break;
                        case 1: values.push_back((x * y).tanh()); break;
                        case 2: values.push_back(x.expand({4, 4}).matmul(y.expand({4, 4}).t()).tanh()); break;
                        case 3: values.push_back(at::cat({x, y}).sin().narrow(0, 0, 1)); break;
                        case 4: values.push_back((x - y).relu()); break;
                        default: values.push_back(x.softmax(-1) * y.sigmoid()); break;
                    }
                }
                return values.back().mean() + values[values.size() - 2].sum();
            });
        }
    }

    TEST_CASE("a large graph, and many calls of one object with graphs of unequal size") {
        lit::Backward backward;
        for (const int depth : {1, 3000, 2, 500}) {
            const at::Tensor x = torch::ones({2}).requires_grad_();
            at::Tensor y = x;
            for (int i = 0; i < depth; ++i) {
                y = y + x;
            }
            backward(y.sum());
            CHECK(at::equal(x.grad(), at::full({2}, depth + 1.0)));
        }
    }

    TEST_CASE("a gradient that is written to is not the next loss's beginning") {
        lit::Backward backward;
        const at::Tensor w = torch::ones({1}).requires_grad_();
        for (int i = 0; i < 3; ++i) {
            w.mutable_grad() = at::Tensor();
            backward(w.sum());
            CHECK(w.grad().item<float>() == 1.0F);
            w.mutable_grad().mul_(5);
        }
    }

    TEST_CASE("what the graph kept is freed, and nothing is held on to") {
        lit::Backward backward;
        const at::Tensor w = torch::rand({4}).requires_grad_();
        const at::Tensor x = torch::rand({4});
        const at::Tensor loss = (w * x).sum();
        CHECK(x.use_count() == 2);
        backward(loss);
        CHECK(x.use_count() == 1);
        CHECK(w.grad().use_count() == 1);
        CHECK(w.grad().storage().use_count() == 1);
    }

    TEST_CASE("gradients on the way are freed as the walk goes on, as the engine does") {
        // The most that is allocated when a node of the backward pass begins.
        if (allocated() == 0) {
            MESSAGE("not counted here: the allocator of a sanitizer tells nothing");
            return;
        }
        static std::size_t most;
        constexpr std::size_t bytes = 4 << 20;
        const at::Tensor w = torch::rand({bytes / 4}).requires_grad_();
        const auto most_in = [&](auto&& backward) {
            at::Tensor x = w;
            for (int i = 0; i < 30; ++i) {
                x = x * 0.5;  // keeps nothing that would be freed in exchange
            }
            const at::Tensor loss = x.sum();
            w.mutable_grad() = at::Tensor();
            const std::size_t before = allocated();
            most = 0;
            const auto handle = at::addThreadLocalCallback(
                at::RecordFunctionCallback([](const at::RecordFunction& /*node*/) -> std::unique_ptr<at::ObserverContext> {
                    most = std::max(most, allocated());
                    return nullptr;
                }).scopes({at::RecordScope::BACKWARD_FUNCTION}));
            backward(loss);
            at::removeCallback(handle);
            REQUIRE(most > 0);
            return most - std::min(most, before);
        };
        lit::Backward backward;
        CHECK(backward.walks(w.sum()));
        CHECK(most_in([&](const at::Tensor& loss) { backward(loss); }) < 4 * bytes);
        CHECK(most_in([](const at::Tensor& loss) { loss.backward(); }) < 4 * bytes);
    }

    TEST_CASE("errors are the engine's") {
        const auto text = [](auto&& function) -> std::string {
            try {
                function();
            } catch (const c10::Error& error) {
                return error.what_without_backtrace();
            }
            return "no error";
        };
        const auto check_same = [&](const std::function<at::Tensor()>& make) {
            lit::Backward backward;
            const std::string expected = text([&] { make().backward(); });
            CHECK(expected != "no error");
            CHECK(text([&] { backward(make()); }) == expected);
            const at::Tensor w = torch::ones({2}).requires_grad_();
            backward(w.sum());  // and the next loss goes well
            CHECK(at::equal(w.grad(), at::ones({2})));
        };
        SUBCASE("not of one element") { check_same([] { return torch::ones({2}).requires_grad_() * 2; }); }
        SUBCASE("complex") {
            check_same([] {
                const at::Tensor w = at::ones({2}, at::kComplexFloat).requires_grad_();
                return (w * w).sum();
            });
        }
        SUBCASE("without a graph") { check_same([] { return torch::ones({}); }); }
        SUBCASE("undefined") { check_same([] { return at::Tensor(); }); }
        SUBCASE("a second time") {
            check_same([] {
                at::Tensor loss = torch::ones({2}).requires_grad_().exp().sum();
                loss.backward();
                return loss;
            });
        }
        SUBCASE("a value changed in place that the gradient needs") {
            check_same([] {
                const at::Tensor y = torch::ones({2}).requires_grad_().exp();
                at::Tensor loss = (y * y).sum();
                y.add_(1);
                return loss;
            });
        }
        SUBCASE("a derivative that is not implemented") {
            check_same([] { return at::igamma(torch::ones({2}).requires_grad_(), torch::ones({2})).sum(); });
        }
    }

    TEST_CASE("what needs the engine goes to the engine") {
        lit::Backward backward;
        const at::Tensor w = torch::rand({3}).requires_grad_();
        const auto gradient = [&](const at::Tensor& loss) {
            CHECK_FALSE(backward.walks(loss));
            w.mutable_grad() = at::Tensor();
            backward(loss);
            return w.grad().clone();
        };
        int calls = 0;
        SUBCASE("a hook of a leaf") {
            w.register_hook([&](const at::Tensor& g) {
                ++calls;
                return g * 3;
            });
            CHECK(at::equal(gradient(w.sum()), at::full({3}, 3.0)));
            CHECK(calls == 1);
        }
        SUBCASE("a hook of a value on the way") {
            const at::Tensor y = w * 2;
            y.register_hook([&](const at::Tensor& /*g*/) { ++calls; });
            CHECK(at::equal(gradient(y.sum()), at::full({3}, 2.0)));
            CHECK(calls == 1);
        }
        SUBCASE("retain_grad") {
            const at::Tensor y = w * 2;
            y.retain_grad();
            CHECK(at::equal(gradient(y.sum()), at::full({3}, 2.0)));
            CHECK(at::equal(y.grad(), at::ones({3})));
        }
        SUBCASE("a hook of a node, before and after") {
            struct Counts : torch::autograd::FunctionPreHook, torch::autograd::FunctionPostHook {
                int& calls;
                explicit Counts(int& all) : calls(all) {}
                torch::autograd::variable_list operator()(const torch::autograd::variable_list& gradients) override {
                    ++calls;
                    return gradients;
                }
                torch::autograd::variable_list operator()(const torch::autograd::variable_list& outputs,
                                                          const torch::autograd::variable_list& /*inputs*/) override {
                    ++calls;
                    return outputs;
                }
            };
            const at::Tensor y = w.exp();
            y.grad_fn()->add_pre_hook(std::make_unique<Counts>(calls));
            gradient(y.sum());
            CHECK(calls == 1);
            const at::Tensor z = w.exp();
            z.grad_fn()->add_post_hook(std::make_unique<Counts>(calls));
            gradient(z.sum());
            CHECK(calls == 2);
        }
        SUBCASE("a function of one's own") { CHECK(at::equal(gradient(Doubled::apply(w).sum()), at::full({3}, 2.0))); }
        SUBCASE("a loss inside the engine's own task, which wants other gradients") {
            const at::Tensor x = torch::ones({2}).requires_grad_();
            const at::Tensor y = x * 3;
            y.register_hook([&](const at::Tensor& /*g*/) {
                const at::AutoGradMode with_graph(true);
                const at::Tensor inner = w.exp().sum();
                CHECK_FALSE(backward.walks(inner));
                backward(inner);
            });
            const auto of_x = torch::autograd::grad({y.sum()}, {x});
            CHECK(at::equal(of_x[0], at::full({2}, 3.0)));
            CHECK(at::equal(w.grad(), w.detach().exp()));
        }
        SUBCASE("a view that is changed in place") {
            const at::Tensor y = w * 1;
            y.narrow(0, 0, 1).mul_(4);
            CHECK(at::equal(gradient(y.sum()), torch::tensor({4.0F, 1.0F, 1.0F})));
        }
        SUBCASE("anomaly detection") {
            const torch::autograd::DetectAnomalyGuard anomaly;
            CHECK_FALSE(backward.walks(w.sum()));
            CHECK_THROWS_AS(backward((w.detach().zero_().requires_grad_().sqrt() * 0).sum()), std::exception);
        }
        SUBCASE("another device") {
            CHECK_FALSE(backward.walks(at::ones({3}, at::kMeta).requires_grad_().sum()));
        }
    }

    TEST_CASE("two threads, an object each") {
        const auto train = [](at::Tensor* result) {
            lit::Backward backward;
            const at::Tensor w = torch::ones({8, 8}).requires_grad_();
            for (int i = 0; i < 200; ++i) {
                backward(w.matmul(w).tanh().sum());
            }
            *result = w.grad();
        };
        at::Tensor a;
        at::Tensor b;
        std::thread other(train, &a);
        train(&b);
        other.join();
        CHECK(at::equal(a, b));
    }
}
