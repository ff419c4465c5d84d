// SPDX-License-Identifier: Apache-2.0
// Fashion-MNIST in shuffled batches of 64, as floats from 0 to 1, plain and augmented: lit's DataLoader, torch::data, PyTorch's
// DataLoader and batches indexed by hand, in turns. The rate of an epoch, the time to the first batch, the time between epochs.
//
// LibTorch runs on one thread here and there, so that no peer's main thread gets into its workers' way.
//
// bench_loader [rounds [images [threads]]]
#include <lit/data/batch_generator.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/fashion_mnist.hpp>
#include <lit/data/mapped_dataset.hpp>
#include <lit/data/tensor_dataset.hpp>

#include "peers.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <torch/data/dataloader.h>
#include <torch/data/datasets/base.h>
#include <torch/data/datasets/map.h>
#include <torch/data/samplers/random.h>
#include <torch/data/transforms/stack.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace {

using lit_bench::median;
using lit_bench::report;
using Clock = std::chrono::steady_clock;

constexpr int usual_rounds = 5;
constexpr std::int64_t batch_size = 64;

double seconds(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
}

lit::Example floats(lit::Example batch) { return {batch.data.to(torch::kFloat).div_(255), batch.target}; }

/// For each image, int64 [n, 1]: whether it is turned over, and by how much it is moved, 2 being not at all.
struct Moves {
    at::Tensor turned, row, column;
};
Moves draw_moves(std::int64_t n) {
    const auto draw = [n](std::int64_t end) {
        return at::randint(end, {n, 1}, lit::batch_generator(), at::kLong);
    };
    at::Tensor turned = draw(2), row = draw(5);
    return {std::move(turned), std::move(row), draw(5)};
}

/// Every second image, by chance, turned over; all moved by up to 2 pixels each way, with black from outside.
lit::Example augmented(lit::Example batch) {
    const std::int64_t n = batch.data.size(0);
    const Moves moves = draw_moves(n);
    const at::Tensor place = at::arange(28);
    const at::Tensor row = place + moves.row;
    const at::Tensor column = at::where(moves.turned.to(at::kBool), 27 - place, place) + moves.column;
    const at::Tensor padded = at::constant_pad_nd(batch.data, {2, 2, 2, 2});
    return floats(
        {padded.index({at::arange(n).view({n, 1, 1}), row.unsqueeze(2), column.unsqueeze(1)}), batch.target});
}

/// The same, pixel by pixel.
lit::Example augmented_by_loops(lit::Example batch) {
    const std::int64_t n = batch.data.size(0);
    const Moves moves = draw_moves(n);
    at::Tensor result = at::zeros({n, 28, 28});
    const auto* from = static_cast<const std::uint8_t*>(batch.data.const_data_ptr());
    auto* to = static_cast<float*>(result.mutable_data_ptr());
    const auto of = [](const at::Tensor& moves, std::int64_t image) {
        return static_cast<const std::int64_t*>(moves.const_data_ptr())[image];
    };
    for (std::int64_t image = 0; image < n; ++image, from += 784, to += 784) {
        const bool turned = of(moves.turned, image) != 0;
        const std::int64_t down = of(moves.row, image) - 2;
        const std::int64_t right = of(moves.column, image) - 2;
        for (std::int64_t i = std::max<std::int64_t>(0, -down); i < std::min<std::int64_t>(28, 28 - down);
             ++i) {
            for (std::int64_t j = 0; j < 28; ++j) {
                const std::int64_t source = (turned ? 27 - j : j) + right;
                if (source >= 0 && source < 28) {
                    to[i * 28 + j] = static_cast<float>(from[(i + down) * 28 + source]) / 255;
                }
            }
        }
    }
    return {result, batch.target};
}

/// In seconds, of a loader's first two epochs.
struct Times {
    double first;    ///< from making the loader to its first batch
    double between;  ///< from the last batch of an epoch to the first of the next
    double epoch;    ///< from the last batch of an epoch to that of the next: a whole epoch of a long run
};

lit::Example as_it_is(lit::Example batch) { return batch; }

