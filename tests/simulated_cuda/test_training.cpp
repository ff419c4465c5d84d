// SPDX-License-Identifier: Apache-2.0
// Runs on a device whose memory the host cannot reach: that nothing touches it, that the numbers are the CPU's, and that no
// step waits for it unless somebody wants to see a number.
#include "simulated_cuda/device.hpp"

#include <lit/callbacks/async_checkpoint.hpp>
#include <lit/callbacks/device_stats_monitor.hpp>
#include <lit/callbacks/ema_weight_averaging.hpp>
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/callbacks/learning_rate_monitor.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/progress_bar.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/host_buffers.hpp>
#include <lit/checkpoint/pickle_writer.hpp>
#include <lit/core/value.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/loggers/csv_logger.hpp>
#include <lit/metrics/accuracy.hpp>
#include <lit/module/nn.hpp>
#include <lit/optim/adam.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/precision/bf16_mixed.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/trainer.hpp>

#include "checkpoint/support.hpp"
#include "support/doctest.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace F = torch::nn::functional;

lit::Example samples(std::int64_t count, std::uint64_t seed) {
    const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    return {at::randn({count, 12}, generator), at::randint(4, {count}, generator, at::kLong)};
}
std::vector<lit::Example> batches(std::int64_t count, std::uint64_t seed) {
    std::vector<lit::Example> all;
    for (std::int64_t i = 0; i < count; ++i) {
        all.push_back(samples(8, seed + static_cast<std::uint64_t>(i)));
    }
    return all;
}

template <class Optimizer>
struct Net : lit::Module<Net<Optimizer>> {
    torch::nn::Linear in{nullptr}, out{nullptr};
    torch::nn::BatchNorm1d norm{nullptr};
    lit::Accuracy accuracy{{.num_classes = 4}};

    Net() {
        in = this->register_module("in", torch::nn::Linear(12, 16));
        norm = this->register_module("norm", torch::nn::BatchNorm1d(16));
        out = this->register_module("out", torch::nn::Linear(16, 4));
    }
    at::Tensor forward(const at::Tensor& x) { return out(torch::relu(norm(in(x)))); }
    at::Tensor training_step(const lit::Example& batch) {
        at::Tensor loss = F::cross_entropy(forward(batch.data), batch.target);
        this->template log<"train_loss">(loss, {.prog_bar = true, .on_step = true, .on_epoch = true});
        return loss;
    }
    void validation_step(const lit::Example& batch) {
        const at::Tensor y = forward(batch.data);
        this->template log<"val_loss">(F::cross_entropy(y, batch.target));
        accuracy.update(y, batch.target);
        this->template log<"val_acc">(accuracy);
    }
    at::Tensor predict_step(const lit::Example& batch) { return forward(batch.data); }
    auto configure_optimizers() { return Optimizer{this->parameters(), {.lr = 0.01}}; }
};
/// Without an autograd graph.
template <class Kernels>
struct StaticNet : lit::Module<StaticNet<Kernels>> {
    using Layers = lit::nn::Sequential<Kernels, lit::nn::Linear<12, 16>, lit::nn::ReLU, lit::nn::Linear<16, 4>>;
    Layers layers = this->register_module("layers", Layers());

    auto training_step(const lit::Example& batch) {
        return layers->template step<lit::nn::CrossEntropy>(batch.data, batch.target);
    }
    void validation_step(const lit::Example& batch) {
        this->template log<"val_loss">(F::cross_entropy(layers(batch.data), batch.target));
    }
    auto configure_optimizers() { return lit::AdamW{this->parameters(), {.lr = 0.01}}; }
};

template <class Module>
std::vector<at::Tensor> state(const Module& module) {
    std::vector<at::Tensor> all = module.parameters();
    std::ranges::copy(module.buffers(), std::back_inserter(all));
    return all;
}
bool equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
    return std::ranges::equal(a, b, [](const at::Tensor& x, const at::Tensor& y) { return x.is_cpu() && x.equal(y); });
}

