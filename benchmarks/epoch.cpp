// SPDX-License-Identifier: Apache-2.0
// An epoch of training on Fashion-MNIST, loading and validation included, with the threads that LibTorch takes by itself: a small
// network with lit, lit's static network, Lightning and raw PyTorch, and the demo's convolutional network with lit and raw PyTorch,
// in turns.
//
// bench_epoch [rounds [images]]
#include "../examples/fashion_mnist/data.hpp"
#include "../examples/fashion_mnist/models.hpp"

#include <lit/checkpoint/module_state.hpp>
#include <lit/checkpoint/safetensors.hpp>
#include <lit/module/nn.hpp>

#include "peers.hpp"

#include <ATen/Parallel.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <utility>

namespace {

namespace F = torch::nn::functional;
namespace nn = lit::nn;
using lit_bench::median;
using lit_bench::report;
using Clock = std::chrono::steady_clock;

constexpr int usual_rounds = 7;
constexpr std::int64_t usual_images = 24'000;
constexpr std::int64_t cnn_batch = 128;
constexpr double cnn_dropout = fashion::HParams{}.dropout;

lit::Example floats(lit::Example batch) { return {batch.data.to(torch::kFloat).div_(255), batch.target}; }

/// What both small networks share: what is logged, and the optimizer.
template <class Self>
struct Classifier : lit::Module<Self> {
    void validation_step(const lit::Example& batch) {
        const torch::Tensor y = static_cast<Self&>(*this).forward(batch.data);
        this->template log<"val_loss">(F::cross_entropy(y, batch.target));
        this->template log<"val_acc">(y.argmax(1).eq(batch.target).to(torch::kFloat).mean());
    }
    auto configure_optimizers() { return lit::AdamW{this->parameters(), {.lr = 1e-3}}; }
};

struct Net : Classifier<Net> {
    torch::nn::Linear in = register_module("in", torch::nn::Linear(784, 128));
    torch::nn::Linear out = register_module("out", torch::nn::Linear(128, 10));

    torch::Tensor forward(const torch::Tensor& x) { return out(torch::relu(in(x.flatten(1)))); }
    torch::Tensor training_step(const lit::Example& batch) {
        torch::Tensor loss = F::cross_entropy(forward(batch.data), batch.target);
        log<"train_loss">(loss);
        return loss;
    }
};

template <class Kernels>
struct StaticNet : Classifier<StaticNet<Kernels>> {
    using Layers = nn::Sequential<Kernels, nn::Shape<28, 28>, nn::Flatten, nn::Linear<784, 128>, nn::ReLU,
                                  nn::Linear<128, 10>>;
    Layers net = this->register_module("net", Layers());

    torch::Tensor forward(const torch::Tensor& x) { return net->forward(x); }
    auto training_step(const lit::Example& batch) {
        auto step = net->template step<nn::CrossEntropy>(batch.data, batch.target);
        this->template log<"train_loss">(step.loss);
        return step;
    }
};

/// From the end of the first epoch to the end of the second: an epoch of a long run, with all that lies between two.
struct EpochWatch {
    Clock::time_point* last;
    double* seconds;
    void on_train_epoch_end(auto& /*trainer*/, auto& /*module*/) const {
        const auto now = Clock::now();
        *seconds = std::chrono::duration<double>(now - *last).count();
        *last = now;
    }
};

template <class Network>
double small(const lit::TensorDataset& images, std::int64_t workers) {
    auto [train, val] = lit::random_split(lit::mapped(images, floats),
                                          {images.size() - images.size() / 12, images.size() / 12}, 42);
    Network net;
    Clock::time_point last;
    double seconds = 0.0;
    lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, lit::Fp32{},
                         lit::TrainerOptions{.max_epochs = 2, .num_sanity_val_steps = 0},
                         EpochWatch{&last, &seconds}};
    trainer.fit(net, lit::DataLoader{train, {.batch_size = 64, .shuffle = true, .num_workers = workers}},
                lit::DataLoader{val, {.batch_size = 500}});
    return seconds;
}

struct Trained {
    Clock::time_point begin;
    double seconds = 0.0;
    torch::Tensor loss;  ///< of the last batch
};