/// `receive` is done to each batch before it counts as there; `pause`, after an epoch, counts nowhere.
template <class Make, class Receive, class Pause = std::nullptr_t>
Times walk(std::int64_t images, Make&& make, Receive receive, [[maybe_unused]] Pause pause = {}) {
    Times times{};
    const auto start = Clock::now();
    auto loader = make();
    Clock::time_point last, ended;
    for (int epoch = 0; epoch < 2; ++epoch) {
        std::int64_t seen = 0;
        for (auto& given : loader) {
            const lit::Example batch = receive(std::move(given));
            last = Clock::now();
            if (seen == 0) {
                (epoch == 0 ? times.first : times.between) = seconds(epoch == 0 ? start : ended, last);
            }
            seen += batch.data.size(0);
        }
        if (seen != images) {
            std::fprintf(stderr, "lit: an epoch of %lld images\n", static_cast<long long>(seen));
            std::exit(1);
        }
        times.epoch = seconds(ended, last);
        ended = last;
        if constexpr (!std::is_null_pointer_v<Pause>) {
            pause(loader);
            ended = Clock::now();
        }
    }
    return times;
}

template <class Function>
double by_hand(const lit::TensorDataset& images, Function function) {
    const auto start = Clock::now();
    const at::Tensor order = at::randperm(images.size(), at::kLong);
    for (std::int64_t begin = 0; begin < images.size(); begin += batch_size) {
        const at::Tensor part = order.slice(0, begin, begin + batch_size);
        static_cast<void>(
            function({images.data().index_select(0, part), images.target().index_select(0, part)}));
    }
    return seconds(start, Clock::now());
}

/// Sample by sample, as LibTorch's own MNIST.
class Samples : public torch::data::datasets::Dataset<Samples> {
 public:
    explicit Samples(lit::TensorDataset images) : images_(std::move(images)) {}
    lit::Example get(std::size_t index) override {
        const auto i = static_cast<std::int64_t>(index);
        return {images_.data()[i], images_.target()[i]};
    }
    [[nodiscard]] std::optional<std::size_t> size() const override {
        return static_cast<std::size_t>(images_.size());
    }

 private:
    lit::TensorDataset images_;
};

/// A loader of torch::data in a range-for; it gives bytes.
template <class Loader>
struct Range {
    Loader loader;
    auto begin() { return loader->begin(); }
    auto end() { return loader->end(); }
};