const lit::SingleDevice cpu{{.accelerator = lit::Accelerator::cpu}};
const lit::SingleDevice cuda{{.accelerator = lit::Accelerator::cuda}};

template <class M>
std::vector<at::Tensor> trained(const lit::SingleDevice& where, auto... components) {
    torch::manual_seed(3);
    M module;
    auto train = batches(10, 100);
    auto val = batches(3, 200);
    lit::Trainer trainer{where, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 2}, std::move(components)...};
    trainer.fit(module, train, val);
    return state(module);
}

/// How often the host had waited when each batch began and ended.
struct Watch {
    struct Waits {
        std::vector<std::size_t> training, validation;
    };
    Waits* waits;
    void on_train_batch_start(auto& /*trainer*/, auto& /*module*/) { waits->training.push_back(simulated::waits().size()); }
    void on_train_batch_end(auto& /*trainer*/, auto& /*module*/) { waits->training.push_back(simulated::waits().size()); }
    void on_validation_batch_end(auto& /*trainer*/, auto& /*module*/) {
        waits->validation.push_back(simulated::waits().size());
    }
};
/// In how many steps somebody waited, the place between two steps counted with the step before.
std::size_t steps_that_waited(const std::vector<std::size_t>& counts) {
    std::size_t found = 0;
    for (std::size_t i = 2; i < counts.size(); i += 2) {
        found += counts[i] != counts[i - 2];
    }
    return found;
}

}  // namespace