/// Seeds the dropout where the loop begins, and takes the time from there on.
struct CnnWatch {
    Trained* trained;
    void on_train_start(auto& /*trainer*/, auto& /*module*/) const {
        lit::seed_everything(7);
        trained->begin = Clock::now();
    }
    void on_train_batch_end(auto& /*trainer*/, auto& /*module*/, const auto& outputs) const {
        trained->loss = outputs.loss;
    }
    void on_train_end(auto& /*trainer*/, auto& /*module*/) const {
        trained->seconds = std::chrono::duration<double>(Clock::now() - trained->begin).count();
    }
};

/// The demo's network as types: of the same seed the same weights.
template <class Kernels>
struct StaticCnn : fashion::Classifier<StaticCnn<Kernels>> {
    using Layers =
        nn::Sequential<Kernels, nn::Shape<1, 28, 28>, nn::Conv2d<1, 16, 3, 1, 1>, nn::ReLU, nn::MaxPool2d<2>,
                       nn::Conv2d<16, 32, 3, 1, 1>, nn::BatchNorm2d<32>, nn::ReLU, nn::MaxPool2d<2>,
                       nn::Flatten, nn::Dropout<cnn_dropout>, nn::Linear<1568, 128>, nn::ReLU,
                       nn::Dropout<cnn_dropout>, nn::Linear<128, 10>>;
    Layers net = this->register_module("net", Layers());

    using fashion::Classifier<StaticCnn>::Classifier;
    torch::Tensor forward(const torch::Tensor& x) { return net->forward(x); }
    auto training_step(const lit::Example& batch) {
        auto step = net->template step<nn::CrossEntropy>(batch.data, batch.target);
        this->template log<"train_loss">(step.loss);
        return step;
    }
};

template <class Network>
Trained cnn(const lit::TensorDataset& images, std::int64_t used,
            const std::filesystem::path* weights = nullptr) {
    lit::seed_everything(42);
    Network net({.steps = used / cnn_batch});
    if (weights != nullptr) {
        lit::save_safetensors(*weights, lit::module_state_dict(net));
    }
    Trained trained;
    lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cpu}}, lit::Fp32{},
                         lit::TrainerOptions{.max_epochs = 1}, CnnWatch{&trained}};
    trainer.fit(net, lit::DataLoader{lit::take(lit::mapped(images, fashion::normalized), used),
                                     {.batch_size = cnn_batch, .seed = 7}});
    return trained;
}