auto torch_data(const lit::TensorDataset& images, std::size_t workers) {
    auto loader = torch::data::make_data_loader<torch::data::samplers::RandomSampler>(
        Samples(images).map(torch::data::transforms::Stack<>()),
        torch::data::DataLoaderOptions().batch_size(batch_size).workers(workers));
    return Range<decltype(loader)>{std::move(loader)};
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : usual_rounds;
    const int threads = argc > 3 ? std::atoi(argv[3]) : 1;
    at::set_num_threads(threads);
    const lit::FashionMNIST all;
    const std::int64_t count =
        argc > 2 ? std::min<std::int64_t>(std::atoll(argv[2]), all.size()) : all.size();
    const lit::TensorDataset images(all.data().narrow(0, 0, count), all.target().narrow(0, 0, count));
    const auto seeded = [&](auto function) {
        at::manual_seed(1);
        return function(images.get_batch(0, batch_size)).data;
    };
    if (!at::allclose(seeded(augmented), seeded(augmented_by_loops))) {
        std::fprintf(stderr, "lit: the two ways to augment differ\n");
        return 1;
    }
    lit_bench::PythonPeers python("loader_peers.py", {lit::FashionMNIST::default_folder,
                                                      std::to_string(count), std::to_string(threads)});

    const auto tell_rate = [&](const std::string& what, double epoch) {
        report(what, static_cast<double>(count) / epoch, "images/s");
    };
    const auto tell = [&](const std::string& work, const std::string& who, const Times& times) {
        tell_rate(work + ": " + who, times.epoch);
        if (work == "plain") {
            report("first batch: " + who, times.first * 1e3, "ms");
            report("between epochs: " + who, times.between * 1e3, "ms");
        }
    };
    const auto with = [](std::int64_t workers) {
        return ", " + std::to_string(workers) + (workers == 1 ? " worker" : " workers");
    };
    const auto lits = [&](const std::string& work, std::int64_t workers, auto function) {
        tell(work, "lit" + with(workers),
             walk(
                 count,
                 [&] {
                     return lit::DataLoader{
                         lit::mapped(images, function),
                         {.batch_size = batch_size,
                          .shuffle = true,
                          .num_workers = workers,
                          .persistent_workers = workers > 0}};
                 },
                 as_it_is));
    };
    // As in a fit: the next epoch is begun before the validation, here 20 ms of sleep.
    const auto begun_ahead = [&](std::int64_t workers) {
        const Times times = walk(
            count,
            [&] {
                return lit::DataLoader{lit::mapped(images, floats),
                                       {.batch_size = batch_size,
                                        .shuffle = true,
                                        .num_workers = workers,
                                        .seed = 1,
                                        .persistent_workers = true}};
            },
            as_it_is,
            [](auto& loader) {
                loader.prefetch_epoch(loader.epoch());
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
            });
        report("between epochs: lit" + with(workers) + ", begun before the validation", times.between * 1e3, "ms");
    };
    // The peer makes floats of a batch where it receives it, which is what costs least there.
    const auto pythons = [&](const std::string& work, std::int64_t workers, bool persistent) {
        const double epoch =
            python.measure("loader " + work + " " + std::to_string(workers) + (persistent ? " 1" : " 0"));
        const double first = python.measure("first"), between = python.measure("between");
        tell(work, "PyTorch" + with(workers) + (persistent ? ", persistent" : ""), {first, between, epoch});
    };
    for (int round = 0; round < rounds; ++round) {
        for (const std::int64_t workers : {0, 1, 2}) {
            lits("plain", workers, floats);
        }
        begun_ahead(2);
        tell_rate("plain: by hand, C++", by_hand(images, floats));
        for (const std::size_t workers : {0U, 2U}) {
            tell("plain", "torch::data" + with(static_cast<std::int64_t>(workers)),
                 walk(
                     count, [&] { return torch_data(images, workers); }, floats));
        }
        for (const std::int64_t workers : {0, 2}) {
            lits("augmented", workers, augmented);
            lits("augmented by loops", workers, augmented_by_loops);
        }
        tell_rate("augmented: by hand, C++", by_hand(images, augmented));
        if (python.there()) {
            for (const auto& [workers, persistent] :
                 {std::pair{0, false}, {1, true}, {2, true}, {2, false}}) {
                pythons("plain", workers, persistent);
            }
            tell_rate("plain: by hand, PyTorch", python.measure("by_hand plain"));
            pythons("augmented", 0, false);
            pythons("augmented", 2, true);
            tell_rate("augmented: by hand, PyTorch", python.measure("by_hand augmented"));
        }
    }
    const auto best = [](std::initializer_list<std::string> names) {
        return median(
            *std::ranges::max_element(names, {}, [](const std::string& name) { return median(name); }));
    };
    const double plain = best({"plain: lit, 0 workers", "plain: lit, 1 worker", "plain: lit, 2 workers"});
    const double changed = best({"augmented: lit, 0 workers", "augmented: lit, 2 workers"});
    report("plain: lit's best, times the rate of by hand, C++", plain / median("plain: by hand, C++"), "");
    report("plain: lit's best, times the rate of torch::data's best",
           plain / best({"plain: torch::data, 0 workers", "plain: torch::data, 2 workers"}), "");
    report("augmented: lit's best, times the rate of by hand, C++",
           changed / median("augmented: by hand, C++"), "");
    if (python.there()) {
        report("plain: lit's best, times the rate of PyTorch's best loader",
               plain / best({"plain: PyTorch, 0 workers", "plain: PyTorch, 1 worker, persistent",
                             "plain: PyTorch, 2 workers, persistent", "plain: PyTorch, 2 workers"}),
               "");
        report("plain: lit's best, times the rate of by hand, PyTorch",
               plain / median("plain: by hand, PyTorch"), "");
        report("augmented: lit's best, times the rate of PyTorch's best loader",
               changed / best({"augmented: PyTorch, 0 workers", "augmented: PyTorch, 2 workers, persistent"}),
               "");
        report("augmented: lit's best, times the rate of by hand, PyTorch",
               changed / median("augmented: by hand, PyTorch"), "");
        report("augmented: lit's best by loops, times the rate of PyTorch's best loader",
               best({"augmented by loops: lit, 0 workers", "augmented by loops: lit, 2 workers"}) /
                   best({"augmented: PyTorch, 0 workers", "augmented: PyTorch, 2 workers, persistent"}),
               "");
    }
}
