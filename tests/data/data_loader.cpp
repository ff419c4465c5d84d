// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/error.hpp>
#include <lit/core/rng_state.hpp>
#include <lit/data/batch_generator.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/mapped_dataset.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/loops/batches.hpp>

#include <ATen/Parallel.h>

#include <atomic>
#include <filesystem>
#include <iterator>
#include <limits>
#include <mutex>
#include <optional>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using Numbers = std::vector<std::int64_t>;
using Epoch = std::vector<Numbers>;
using Loader = lit::DataLoader<lit::TensorDataset>;

static_assert(std::input_iterator<Loader::iterator> && std::ranges::input_range<Loader>);
static_assert(std::sentinel_for<std::default_sentinel_t, Loader::iterator>);
static_assert(!std::is_copy_constructible_v<Loader::iterator> && !std::is_polymorphic_v<Loader>);

lit::TensorDataset numbers(std::int64_t count) { return {at::arange(count), at::arange(count)}; }

Epoch walk(auto& loader) {
    Epoch epoch;
    for (const auto& batch : loader) {
        const at::Tensor target = batch.target.contiguous();
        const auto* first = target.template data_ptr<std::int64_t>();
        epoch.emplace_back(first, first + target.numel());
    }
    return epoch;
}

/// Threads of this process, as the system counts them.
std::ptrdiff_t threads() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                         std::filesystem::directory_iterator{});
}
/// A joined thread may stay listed for a moment.
bool threads_fall_to(std::ptrdiff_t expected) {
    for (int i = 0; i < 200 && threads() > expected; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return threads() <= expected;
}

struct Broken : std::runtime_error {
    using std::runtime_error::runtime_error;
};
/// Numbers of which one cannot be read.
struct Faulty {
    std::int64_t bad = -1;
    [[nodiscard]] static std::int64_t size() { return 20; }
    [[nodiscard]] lit::Example get_batch(lit::Indices indices) const {
        for (const std::int64_t index : indices) {
            if (index == bad) {
                throw Broken("sample " + std::to_string(index));
            }
        }
        return numbers(20).get_batch(indices);
    }
};
/// Every second sample.
struct Even {
    std::int64_t count = 0;
    [[nodiscard]] std::int64_t size() const { return count / 2; }
    [[nodiscard]] Numbers indices(std::int64_t /*epoch*/) const {
        Numbers order;
        for (std::int64_t i = 0; i + 1 < count; i += 2) {
            order.push_back(i);
        }
        return order;
    }
};

/// Gives batches into which nobody can look.
struct Sealed {
    class Batch {
     public:
        virtual ~Batch() = default;
    };
    [[nodiscard]] static std::int64_t size() { return 4; }
    [[nodiscard]] Batch get_batch(lit::Indices /*indices*/) const { return {}; }
};

/// Gives batches that move themselves.
struct Moving {
    struct Batch {
        at::Tensor data;
        [[nodiscard]] Batch to(at::Device device) const { return {data.to(device).div(255)}; }
    };
    [[nodiscard]] static std::int64_t size() { return 4; }
    [[nodiscard]] Batch get_batch(lit::Indices /*indices*/) const { return {at::ones({1})}; }
};

}  // namespace