/// Measures, and says apart what was measured while the two cores shared a cache and while they did not.
void where_cores_are(const std::string& what, auto&& measure) {
    constexpr double near = 60e-9, far = 100e-9;  // seconds
    const double before = lit_bench::seconds_between_cores();
    const double seconds = measure();
    const double after = lit_bench::seconds_between_cores();
    report("from one core to the other", after);
    report(what, seconds);
    if (std::max(before, after) < near && before > 0.0) {
        report(what + ", cores near", seconds);
    } else if (std::min(before, after) > far) {
        report(what + ", cores far", seconds);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : usual_rounds;
    const lit::FashionMNIST all;
    const std::int64_t count =
        std::min(argc > 2 ? std::atoll(argv[2]) : usual_images, static_cast<long long>(all.size()));
    const std::int64_t used = std::min<std::int64_t>(12'800, count) / cnn_batch * cnn_batch;
    const lit::TensorDataset images(all.data().narrow(0, 0, count), all.target().narrow(0, 0, count));
    const std::filesystem::path weights = std::filesystem::current_path() / "lit-bench-epoch.safetensors";
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);  // where Lightning's warnings go
    ::dup2(null, 2);
    lit_bench::PythonPeers python("epoch_peers.py",
                                  {lit::FashionMNIST::default_folder, std::to_string(count)});

    for (int round = 0; round < rounds; ++round) {
        where_cores_are("lit, 0 workers", [&] { return small<Net>(images, 0); });
        report("lit, 1 worker", small<Net>(images, 1));
        where_cores_are("lit, static network, 0 workers",
                        [&] { return small<StaticNet<nn::AtenKernels>>(images, 0); });
        report("lit, static network, 1 worker", small<StaticNet<nn::AtenKernels>>(images, 1));
        where_cores_are("lit, static network with own kernels, 0 workers",
                        [&] { return small<StaticNet<nn::OwnKernels>>(images, 0); });
        report("lit, static network with own kernels, 1 worker", small<StaticNet<nn::OwnKernels>>(images, 1));
        const int threads = at::get_num_threads();
        at::set_num_threads(1);
        report("lit, 0 workers, one thread", small<Net>(images, 0));
        report("lit, static network, 0 workers, one thread", small<StaticNet<nn::AtenKernels>>(images, 0));
        report("lit, static network with own kernels, 0 workers, one thread",
               small<StaticNet<nn::OwnKernels>>(images, 0));
        at::set_num_threads(threads);
        if (python.there()) {
            where_cores_are("Lightning, 0 workers", [&] { return python.measure("lightning 0"); });
            report("Lightning, 1 worker", python.measure("lightning 1"));
            report("Lightning, 2 workers", python.measure("lightning 2"));
            report("PyTorch, batches indexed by hand", python.measure("raw foreach"));
            where_cores_are("PyTorch, batches indexed by hand, fused AdamW",
                            [&] { return python.measure("raw fused"); });
            python.measure("threads 1");
            report("Lightning, 0 workers, one thread", python.measure("lightning 0"));
            report("PyTorch, batches indexed by hand, fused AdamW, one thread", python.measure("raw fused"));
            python.measure("threads " + std::to_string(threads));
        }
        const Trained ours = cnn<fashion::Cnn>(images, used, &weights);
        report("convolutional: lit", ours.seconds);
        const Trained fixed = cnn<StaticCnn<nn::AtenKernels>>(images, used);
        report("convolutional: lit, static network", fixed.seconds);
        const Trained own = cnn<StaticCnn<nn::OwnKernels>>(images, used);
        report("convolutional: lit, static network with own kernels", own.seconds);
        const auto from_ours = [&](const Trained& other) {
            return std::abs(other.loss.item<double>() - ours.loss.item<double>()) / ours.loss.item<double>();
        };
        report("convolutional: static network, the last loss's relative difference (goal: 0)",
               from_ours(fixed), "");
        report("convolutional: with own kernels, the last loss's relative difference", from_ours(own), "");
        if (python.there()) {
            report("convolutional: PyTorch",
                   python.measure("cnn " + std::to_string(used) + " " + weights.string()));
            const double loss = ours.loss.item<double>(), theirs = python.measure("loss");
            report("convolutional: lit, last loss", loss, "");
            report("convolutional: PyTorch, last loss", theirs, "");
            report("convolutional: the losses' relative difference (goal: below 1e-5)",
                   std::abs(loss - theirs) / std::abs(theirs), "");
        }
    }
    std::filesystem::remove(weights);
    if (python.there()) {
        const auto least = [](std::initializer_list<std::string> names) {
            return median(
                *std::ranges::min_element(names, {}, [](const std::string& name) { return median(name); }));
        };
        const double lightning = least({"Lightning, 0 workers", "Lightning, 1 worker", "Lightning, 2 workers",
                                        "Lightning, 0 workers, one thread"});
        const double raw =
            least({"PyTorch, batches indexed by hand", "PyTorch, batches indexed by hand, fused AdamW",
                   "PyTorch, batches indexed by hand, fused AdamW, one thread"});
        const double ours = least({"lit, 0 workers", "lit, 1 worker", "lit, 0 workers, one thread"});
        const double fixed = least({"lit, static network, 0 workers", "lit, static network, 1 worker",
                                    "lit, static network, 0 workers, one thread"});
        const double own = least({"lit, static network with own kernels, 0 workers",
                                  "lit, static network with own kernels, 1 worker",
                                  "lit, static network with own kernels, 0 workers, one thread"});
        for (const std::string where : {", cores near", ", cores far"}) {
            for (const std::string name :
                 {"lit", "lit, static network", "lit, static network with own kernels"}) {
                const std::string here = name + ", 0 workers" + where;
                if (lit_bench::is_measured(here) && lit_bench::is_measured("Lightning, 0 workers" + where)) {
                    report(here + ", times the rate of Lightning",
                           median("Lightning, 0 workers" + where) / median(here), "");
                }
            }
        }
        report("lit's best, times the rate of Lightning's best", lightning / ours, "");
        report("lit's best, times the rate of PyTorch's best", raw / ours, "");
        report("lit's best static network, times the rate of Lightning's best", lightning / fixed, "");
        report("lit's best static network, times the rate of PyTorch's best", raw / fixed, "");
        report("lit's best static network with own kernels, times the rate of Lightning's best",
               lightning / own, "");
        report("lit's best static network with own kernels, times the rate of PyTorch's best", raw / own, "");
        for (const std::string name :
             {"lit", "lit, static network", "lit, static network with own kernels"}) {
            report("convolutional: " + name + ", times the rate of PyTorch",
                   median("convolutional: PyTorch") / median("convolutional: " + name), "");
        }
    }
}
