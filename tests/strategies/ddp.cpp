// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/optim/adamw.hpp>
#include <lit/strategies/ddp.hpp>
#include <lit/strategies/single_device.hpp>

#include "collectives/thread_ranks.hpp"

#include <torch/nn/functional/activation.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using lit::DDP;
using lit::DDPOptions;
using lit::ProcessGroupCollective;
using lit::testing::has;
using lit::testing::message_of;
using lit::testing::rethrow_first;
using lit::testing::run_thread_ranks;

static_assert(lit::StrategyPolicy<DDP> && lit::ExplainsErrors<DDP> && lit::PreparesEvaluation<DDP>);
static_assert(!lit::ExplainsErrors<lit::SingleDevice> && !lit::PreparesEvaluation<lit::SingleDevice>);
static_assert(!std::is_copy_constructible_v<DDP> && !std::is_polymorphic_v<DDP>);

struct Mlp : torch::nn::Module {
    torch::nn::Linear first{nullptr};
    torch::nn::Linear last{nullptr};
    torch::nn::Linear spare{nullptr};

    explicit Mlp(std::uint64_t seed, std::int64_t hidden = 16) {
        torch::manual_seed(seed);
        first = register_module("first", torch::nn::Linear(8, hidden));
        last = register_module("last", torch::nn::Linear(hidden, 4));
    }
    torch::Tensor forward(const torch::Tensor& x) { return last(torch::relu(first(x))); }
    torch::Tensor loss(const torch::Tensor& x, const torch::Tensor& y) {
        return torch::nn::functional::cross_entropy(forward(x), y);
    }
    void add_spare() { spare = register_module("spare", torch::nn::Linear(16, 4)); }
};

struct Batches {
    torch::Tensor x;
    torch::Tensor y;
    explicit Batches(std::int64_t samples) {
        torch::manual_seed(7);
        x = torch::randn({samples, 8});
        y = torch::randint(4, {samples});
    }
    // Every world_size-th sample, as the sharded loaders take them.
    [[nodiscard]] torch::Tensor part(const torch::Tensor& all, std::int64_t rank,
                                     std::int64_t world_size) const {
        return all.slice(0, rank, all.size(0), world_size);
    }
};

/// The Mlp of every rank, made one after the other, since they share the generator.
std::vector<std::unique_ptr<Mlp>> make_nets(std::int64_t world_size) {
    std::vector<std::unique_ptr<Mlp>> nets;
    for (std::int64_t rank = 0; rank < world_size; ++rank) {
        nets.push_back(std::make_unique<Mlp>(static_cast<std::uint64_t>(rank)));
    }
    return nets;
}

double distance(const torch::nn::Module& a, const torch::nn::Module& b) {
    double most = 0.0;
    const auto left = a.parameters();
    const auto right = b.parameters();
    for (std::size_t i = 0; i < left.size(); ++i) {
        most = std::max(most, (left[i] - right[i]).abs().max().item<double>());
    }
    return most;
}

void train(DDP& strategy, Mlp& net, const torch::Tensor& x, const torch::Tensor& y, std::int64_t steps) {
    lit::AdamW optimizer{net.parameters(), {.lr = 1e-2}};
    for (std::int64_t step = 0; step < steps; ++step) {
        strategy.before_forward(true);
        const auto loss = net.loss(x, y);
        optimizer.zero_grad();
        strategy.before_backward(loss, true);
        loss.backward();
        optimizer.step();
    }
}

}  // namespace