TEST_SUITE("simulated_cuda/training") {
    TEST_CASE_TEMPLATE("a run ends with the bits of the CPU's", M, Net<lit::AdamW>, Net<lit::Adam>, Net<lit::SGD>,
                       StaticNet<lit::nn::AtenKernels>) {
        CHECK(equal(trained<M>(cuda), trained<M>(cpu)));
        const lit::GradientClip clip{0.1};
        const lit::GradientAccumulation window{3};
        CHECK(equal(trained<M>(cuda, clip, window), trained<M>(cpu, clip, window)));
    }

    TEST_CASE("another device than the first is the current one, and has all that the run makes") {
        struct Noisy : Net<lit::AdamW> {
            std::vector<at::Device> devices;
            at::Tensor training_step(const lit::Example& batch) {
                const at::Tensor noise = at::randn(batch.data.sizes(), at::kCUDA);  // the current device's
                devices = {noise.device(), batch.data.device()};
                const at::Tensor loss = F::cross_entropy(forward(batch.data + 0.1 * noise), batch.target);
                log<"train_loss">(loss, {.on_step = true, .on_epoch = true});
                return loss;
            }
        };
        const lit::Example all = samples(64, 9);
        for (const bool prefetch : {false, true}) {
            CAPTURE(prefetch);
            Noisy module;
            const lit::DataLoaderOptions options{
                .batch_size = 8, .num_workers = 2, .pin_memory = true, .prefetch_to_device = prefetch};
            lit::DataLoader train{lit::TensorDataset{all.data, all.target}, options};
            lit::DataLoader val{lit::TensorDataset{all.data, all.target}, options};
            lit::Trainer trainer{lit::SingleDevice{{.accelerator = lit::Accelerator::cuda, .index = 1}}, lit::Fp32{},
                                 lit::TrainerOptions{.max_epochs = 2}, lit::GradientClip{0.1}, lit::EMAWeightAveraging{}};
            trainer.fit(module, train, val);
            CHECK((module.devices == std::vector<at::Device>(2, at::Device(at::kCUDA, 1))));
            CHECK(module.in->weight.is_cpu());
        }
        c10::impl::VirtualGuardImpl(at::kCUDA).setDevice(simulated::cuda);
    }

    TEST_CASE("a static network with own kernels has ATen's there") {
        CHECK(equal(trained<StaticNet<lit::nn::OwnKernels>>(cuda), trained<StaticNet<lit::nn::AtenKernels>>(cpu)));
    }

    TEST_CASE("no step and no batch of a validation waits for the device") {
        Watch::Waits waits;
        trained<Net<lit::AdamW>>(cuda, Watch{&waits}, lit::GradientClip{0.1}, lit::EMAWeightAveraging{});
        REQUIRE(waits.training.size() == 2 * 2 * 10);
        CHECK(steps_that_waited({waits.training.begin(), waits.training.begin() + 20}) == 0);
        CHECK(steps_that_waited({waits.training.begin() + 20, waits.training.end()}) == 0);
        REQUIRE(waits.validation.size() == 2 + 2 * 3);
        CHECK(waits.validation[2] == waits.validation[4]);
        CHECK(waits.validation[5] == waits.validation[7]);
        Watch::Waits of_static;
        trained<StaticNet<lit::nn::AtenKernels>>(cuda, Watch{&of_static});
        CHECK(steps_that_waited({of_static.training.begin(), of_static.training.begin() + 20}) == 0);
    }

    TEST_CASE("with loggers and a progress bar the steps that are shown wait, and no others") {
        const checkpoint_test::TemporaryFolder folder;
        Watch::Waits waits;
        Net<lit::AdamW> module;
        auto train = batches(20, 1);
        auto val = batches(2, 50);
        lit::Trainer trainer{cuda,
                             lit::Fp32{},
                             lit::TrainerOptions{.max_epochs = 1, .log_every_n_steps = 5, .default_root_dir = folder.path()},
                             lit::CSVLogger{},
                             lit::LearningRateMonitor{},
                             lit::ModelCheckpoint<"val_loss">{{.dirpath = folder.path()}},
                             Watch{&waits}};
        trainer.fit(module, train, val);
        CHECK(steps_that_waited(waits.training) == 3);  // 5, 10 and 15; what follows 20 has no next step
    }

    TEST_CASE("batches go there from pinned memory, and nobody waits for them") {
        const lit::Example all = samples(64, 9);
        for (const std::int64_t workers : {0, 2}) {
            CAPTURE(workers);
            torch::manual_seed(3);
            Net<lit::SGD> module;
            lit::DataLoader loader{lit::TensorDataset{all.data, all.target},
                                         {.batch_size = 8, .num_workers = workers, .pin_memory = true}};
            Watch::Waits waits;
            lit::Trainer trainer{cuda, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 1}, Watch{&waits}};
            simulated::forget();
            trainer.fit(module, loader);
            CHECK(simulated::copies().pinned == 2 * 8);
            CHECK(steps_that_waited(waits.training) == 0);
        }
    }

    TEST_CASE("workers copy their batches to the device, beside what it computes") {
        const lit::Example all = samples(64, 9);
        const auto loader = [&](bool persistent, bool shuffle) {
            return lit::DataLoader{lit::TensorDataset{all.data, all.target},
                                   {.batch_size = 8,
                                    .shuffle = shuffle,
                                    .num_workers = 2,
                                    .seed = 5,
                                    .pin_memory = true,
                                    .persistent_workers = persistent,
                                    .prefetch_to_device = true}};
        };
        constexpr std::int64_t of_an_epoch = 2 * 8;  // tensors
        for (const bool persistent : {false, true}) {
            CAPTURE(persistent);
            const auto fitted = [&](const lit::SingleDevice& where, bool validates, Watch::Waits& waits) {
                torch::manual_seed(3);
                Net<lit::AdamW> module;
                auto train = loader(persistent, true);
                auto val = loader(persistent, false);
                lit::Trainer trainer{where, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 3, .num_sanity_val_steps = 0},
                                     Watch{&waits}};
                if (validates) {
                    trainer.fit(module, train, val);
                } else {
                    trainer.fit(module, train);
                }
                return state(module);
            };
            Watch::Waits waits, unwatched;
            // Moving the module takes pageable copies, in the default stream.
            simulated::forget();
            fitted(cuda, false, waits);
            CHECK(simulated::operations()[1] == 3 * of_an_epoch);
            for (std::size_t epoch = 0; epoch < 3; ++epoch) {
                const auto first = waits.training.begin() + static_cast<std::ptrdiff_t>(16 * epoch);
                CHECK(steps_that_waited({first, first + 16}) == 0);
            }
            simulated::forget();
            const auto there = fitted(cuda, true, unwatched);
            CHECK(simulated::operations()[1] == 6 * of_an_epoch);
            CHECK(simulated::races() == std::vector<std::string>{});
            CHECK(equal(there, fitted(cpu, true, unwatched)));
            Net<lit::AdamW> module;
            lit::Trainer trainer{cuda, lit::Fp32{}, lit::TrainerOptions{}};
            auto rest = loader(persistent, false);
            simulated::forget();
            trainer.validate(module, rest, {.verbose = false});
            CHECK(simulated::operations()[1] == of_an_epoch);
            static_cast<void>(trainer.predict(module, rest));
            CHECK(simulated::operations()[1] == 2 * of_an_epoch);
            CHECK(simulated::races() == std::vector<std::string>{});
        }
    }

    TEST_CASE("a loader brings its batches to the device without a trainer, too") {
        const lit::Example all = samples(10, 9);
        lit::DataLoader loader{lit::TensorDataset{all.data, all.target},
                               {.batch_size = 4, .num_workers = 1, .prefetch_to_device = true}};
        std::int64_t seen = 0;
        for (auto batch = loader.begin_on(simulated::cuda); batch != loader.end(); ++batch) {
            CHECK(batch->data.is_cuda());
            CHECK(batch->data.cpu().equal(all.data.slice(0, seen, seen + batch->data.size(0))));
            seen += batch->data.size(0);
        }
        CHECK(seen == 10);
        CHECK((*loader.begin()).data.is_cpu());
        const auto left_early = loader.begin_on(at::kCUDA);
        CHECK(left_early->target.device() == simulated::cuda);
    }

    TEST_CASE("sparse batches are refused where workers would copy them, and the epoch ends there") {
        struct Sparse {
            [[nodiscard]] static std::int64_t size() { return 8; }
            [[nodiscard]] at::Tensor get_batch(lit::Indices indices) const {
                return at::ones({static_cast<std::int64_t>(indices.size()), 3}).to_sparse();
            }
        };
        lit::DataLoader loader{Sparse{}, {.batch_size = 4, .num_workers = 1, .prefetch_to_device = true}};
        CHECK_THROWS_WITH_AS(static_cast<void>(loader.begin_on(simulated::cuda)), doctest::Contains("found a sparse tensor"),
                             lit::ConfigError);
        CHECK((*loader.begin()).is_sparse());
    }

    TEST_CASE("a hook before the transfer sees the batch as the dataset made it, one behind it on the device") {
        struct Hooked : Net<lit::SGD> {
            bool on_the_cpu = true;
            lit::Example on_before_batch_transfer(const lit::Example& batch) {
                on_the_cpu = on_the_cpu && batch.data.is_cpu();
                return batch;
            }
        };
        struct Augmented : Net<lit::SGD> {
            bool there = true;
            lit::Example on_after_batch_transfer(const lit::Example& batch) {
                there = there && batch.data.is_cuda();
                return batch;
            }
        };
        const lit::Example all = samples(64, 9);
        Hooked module;
        lit::DataLoader loader{lit::TensorDataset{all.data, all.target},
                               {.batch_size = 8, .num_workers = 2, .prefetch_to_device = true}};
        lit::Trainer trainer{cuda, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 1}};
        trainer.fit(module, loader);
        CHECK(module.on_the_cpu);
        Augmented behind;
        simulated::forget();
        lit::Trainer another{cuda, lit::Fp32{}, lit::TrainerOptions{.max_epochs = 1}};
        another.fit(behind, loader);
        CHECK(behind.there);
        CHECK(simulated::operations()[1] == 2 * 8);
    }

    TEST_CASE("a checkpoint holds what is on the device, and a run goes on from it to the same bits") {
        for (const bool async : {false, true}) {
            CAPTURE(async);
            const checkpoint_test::TemporaryFolder folder;
            const lit::ModelCheckpointOptions each{.dirpath = folder.path(), .filename = "{epoch}", .save_top_k = -1};
            torch::manual_seed(3);
            Net<lit::AdamW> module;
            auto train = batches(10, 100);
            const auto run = [&](auto& trainer, const std::string& from) {
                trainer.fit(module, train, {.ckpt_path = from});
            };
            const auto trained_with = [&](std::int64_t epochs, const std::string& from, auto... components) {
                lit::Trainer trainer{cuda, lit::Fp32{}, lit::TrainerOptions{.max_epochs = epochs},
                                     lit::ModelCheckpoint<>{each}, std::move(components)...};
                run(trainer, from);
            };
            if (async) {
                trained_with(2, "", lit::AsyncCheckpoint{});
            } else {
                trained_with(2, "");
            }
            std::vector<at::Tensor> straight;
            for (const at::Tensor& tensor : state(module)) {
                straight.push_back(tensor.detach().clone());
            }
            const lit::Value saved = lit::load_checkpoint(folder.path() / "epoch=1.ckpt");
            for (const auto& [name, tensor] : saved.at("state_dict").dict()) {
                CHECK(std::ranges::any_of(straight, [&](const at::Tensor& mine) {
                    return mine.sizes() == tensor.tensor().sizes() && mine.equal(tensor.tensor());
                }));
            }
            torch::manual_seed(11);
            module = Net<lit::AdamW>();
            trained_with(2, (folder.path() / "epoch=0.ckpt").string());
            CHECK(equal(state(module), straight));
        }
    }

    TEST_CASE("a checkpoint waits once for each tensor's memory, in the background once for all") {
        const checkpoint_test::TemporaryFolder folder;
        const at::Tensor a = at::ones({4}, at::device(simulated::cuda));
        const lit::Value value = lit::Dict{{"a", a}, {"b", at::zeros({3}, a.options())}, {"of a", a.slice(0, 1)}};
        simulated::forget();
        lit::save_checkpoint_file(folder / "file.ckpt", value);
        CHECK(simulated::waits() == std::vector<std::string>(2, "copy to the host"));
        lit::Pickled pickled = lit::write_pickle(value);
        lit::HostBuffers buffers;
        simulated::forget();
        buffers.take(pickled);
        CHECK(simulated::waits() == std::vector<std::string>{"synchronisation of a stream"});
        const lit::Value read = lit::load_checkpoint(folder / "file.ckpt");
        CHECK(read.at("a").tensor().is_cpu());
        CHECK(read.at("of a").tensor().equal(at::ones({3})));
    }

    TEST_CASE("predictions come to the CPU") {
        Net<lit::SGD> module;
        auto data = batches(2, 7);
        lit::Trainer trainer{cuda, lit::Fp32{}, lit::TrainerOptions{}};
        const auto predicted = trainer.predict(module, data);
        lit::Trainer there{cpu, lit::Fp32{}, lit::TrainerOptions{}};
        CHECK(predicted[0][1].is_cpu());
        CHECK(predicted[0][1].equal(there.predict(module, data)[0][1]));
    }

    TEST_CASE("in bf16 the products are bf16, and the weights stay what they are") {
        struct Mixed : lit::Module<Mixed> {
            torch::nn::Linear layer{nullptr};
            std::vector<at::ScalarType> types;
            Mixed() { layer = register_module("layer", torch::nn::Linear(12, 4)); }
            at::Tensor training_step(const lit::Example& batch) {
                const at::Tensor out = layer(batch.data);
                types.push_back(out.scalar_type());
                return F::cross_entropy(out, batch.target);
            }
            auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.1}}; }
        };
        Mixed module;
        auto data = batches(2, 7);
        lit::Trainer trainer{cuda, lit::Bf16Mixed{}, lit::TrainerOptions{.max_epochs = 1}};
        trainer.fit(module, data);
        CHECK((module.types == std::vector<at::ScalarType>(2, at::kBFloat16)));
        CHECK((module.layer->weight.scalar_type() == at::kFloat));
    }
}