TEST_SUITE("data/data_loader") {
    TEST_CASE("batches come in the dataset's order, the last one short or left out") {
        lit::DataLoader loader{numbers(7), {.batch_size = 3}};
        CHECK(loader.size() == 3);
        CHECK(walk(loader) == Epoch{{0, 1, 2}, {3, 4, 5}, {6}});
        CHECK(walk(loader) == Epoch{{0, 1, 2}, {3, 4, 5}, {6}});
        lit::DataLoader dropping{numbers(7), {.batch_size = 3, .drop_last = true}};
        CHECK(dropping.size() == 2);
        CHECK(walk(dropping) == Epoch{{0, 1, 2}, {3, 4, 5}});
        lit::DataLoader nothing{numbers(0), {.num_workers = 2}};
        CHECK(nothing.size() == 0);
        CHECK(walk(nothing).empty());
    }
    TEST_CASE("the order does not depend on the number of workers") {
        for (const bool shuffle : {false, true}) {
            Epoch first;
            Epoch second;
            for (const std::int64_t workers : {0, 1, 2, 4}) {
                for (const std::int64_t prefetch : {1, 3}) {
                    CAPTURE(workers);
                    CAPTURE(prefetch);
                    lit::DataLoader loader{numbers(103),
                                           {.batch_size = 4,
                                            .shuffle = shuffle,
                                            .num_workers = workers,
                                            .prefetch_factor = prefetch,
                                            .seed = 5}};
                    const Epoch a = walk(loader);
                    const Epoch b = walk(loader);
                    if (first.empty()) {
                        first = a;
                        second = b;
                        CHECK((first == second) == !shuffle);
                    }
                    CHECK(a == first);
                    CHECK(b == second);
                    std::set<std::int64_t> seen;
                    for (const Numbers& batch : a) {
                        seen.insert(batch.begin(), batch.end());
                    }
                    CHECK(seen.size() == 103);
                }
            }
        }
    }
    TEST_CASE("without a seed the order, and what is left of the global generator, are Python's") {
        // Python, torch 2.11.0: torch.manual_seed(3)
        //   dl = DataLoader(TensorDataset(torch.arange(8)), batch_size=3, shuffle=True)
        //   [[b[0].tolist() for b in dl] for _ in range(2)]; torch.rand(1).item()
        torch::manual_seed(3);
        lit::DataLoader loader{numbers(8), {.batch_size = 3, .shuffle = true}};
        CHECK(walk(loader) == Epoch{{2, 1, 6}, {5, 0, 4}, {3, 7}});
        CHECK(walk(loader) == Epoch{{7, 6, 0}, {5, 1, 3}, {4, 2}});
        CHECK(at::rand({1}).item<double>() == 0.5944212079048157);
        // the same with shuffle=False, one epoch, then torch.randint(1 << 40, (1,)).item()
        torch::manual_seed(3);
        lit::DataLoader sequential{numbers(8), {.batch_size = 3}};
        CHECK(walk(sequential).size() == 3);
        CHECK(at::randint(std::int64_t{1} << 40, {1}, at::kLong).item<std::int64_t>() == 1073054410371);
    }
    TEST_CASE("with a seed, a set epoch comes back as it was, and the global generator is left alone") {
        lit::DataLoader loader{numbers(8), {.batch_size = 3, .shuffle = true, .seed = 10}};
        torch::manual_seed(1);
        const auto before = at::rand({1}).item<double>();
        torch::manual_seed(1);
        CHECK(loader.epoch() == 0);
        const Epoch zero = walk(loader);
        const Epoch one = walk(loader);
        CHECK(loader.epoch() == 2);
        const Epoch two = walk(loader);
        CHECK(two == Epoch{{3, 1, 6}, {5, 0, 7}, {4, 2}});  // Python: randperm(8) with seed 12
        loader.set_epoch(1);
        CHECK(walk(loader) == one);
        loader.set_epoch(0);
        CHECK(walk(loader) == zero);
        CHECK(at::rand({1}).item<double>() == before);
    }
    TEST_CASE("an epoch can be entered at any batch") {
        for (const std::int64_t workers : {0, 2}) {
            lit::DataLoader loader{numbers(10),
                                   {.batch_size = 2, .shuffle = true, .num_workers = workers, .seed = 4}};
            Epoch whole = walk(loader);
            loader.set_epoch(0);
            loader.seek(3);
            whole.erase(whole.begin(), whole.begin() + 3);
            CHECK(walk(loader) == whole);
            CHECK(walk(loader).size() == 5);
            loader.seek(5);
            CHECK(walk(loader).empty());
            CHECK_THROWS_AS(loader.seek(6), lit::ConfigError);
        }
    }
    TEST_CASE("leaving an epoch early leaves no thread behind, and the loader can be walked again") {
        lit::DataLoader loader{numbers(1000), {.batch_size = 1, .num_workers = 4}};
        const std::ptrdiff_t before = threads();
        for (int round = 0; round < 3; ++round) {
            int seen = 0;
            for (auto& batch : loader) {
                CHECK(batch.target.item<std::int64_t>() == seen);
                if (++seen == 3) {
                    CHECK(threads() == before + 4);
                    break;
                }
            }
            CHECK(threads_fall_to(before));
        }
        CHECK_THROWS_AS(
            [&] {
                for ([[maybe_unused]] auto& batch : loader) {
                    throw Broken("in the loop");
                }
            }(),
            Broken);
        CHECK(threads_fall_to(before));
        CHECK(walk(loader).size() == 1000);
        CHECK(threads_fall_to(before));
        {
            lit::DataLoader other{numbers(1000), {.num_workers = 2}};
            auto it = other.begin();
            auto moved = std::move(it);
            ++moved;
            CHECK(moved->target.item<std::int64_t>() == 1);
        }
        CHECK(threads_fall_to(before));
    }
    TEST_CASE(
        "an exception of the dataset comes at its place, with its type, and the loader can be walked again") {
        for (const std::int64_t workers : {0, 1, 3}) {
            CAPTURE(workers);
            const std::ptrdiff_t before = threads();
            lit::DataLoader loader{Faulty{9}, {.batch_size = 2, .num_workers = workers}};
            for (int round = 0; round < 2; ++round) {
                int seen = 0;
                try {
                    for ([[maybe_unused]] auto& batch : loader) {
                        ++seen;
                    }
                    FAIL("no exception");
                } catch (const Broken& error) {
                    CHECK(std::string(error.what()) == "sample 9");
                }
                CHECK(seen == 4);
                CHECK(threads_fall_to(before));
            }
            lit::DataLoader at_once{Faulty{0}, {.num_workers = workers}};
            CHECK_THROWS_AS(static_cast<void>(at_once.begin()), Broken);
            CHECK(threads_fall_to(before));
        }
    }
    TEST_CASE("batches are gathered without autograd, by workers on one thread of LibTorch each") {
        const int here = at::get_num_threads();
        for (const std::int64_t workers : {0, 2}) {
            std::atomic<int> grads = 0;
            std::atomic<int> most = 0;
            lit::DataLoader loader{lit::mapped(numbers(8),
                                               [&](lit::Example batch) {
                                                   grads += at::GradMode::is_enabled() ? 1 : 0;
                                                   most = std::max<int>(most, at::get_num_threads());
                                                   return batch;
                                               }),
                                   {.batch_size = 2, .num_workers = workers}};
            CHECK(walk(loader).size() == 4);
            CHECK(grads == 0);
            CHECK(most == (workers == 0 ? here : 1));
        }
        CHECK(at::get_num_threads() == here);
        CHECK(at::GradMode::is_enabled());
        int fresh = 0;
        std::thread([&fresh] { fresh = at::get_num_threads(); }).join();
        CHECK(fresh == here);  // a thread started later is not held to one
    }
    TEST_CASE("a shard is what Python's DistributedSampler leaves to the rank") {
        // Python, torch 2.11.0: DistributedSampler(range(7), 2, rank, True, 5), epochs 0 and 2
        for (const std::int64_t rank : {0, 1}) {
            lit::DataLoader loader{numbers(7), {.batch_size = 2}};
            CHECK_FALSE(loader.is_shuffled());
            loader.shard({.rank = rank, .world_size = 2, .shuffle = true, .seed = 5});
            CHECK(loader.is_shuffled());
            CHECK(loader.samples() == 4);
            CHECK(loader.size() == 2);
            CHECK(walk(loader) == (rank == 0 ? Epoch{{1, 4}, {6, 3}} : Epoch{{0, 2}, {5, 1}}));
            loader.set_epoch(2);
            CHECK(walk(loader) == (rank == 0 ? Epoch{{5, 3}, {2, 4}} : Epoch{{0, 1}, {6, 5}}));
        }
        lit::DataLoader loader{numbers(5), {.batch_size = 4}};
        loader.shard({.rank = 1, .world_size = 2});
        CHECK(walk(loader) == Epoch{{1, 3, 0}});
        loader.shard({.rank = 1, .world_size = 2, .pad = false});
        CHECK(walk(loader) == Epoch{{1, 3}});
        CHECK_THROWS_AS(loader.shard({.rank = 2, .world_size = 2}), lit::ConfigError);
    }
    TEST_CASE("set_sequential takes shuffling back") {
        lit::DataLoader loader{numbers(4), {.batch_size = 2, .shuffle = true}};
        CHECK(loader.is_shuffled());
        loader.set_sequential();
        CHECK_FALSE(loader.is_shuffled());
        CHECK(walk(loader) == Epoch{{0, 1}, {2, 3}});
        loader.shard({.rank = 0, .world_size = 2, .shuffle = true});
        CHECK(walk(loader) == Epoch{{0, 2}});
    }
    TEST_CASE("an own sampler decides the order, and its order is what is shared out") {
        lit::DataLoader loader{numbers(8), Even{8}, {.batch_size = 3, .num_workers = 1}};
        CHECK(loader.is_shuffled());
        CHECK(loader.size() == 2);
        CHECK(walk(loader) == Epoch{{0, 2, 4}, {6}});
        loader.shard({.rank = 1, .world_size = 2});
        CHECK(walk(loader) == Epoch{{2, 6}});
        loader.set_sequential();
        CHECK(walk(loader) == Epoch{{1, 3, 5}, {7}});
    }

    TEST_CASE("a sampler that gives fewer indices than it says is refused") {
        struct Short {
            [[nodiscard]] static std::int64_t size() { return 8; }
            [[nodiscard]] static Numbers indices(std::int64_t /*epoch*/) { return {1, 2, 3}; }
        };
        lit::DataLoader loader{numbers(8), Short{}, {.batch_size = 2}};
        CHECK_THROWS_WITH_AS(static_cast<void>(loader.begin()), doctest::Contains("the sampler gave 3 indices; expected 8"),
                             lit::ConfigError);
        loader.shard({.rank = 1, .world_size = 2});
        CHECK_THROWS_AS(static_cast<void>(loader.begin()), lit::ConfigError);
    }
    TEST_CASE("bad settings are refused when the loader is made") {
        CHECK_THROWS_WITH_AS((lit::DataLoader{numbers(4), {.batch_size = 0}}),
                             "DataLoader: batch_size = 0, expected at least 1.", lit::ConfigError);
        CHECK_THROWS_AS((lit::DataLoader{numbers(4), {.num_workers = -1}}), lit::ConfigError);
        CHECK_THROWS_AS((lit::DataLoader{numbers(4), {.prefetch_factor = 0}}), lit::ConfigError);
        CHECK_THROWS_AS((lit::DataLoader{numbers(4), Even{4}, {.shuffle = true}}), lit::ConfigError);
        CHECK_THROWS_WITH_AS((lit::DataLoader{numbers(4), {.prefetch_to_device = true}}),
                             doctest::Contains("prefetch_to_device = true with num_workers = 0"), lit::ConfigError);
        CHECK_THROWS_WITH_AS((lit::DataLoader{Sealed{}, {.num_workers = 1, .prefetch_to_device = true}}),
                             doctest::Contains("the tensors of this batch type cannot be reached"), lit::ConfigError);
        CHECK_THROWS_WITH_AS((lit::DataLoader{Moving{}, {.num_workers = 1, .prefetch_to_device = true}}),
                             doctest::Contains("has a to(device) of its own"), lit::ConfigError);
        lit::DataLoader loader{numbers(4), {.batch_size = 4}};
        CHECK_THROWS_AS(loader.set_batch_size(0), lit::ConfigError);
        CHECK(loader.batch_size() == 4);
        loader.set_batch_size(2);
        CHECK(loader.size() == 2);
    }

    TEST_CASE("begun on the CPU an epoch is what it is without a device") {
        lit::DataLoader loader{numbers(7), {.batch_size = 3, .num_workers = 2, .prefetch_to_device = true}};
        Epoch epoch;
        for (auto batch = loader.begin_on(at::kCPU); batch != loader.end(); ++batch) {
            const auto* first = batch->target.data_ptr<std::int64_t>();
            epoch.emplace_back(first, first + batch->target.numel());
        }
        CHECK(epoch == walk(loader));
    }

    TEST_CASE("persistent workers stay from epoch to epoch, and end with the loader") {
        const auto before = threads();
        {
            Loader loader{
                numbers(20),
                {.batch_size = 4, .shuffle = true, .num_workers = 2, .seed = 3, .persistent_workers = true}};
            const Epoch first = walk(loader);
            CHECK(threads() == before + 2);
            const Epoch second = walk(loader);
            CHECK(threads() == before + 2);
            Loader plain{numbers(20), {.batch_size = 4, .shuffle = true, .num_workers = 0, .seed = 3}};
            CHECK(first == walk(plain));
            CHECK(second == walk(plain));
            {
                auto left_early = loader.begin();
                ++left_early;
                // A second iterator has threads of its own, since the loader's are at work.
                CHECK(walk(loader).size() == 5);
            }
            CHECK(threads_fall_to(before + 2));
            CHECK(walk(loader).size() == 5);
        }
        CHECK(threads_fall_to(before));
        CHECK_THROWS_WITH_AS((Loader{numbers(4), {.persistent_workers = true}}),
                             doctest::Contains("persistent_workers = true with num_workers = 0"), lit::ConfigError);
    }

    TEST_CASE("an epoch that was begun ahead is the one that would have been, or is dropped") {
        std::atomic<int> gathered = 0;
        const auto counted = [&](lit::Example batch) {
            ++gathered;
            return batch;
        };
        const auto wait_for = [&](int count) {
            for (int i = 0; i < 400 && gathered < count; ++i) {
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
            return gathered.load();
        };
        const lit::DataLoaderOptions options{
            .batch_size = 3, .shuffle = true, .num_workers = 2, .prefetch_factor = 2, .seed = 5, .persistent_workers = true};
        lit::DataLoader loader{lit::mapped(numbers(24), counted), options};
        Loader plain{numbers(24), {.batch_size = 3, .shuffle = true, .seed = 5}};
        const auto expected = [&](std::int64_t epoch) {
            plain.set_epoch(epoch);
            return walk(plain);
        };

        SUBCASE("it is taken up by the next begin()") {
            CHECK(walk(loader) == expected(0));
            {
                auto at_the_last = loader.begin();
                for (int i = 0; i < 7; ++i) {
                    ++at_the_last;
                }
                CHECK(loader.prefetch_epoch(1));  // whatever the workers were at a moment ago
            }
            loader.set_epoch(1);
            loader.drop_prefetched();
            gathered = 0;
            REQUIRE(loader.prefetch_epoch(1));
            CHECK(wait_for(4) == 4);  // as many as are held ready
            CHECK(loader.epoch() == 1);
            CHECK(walk(loader) == expected(1));
            CHECK(gathered == 8);
            CHECK(walk(loader) == expected(2));
        }
        SUBCASE("another epoch, or another place in it, is asked for") {
            REQUIRE(loader.prefetch_epoch(1));
            CHECK(walk(loader) == expected(0));
            REQUIRE(loader.prefetch_epoch(1));
            loader.seek(6);
            const Epoch whole = expected(1);
            CHECK(walk(loader) == Epoch(whole.begin() + 6, whole.end()));
        }
        SUBCASE("the loader is changed in between") {
            REQUIRE(loader.prefetch_epoch(0));
            loader.set_batch_size(8);
            CHECK(walk(loader).size() == 3);
            REQUIRE(loader.prefetch_epoch(1));
            loader.set_sequential();
            CHECK(walk(loader).front() == Numbers{0, 1, 2, 3, 4, 5, 6, 7});
            REQUIRE(loader.prefetch_epoch(2));
            loader.shard({.rank = 1, .world_size = 2, .shuffle = false});
            CHECK(walk(loader).front().front() == 1);
            loader.set_batch_size(9);
            REQUIRE(loader.prefetch_epoch(3));
            loader.set_drop_last(true);
            CHECK(walk(loader).size() == 1);
        }
        SUBCASE("the loader is moved, copied, assigned or destroyed meanwhile") {
            REQUIRE(loader.prefetch_epoch(0));
            auto copy = loader;
            auto moved = std::move(loader);
            CHECK(walk(copy) == expected(0));
            CHECK(walk(moved) == expected(0));
            REQUIRE(moved.prefetch_epoch(1));
            REQUIRE(copy.prefetch_epoch(1));
        }
        SUBCASE("another loader is assigned") {
            const auto before = threads();
            Loader assigned{numbers(24), options};
            REQUIRE(assigned.prefetch_epoch(0));
            auto more = options;
            more.num_workers = 5;
            const Loader given{numbers(24), more};
            assigned = given;
            CHECK(walk(assigned) == expected(0));
            CHECK(threads_fall_to(before + 5));
            REQUIRE(assigned.prefetch_epoch(1));
            assigned = Loader{numbers(24), options};
            CHECK(walk(assigned) == expected(0));
            CHECK(threads_fall_to(before + 2));
        }
        SUBCASE("while the workers are busy, without a seed, or without workers that stay, nothing is begun") {
            auto at_work = loader.begin();
            CHECK_FALSE(loader.prefetch_epoch(1));
            Loader drawn{numbers(24), {.shuffle = true, .num_workers = 2, .persistent_workers = true}};
            CHECK_FALSE(drawn.prefetch_epoch(0));
            Loader passing{numbers(24), {.shuffle = true, .num_workers = 2, .seed = 1}};
            CHECK_FALSE(passing.prefetch_epoch(0));
        }
        SUBCASE("it is dropped") {
            REQUIRE(loader.prefetch_epoch(0));
            loader.drop_prefetched();
            CHECK(walk(loader) == expected(0));
        }
    }

    TEST_CASE("what a dataset throws in an epoch that was begun ahead is thrown at its place") {
        lit::DataLoader loader{Faulty{9}, {.batch_size = 2, .num_workers = 2, .seed = 1, .persistent_workers = true}};
        REQUIRE(loader.prefetch_epoch(0));
        std::int64_t batches = 0;
        CHECK_THROWS_AS(for (auto it = loader.begin(); it != loader.end(); ++it) { ++batches; }, Broken);
        CHECK(batches == 4);
        CHECK_THROWS_AS(static_cast<void>(walk(loader)), Broken);
    }

    TEST_CASE("what a dataset draws for a batch does not depend on workers, on the epochs before, or on seeking") {
        const auto dataset = lit::mapped(lit::TensorDataset{at::zeros({12, 1}), at::arange(12)}, [](lit::Example batch) {
            batch.data = batch.data + at::rand(batch.data.sizes(), lit::batch_generator(), batch.data.options());
            return batch;
        });
        const auto epoch = [&](std::int64_t workers, std::int64_t number, std::int64_t first, std::optional<std::int64_t> seed) {
            torch::manual_seed(5);
            lit::DataLoader loader{dataset, {.batch_size = 2, .shuffle = true, .num_workers = workers, .seed = seed}};
            loader.set_epoch(number);
            loader.seek(first);
            std::vector<float> drawn;
            for (const lit::Example& batch : loader) {
                drawn.push_back(batch.data[0].item<float>());
            }
            return drawn;
        };
        for (const std::optional<std::int64_t> seed : {std::optional<std::int64_t>(3), std::optional<std::int64_t>()}) {
            const std::vector<float> all = epoch(0, 1, 0, seed);
            CHECK(std::set<float>(all.begin(), all.end()).size() == 6);
            CHECK(epoch(1, 1, 0, seed) == all);
            CHECK(epoch(4, 1, 0, seed) == all);
            CHECK(epoch(4, 1, 4, seed) == std::vector<float>(all.begin() + 4, all.end()));
        }
        CHECK(epoch(0, 1, 0, 3) != epoch(0, 2, 0, 3));
    }

    TEST_CASE("an epoch without a seed is walked again from its state, and draws nothing") {
        const lit::TensorDataset dataset{at::arange(20), at::arange(20)};
        const auto order = [](auto& loader) {
            std::vector<std::int64_t> seen;
            for (const lit::Example& batch : loader) {
                seen.push_back(batch.data.item<std::int64_t>());
            }
            return seen;
        };
        torch::manual_seed(9);
        lit::DataLoader first{dataset, {.shuffle = true}};
        const std::vector<std::int64_t> whole = order(first);
        torch::manual_seed(10);
        lit::DataLoader second{dataset, {.shuffle = true}};
        second.load_state_dict(first.state_dict());
        second.seek(15);
        const at::Tensor before = lit::get_rng_state();
        CHECK(order(second) == std::vector<std::int64_t>(whole.begin() + 15, whole.end()));
        CHECK(at::equal(before, lit::get_rng_state()));
        CHECK(order(second) != whole);
    }

    TEST_CASE("an epoch inside of another leaves the state of the outer one in place") {
        const auto drawn_from = [](const auto& loader) { return loader.state_dict().at("rng_state").tensor(); };
        lit::DataLoader loader{numbers(20), {.shuffle = true}};
        auto outer = std::optional(loader.begin());
        const at::Tensor state = drawn_from(loader);
        static_cast<void>(walk(loader));
        CHECK(at::equal(drawn_from(loader), state));
        auto copy = loader;
        static_cast<void>(walk(copy));
        CHECK(!at::equal(drawn_from(copy), state));
        outer.reset();
        CHECK(!at::equal(drawn_from(loader), state));
    }

    TEST_CASE("going on at batch k gathers as little for every k") {
        struct Counted {
            std::atomic<std::int64_t>* gathered;
            [[nodiscard]] static std::int64_t size() { return 2'000'000; }
            [[nodiscard]] at::Tensor get_batch(lit::Indices indices) const {
                *gathered += static_cast<std::int64_t>(indices.size());
                return at::scalar_tensor(indices[0]);
            }
        };
        for (const std::int64_t k : {0, 10, 1000, 1'000'000}) {
            std::atomic<std::int64_t> gathered = 0;
            lit::DataLoader loader{Counted{&gathered}, {.batch_size = 1}};
            std::int64_t seen = -1;
            lit::detail::for_each_batch(loader, at::kCPU, k, std::nullopt, [&](const at::Tensor& batch, std::int64_t index, bool) {
                CHECK(batch.item<std::int64_t>() == k);
                seen = index;
                return false;
            });
            CHECK(seen == k);
            CHECK(gathered == 1);
        }
    }

    TEST_CASE("a batch size as large as there are numbers makes one batch of everything") {
        for (const int workers : {0, 1}) {
            lit::DataLoader loader{lit::TensorDataset{at::arange(10), at::arange(10)},
                                   {.batch_size = std::numeric_limits<std::int64_t>::max(), .num_workers = workers}};
            CHECK(loader.size() == 1);
            std::int64_t samples = 0;
            for (const lit::Example& batch : loader) {
                samples += batch.data.size(0);
            }
            CHECK(samples == 10);
        }
    }
}