TEST_SUITE("strategies/ddp") {
    TEST_CASE("without a launcher it is one process that exchanges nothing") {
        for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK"}) {
            ::unsetenv(name);
        }
        DDP strategy;
        CHECK_THROWS_WITH_AS(static_cast<void>(strategy.collective()), doctest::Contains("setup_environment"),
                             lit::Error);
        strategy.setup_environment();
        strategy.setup_environment();
        CHECK(strategy.collective().world_size() == 1);
        CHECK(strategy.device().is_cpu());
        Mlp net(0);
        const Batches data(4);
        strategy.setup(net, true);
        train(strategy, net, data.x, data.y, 2);
        strategy.teardown(net);
    }

    TEST_CASE("every rank begins with the parameters and buffers of rank 0") {
        struct Net : torch::nn::Module {
            torch::nn::BatchNorm1d norm{nullptr};
            explicit Net(double value) {
                norm = register_module("norm", torch::nn::BatchNorm1d(3));
                const torch::NoGradGuard no_grad;
                norm->weight.fill_(value);
                norm->bias.fill_(value).set_requires_grad(false);
                norm->running_mean.fill_(value);
                norm->num_batches_tracked.fill_(static_cast<std::int64_t>(value));
            }
        };
        rethrow_first(run_thread_ranks(3, [](ProcessGroupCollective& ranks) {
            for (const bool training : {true, false}) {
                Net net(static_cast<double>(5 + ranks.rank()));
                DDP strategy({}, ranks);
                strategy.setup_environment();
                strategy.setup(net, training);
                CHECK(net.norm->weight.eq(5).all().item<bool>());
                CHECK(net.norm->bias.eq(5).all().item<bool>());
                CHECK(net.norm->running_mean.eq(5).all().item<bool>());
                CHECK(net.norm->num_batches_tracked.item<std::int64_t>() == 5);
                strategy.teardown(net);
            }
        }));
    }

    TEST_CASE("ranks with parts of a batch train to the weights of one process with the whole batch") {
        struct Row {
            DDPOptions options;
            const char* why;
        };
        const Batches data(24);
        Mlp expected(0);
        {
            DDP alone({}, ProcessGroupCollective());
            alone.setup(expected, true);
            train(alone, expected, data.x, data.y, 6);
        }
        for (const std::int64_t world_size : {2, 3}) {
            for (const Row& row :
                 {Row{{}, "defaults"}, Row{{.gradient_as_bucket_view = true}, "views"},
                  Row{{.find_unused_parameters = true}, "unused"}, Row{{.static_graph = true}, "static"},
                  Row{{.gradient_as_bucket_view = true, .static_graph = true}, "static with views"}}) {
                CAPTURE(row.why);
                CAPTURE(world_size);
                const auto nets = make_nets(world_size);
                rethrow_first(run_thread_ranks(world_size, [&](ProcessGroupCollective& ranks) {
                    Mlp& net = *nets[static_cast<std::size_t>(ranks.rank())];
                    DDP strategy(row.options, ranks);
                    strategy.setup(net, true);
                    train(strategy, net, data.part(data.x, ranks.rank(), world_size),
                          data.part(data.y, ranks.rank(), world_size), 6);
                    strategy.teardown(net);
                }));
                for (const auto& net : nets) {
                    // Reference: one process. The sums over samples are made in another order: a few ulp of a gradient of
                    // order 0.1, which AdamW at rate 1e-2 passes on; 6 steps stay below 1e-6.
                    CHECK(distance(*net, expected) < 2e-6);
                    CHECK(distance(*net, *nets[0]) == 0.0);
                }
            }
        }
    }

    TEST_CASE("inside an accumulation window gradients stay on their rank") {
        const Batches data(16);
        Mlp expected(0);
        expected.loss(data.x, data.y).backward();
        const auto nets = make_nets(2);
        for (const bool views : {false, true}) {
            rethrow_first(run_thread_ranks(2, [&](ProcessGroupCollective& ranks) {
                Mlp& net = *nets[static_cast<std::size_t>(ranks.rank())];
                DDP strategy({.gradient_as_bucket_view = views}, ranks);
                strategy.setup(net, true);
                const auto x = data.part(data.x, ranks.rank(), 2);
                const auto y = data.part(data.y, ranks.rank(), 2);
                for (int window = 0; window < 3; ++window) {
                    net.zero_grad(true);
                    for (const bool synchronise : {false, true}) {
                        const std::int64_t from = synchronise ? 4 : 0;
                        strategy.before_forward(synchronise);
                        const auto loss =
                            net.loss(x.slice(0, from, from + 4), y.slice(0, from, from + 4)) / 2;
                        strategy.before_backward(loss, synchronise);
                        loss.backward();
                        const auto spread =
                            (ranks.all_reduce(net.first->weight.grad(), lit::ReduceOp::maximum) -
                             ranks.all_reduce(net.first->weight.grad(), lit::ReduceOp::minimum))
                                .abs()
                                .max()
                                .item<double>();
                        CHECK((spread == 0.0) == synchronise);
                    }
                    for (std::size_t i = 0; i < net.parameters().size(); ++i) {
                        // Reference: the joint batch in one process; two roundings of gradients of order 0.1.
                        CHECK((net.parameters()[i].grad() - expected.parameters()[i].grad())
                                  .abs()
                                  .max()
                                  .item<double>() < 5e-8);
                    }
                }
            }));
        }
    }

    TEST_CASE("buffers are those of rank 0 before a step that synchronises, and before an evaluation") {
        struct Net : torch::nn::Module {
            torch::Tensor weight = register_parameter("weight", torch::ones({2}));
            torch::Tensor seen = register_buffer("seen", torch::zeros({2}));
        };
        for (const bool broadcast : {true, false}) {
            rethrow_first(run_thread_ranks(2, [&](ProcessGroupCollective& ranks) {
                Net net;
                DDP strategy({.broadcast_buffers = broadcast}, ranks);
                strategy.setup(net, true);
                const auto other = broadcast ? 0.0 : static_cast<double>(ranks.rank());
                const auto step = [&](bool synchronise) {
                    strategy.before_forward(synchronise);
                    const double before = net.seen[0].item<double>();
                    const auto loss = net.weight.sum();
                    strategy.before_backward(loss, synchronise);
                    loss.backward();
                    net.seen.fill_(static_cast<double>(ranks.rank()));
                    return before;
                };
                CHECK(step(true) == 0.0);
                CHECK(step(true) == other);
                strategy.before_evaluation();
                CHECK(net.seen[0].item<double>() == other);
                net.seen.fill_(static_cast<double>(ranks.rank()));
                // Without a synchronised step in between nothing is sent again.
                strategy.before_evaluation();
                CHECK(net.seen[0].item<double>() == static_cast<double>(ranks.rank()));
            }));
        }
    }

    TEST_CASE("frozen parameters are left out, and a parameter with two names counts once") {
        const auto nets = make_nets(2);
        for (const auto& net : nets) {
            net->first->bias.set_requires_grad(false);
            net->register_parameter("again", net->last->weight);
        }
        const Batches data(8);
        rethrow_first(run_thread_ranks(2, [&](ProcessGroupCollective& ranks) {
            Mlp& net = *nets[static_cast<std::size_t>(ranks.rank())];
            DDP strategy({}, ranks);
            strategy.setup(net, true);
            for (int step = 0; step < 3; ++step) {
                net.zero_grad(true);
                strategy.before_forward(true);
                const auto loss =
                    net.loss(data.part(data.x, ranks.rank(), 2), data.part(data.y, ranks.rank(), 2));
                strategy.before_backward(loss, true);
                loss.backward();
                CHECK_FALSE(net.first->bias.grad().defined());
                const auto& gradient = net.last->weight.grad();
                CHECK(ranks.all_gather(gradient)[0].equal(ranks.all_gather(gradient)[1]));
            }
        }));
    }

    TEST_CASE("a module without anything to train can still be evaluated and trained around") {
        rethrow_first(run_thread_ranks(2, [](ProcessGroupCollective& ranks) {
            torch::nn::Module net;
            DDP strategy({}, ranks);
            strategy.setup(net, true);
            strategy.before_forward(true);
            strategy.before_evaluation();
            strategy.teardown(net);
        }));
    }

    TEST_CASE("a parameter that a loss leaves out is named in the next step") {
        const auto nets = make_nets(2);
        for (const auto& net : nets) {
            net->add_spare();
        }
        const Batches data(8);
        const auto errors = run_thread_ranks(2, [&](ProcessGroupCollective& ranks) {
            Mlp& net = *nets[static_cast<std::size_t>(ranks.rank())];
            DDP strategy({}, ranks);
            strategy.setup(net, true);
            train(strategy, net, data.x, data.y, 2);
        });
        for (const auto& error : errors) {
            const std::string text = message_of(error);
            CAPTURE(text);
            CHECK(has(text, "took no part in the loss"));
            CHECK(has(text, "averaged: spare.weight, spare.bias. Use"));
            CHECK(has(text, ".find_unused_parameters = true"));
        }
        // The names do not come from the gradients, which may have been filled with zeros, or dropped since.
        for (const bool zeros : {true, false}) {
            CAPTURE(zeros);
            for (const auto& error : run_thread_ranks(2, [&](ProcessGroupCollective& ranks) {
                     Mlp& net = *nets[static_cast<std::size_t>(ranks.rank())];
                     DDP strategy({}, ranks);
                     strategy.setup(net, true);
                     for (int step = 0; step < 2; ++step) {
                         strategy.before_forward(true);
                         const auto loss = net.loss(data.x, data.y);
                         strategy.before_backward(loss, true);
                         loss.backward();
                         for (auto& parameter : net.parameters()) {
                             parameter.mutable_grad() =
                                 zeros ? torch::zeros_like(parameter) : torch::Tensor();
                         }
                     }
                 })) {
                CHECK(has(message_of(error), "averaged: spare.weight, spare.bias. Use"));
            }
        }
    }

    TEST_CASE("find_unused_parameters averages what one rank alone used") {
        const auto nets = make_nets(2);
        for (const auto& net : nets) {
            net->add_spare();
        }
        const Batches data(8);
        rethrow_first(run_thread_ranks(2, [&](ProcessGroupCollective& ranks) {
            Mlp& net = *nets[static_cast<std::size_t>(ranks.rank())];
            DDP strategy({.find_unused_parameters = true}, ranks);
            strategy.setup(net, true);
            for (int step = 0; step < 3; ++step) {
                net.zero_grad(true);
                strategy.before_forward(true);
                auto loss = net.loss(data.x, data.y);
                if (ranks.rank() == 1) {
                    loss = loss + net.spare(torch::relu(net.first(data.x))).sum();
                }
                strategy.before_backward(loss, true);
                loss.backward();
                // Reference: the sum over 8 samples has gradient 8 on rank 1 and none on rank 0.
                CHECK(net.spare->bias.grad().eq(4).all().item<bool>());
            }
        }));
    }

    TEST_CASE(
        "gradients that were computed without autograd are averaged, in as many parts as the cap makes") {
        // Two megabytes in one parameter, and parameters of another type: three parts with a cap of one.
        struct Net : torch::nn::Module {
            torch::Tensor large = register_parameter("large", torch::zeros({512, 1024}));
            torch::Tensor small = register_parameter("small", torch::zeros({3}));
            torch::Tensor exact = register_parameter("exact", torch::zeros({2}, torch::kDouble));
            torch::Tensor frozen = register_parameter("frozen", torch::zeros({2}), false);
        };
        rethrow_first(run_thread_ranks(3, [&](ProcessGroupCollective& ranks) {
            const auto mine = static_cast<double>(ranks.rank() + 1);  // 1, 2, 3: the mean is 2
            Net net;
            DDP strategy({.bucket_cap_mb = 1}, ranks);
            strategy.setup(net, true);
            for (int step = 0; step < 2; ++step) {
                strategy.before_own_step(true);
                net.large.mutable_grad() = torch::full_like(net.large, mine);
                net.small.mutable_grad() = torch::full_like(net.small, -mine);
                net.exact.mutable_grad() = torch::full_like(net.exact, 10 * mine);
                strategy.average_gradients();
                // Reference: thirds of whole numbers in float32, rounded three times.
                CHECK((net.large.grad() - 2).abs().max().item<double>() < 1e-6);
                CHECK((net.small.grad() + 2).abs().max().item<double>() < 1e-6);
                CHECK((net.exact.grad() - 20).abs().max().item<double>() < 1e-12);
                CHECK(!net.frozen.grad().defined());
            }
            strategy.teardown(net);
        }));
    }

    TEST_CASE("of those one without a gradient is named, or averaged where that is allowed") {
        const auto nets = make_nets(2);
        for (const auto& net : nets) {
            net->add_spare();
        }
        for (const bool allowed : {false, true}) {
            rethrow_first(run_thread_ranks(2, [&](ProcessGroupCollective& ranks) {
                Mlp& net = *nets[static_cast<std::size_t>(ranks.rank())];
                net.zero_grad(true);
                DDP strategy({.find_unused_parameters = allowed}, ranks);
                strategy.setup(net, true);
                strategy.before_own_step(true);
                for (const auto& layer : {net.first, net.last}) {
                    for (auto& parameter : layer->parameters()) {
                        parameter.mutable_grad() = torch::ones_like(parameter);
                    }
                }
                if (!allowed) {
                    CHECK_THROWS_WITH_AS(strategy.average_gradients(),
                                         doctest::Contains("spare.weight, spare.bias. Use every parameter"),
                                         lit::DistributedError);
                    return;
                }
                if (ranks.rank() == 1) {
                    net.spare->bias.mutable_grad() = torch::full({4}, 6.0);
                }
                strategy.average_gradients();
                CHECK(torch::equal(net.first->weight.grad(), torch::ones_like(net.first->weight)));
                CHECK(torch::equal(net.spare->bias.grad(), torch::full({4}, 3.0)));
                CHECK(!net.spare->weight.grad().defined());  // of no rank
            }));
        }
    }

    TEST_CASE("modules that differ are refused on all ranks, with the first difference") {
        const std::vector<std::shared_ptr<Mlp>> nets{
            std::make_shared<Mlp>(0, 16), std::make_shared<Mlp>(0, 16), std::make_shared<Mlp>(0, 17)};
        const auto errors = run_thread_ranks(3, [&](ProcessGroupCollective& ranks) {
            DDP strategy({}, ranks);
            strategy.setup(*nets[static_cast<std::size_t>(ranks.rank())], true);
        });
        for (const auto& error : errors) {
            const std::string text = message_of(error);
            CAPTURE(text);
            CHECK(has(text, "the module of rank 2 differs from that of rank 0"));
            CHECK(has(text,
                      "rank 0 has parameter first.weight [16, 8] Float, rank 2 has parameter first.weight "
                      "[17, 8] Float"));
        }
        const auto more = make_nets(2);
        more[1]->add_spare();
        for (const auto& error : run_thread_ranks(2, [&](ProcessGroupCollective& ranks) {
                 DDP strategy({}, ranks);
                 strategy.setup(*more[static_cast<std::size_t>(ranks.rank())], true);
             })) {
            CHECK(has(message_of(error), "rank 0 has nothing more, rank 1 has parameter spare.weight"));
        }
        struct Weights : torch::nn::Module {
            Weights(const torch::Tensor& a, const torch::Tensor& b) {
                register_parameter("a", a);
                register_parameter("b", b);
            }
        };
        const auto refused = [](Weights first, Weights second) {
            std::vector<Weights> all{std::move(first), std::move(second)};
            return message_of(run_thread_ranks(2, [&](ProcessGroupCollective& ranks) {
                DDP strategy({}, ranks);
                strategy.setup(all[static_cast<std::size_t>(ranks.rank())], true);
            })[0]);
        };
        const auto square = [] { return torch::zeros({2, 3}); };
        CHECK(has(
            refused({square(), square()}, {torch::zeros({3, 2}).t(), square()}),
            "rank 0 has parameter a [2, 3] Float, rank 1 has parameter a [2, 3] Float with strides [1, 2]"));
        const auto tied = square();
        CHECK(has(refused({square(), square()}, {tied, tied}),
                  "rank 0 has parameter b [2, 3] Float, rank 1 has parameter b the same as a"));
    }

    TEST_CASE("a rank that is gone in the middle of the exchange of gradients is explained") {
        const auto nets = make_nets(2);
        const Batches data(8);
        const auto start = std::chrono::steady_clock::now();
        const auto errors = run_thread_ranks(2, [&](ProcessGroupCollective& ranks) {
            Mlp& net = *nets[static_cast<std::size_t>(ranks.rank())];
            DDP strategy({}, std::exchange(ranks, {}));
            strategy.setup(net, true);
            train(strategy, net, data.x, data.y, 3);
            if (strategy.collective().rank() == 1) {
                throw std::runtime_error("rank 1 has had enough");
            }
            strategy.before_forward(true);
            const auto loss = net.loss(data.x, data.y);
            strategy.before_backward(loss, true);
            try {
                loss.backward();
            } catch (const std::exception& error) {
                strategy.explain(std::out_of_range("something else"));
                strategy.explain(error);
                throw;
            }
        });
        CHECK(std::chrono::steady_clock::now() - start < std::chrono::minutes(1));  // of a time-out of 30
        const std::string text = message_of(errors[0]);
        CAPTURE(text);
        CHECK(has(text, "the exchange of gradients failed on rank 0 of 2"));
    }

    TEST_CASE("impossible settings are refused") {
        CHECK_THROWS_WITH_AS(DDP({.bucket_cap_mb = 0}), doctest::Contains("bucket_cap_mb = 0"),
                             lit::ConfigError);
        CHECK_THROWS_WITH_AS(DDP({.timeout = std::chrono::milliseconds(-1)}),
                             doctest::Contains("timeout = -1 ms"), lit::ConfigError);
    }
}
