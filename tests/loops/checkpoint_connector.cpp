// SPDX-License-Identifier: Apache-2.0
#include <lit/loops/checkpoint_connector.hpp>

#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/checkpoint/load_from_checkpoint.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/step_lr.hpp>

#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/rand_like.h>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>

#include <unistd.h>
#include <optional>
#include <stdexcept>

namespace {

namespace fs = std::filesystem;

struct Sizes {
    std::int64_t hidden = 4;
    double lr = 0.1;
    std::string name = "small";
};

/// Draws from the generator in every step, so that a lost state of it shows.
struct Net : lit::Module<Net, Sizes> {
    torch::nn::Linear in{nullptr}, out{nullptr};
    std::vector<float> losses;

    explicit Net(Sizes h = {}) : Module(std::move(h)) {
        in = register_module("in", torch::nn::Linear(3, hparams.hidden));
        out = register_module("out", torch::nn::Linear(hparams.hidden, 1));
    }
    at::Tensor training_step(const lit::Example& batch) {
        auto loss = torch::nn::functional::mse_loss(
            out(at::relu(in(batch.data + 0.1 * at::rand_like(batch.data)))), batch.target);
        losses.push_back(loss.item<float>());
        log("loss", loss, {.on_epoch = true});
        return loss;
    }
    void validation_step(const lit::Example& batch) { log("val", out(at::relu(in(batch.data))).mean()); }
    auto configure_optimizers() {
        return lit::OptimizerConfig{
            .optimizer = lit::AdamW{parameters(), {.lr = hparams.lr}},
            .lr_scheduler =
                std::tuple{lit::LRSchedulerConfig{.scheduler = lit::StepLR{{.step_size = 2, .gamma = 0.5}},
                                                  .interval = lit::Interval::step},
                           lit::LRSchedulerConfig{.scheduler = lit::ReduceLROnPlateau{{.patience = 0}},
                                                  .monitor = "loss_epoch"}}};
    }
    std::int64_t saved = 0, loaded = 0;
    void on_save_checkpoint(lit::Dict& checkpoint) { checkpoint.set("mine", ++saved); }
    void on_load_checkpoint(const lit::Dict& checkpoint) { loaded = checkpoint.at("mine").to_int(); }
};

struct Wider : lit::Module<Wider> {
    torch::nn::Linear in{nullptr}, other{nullptr};
    Wider() {
        in = register_module("in", torch::nn::Linear(3, 5));
        other = register_module("other", torch::nn::Linear(5, 1));
    }
    at::Tensor training_step(const lit::Example& batch) { return other(in(batch.data)).mean(); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.1}}; }
};

/// Counts, and keeps its count in the checkpoint; saves at the end of an epoch, and may break the run off there.
struct Saver {
    fs::path path;
    std::int64_t epoch = -1;
    bool break_off = false;
    std::int64_t count = 0;

    void save(auto& trainer) {
        trainer.save_checkpoint(path);
        if (break_off) {
            throw std::runtime_error("broken off");
        }
    }
    void on_train_batch_end(auto&, auto&) { ++count; }
    void on_train_epoch_end(auto& trainer, auto&) {
        if (trainer.current_epoch() == epoch) {
            save(trainer);
        }
    }
    [[nodiscard]] std::string state_key() const { return "Saver"; }
    [[nodiscard]] lit::Dict state_dict() const { return {{"count", count}}; }
    void load_state_dict(const lit::Dict& state) { count = state.at("count").to_int(); }
};

struct WeightsWriter {
    fs::path path;
    void on_train_end(auto& trainer) { trainer.save_checkpoint(path, true); }
};

struct Folder {
    fs::path path = fs::temp_directory_path() / ("lit-resume-" + std::to_string(::getpid()));
    Folder() {
        fs::remove_all(path);
        fs::create_directories(path);
    }
    ~Folder() { fs::remove_all(path); }
};

struct Data : lit::DataModule<Data> {
    lit::TensorDataset set;
    Data() : set(make()) {}
    static lit::TensorDataset make() {
        torch::manual_seed(5);
        const at::Tensor x = torch::randn({14, 3});
        return {x, x.sum(1, true)};
    }
    auto train_dataloader() { return lit::DataLoader{set, {.batch_size = 2, .shuffle = true}}; }
    auto val_dataloader() { return lit::DataLoader{set, {.batch_size = 7}}; }
};

/// Counts what it gave out, and keeps the count.
template <class Tag>
struct CountingData : lit::DataModule<CountingData<Tag>> {
    Data data;
    std::int64_t given = 0;

    auto train_dataloader() { return ++given, data.train_dataloader(); }
    [[nodiscard]] lit::Dict state_dict() const { return given == 0 ? lit::Dict{} : lit::Dict{{"given", given}}; }
    void load_state_dict(const lit::Dict& state) { given = state.at("given").to_int(); }
};

auto weights_of(const Net& net) {
    std::vector<at::Tensor> all;
    for (const auto& item : net.named_parameters()) {
        all.push_back(item.value().detach().clone());
    }
    return all;
}

auto make_trainer(const Saver& saver, std::int64_t window) {
    return probe::trainer({.max_epochs = 3, .num_sanity_val_steps = 1}, saver,
                          lit::GradientAccumulation{window});
}

}  // namespace

TEST_SUITE("loops/checkpoint_connector") {
    TEST_CASE("a run resumed at an epoch's end equals the uninterrupted one, bit for bit") {
        struct Row {
            std::int64_t epoch, window;
            std::string why;
        };
        const Folder folder;
        for (const Row& row :
             {Row{0, 1, "the end of the first epoch"}, Row{1, 1, "the end of the second epoch"},
              Row{2, 1, "the end of the last epoch"}, Row{0, 3, "after a short window"}}) {
            CAPTURE(row.why);
            Data data;
            torch::manual_seed(11);
            Net whole;
            Saver saver{.path = folder.path / "run.ckpt", .epoch = row.epoch};
            auto first = make_trainer(saver, row.window);
            CHECK(first.fit(whole, data).finished());

            torch::manual_seed(99);
            Net resumed;
            auto second = make_trainer({}, row.window);
            const lit::FitResult result = second.fit(resumed, data, {.ckpt_path = saver.path.string()});
            CHECK(result.epochs == 3);
            CHECK(result.global_step == first.global_step());
            CHECK(resumed.loaded == 1);
            CHECK(second.get<Saver>().count == first.get<Saver>().count);
            const auto expected = weights_of(whole);
            const auto found = weights_of(resumed);
            for (std::size_t i = 0; i < expected.size(); ++i) {
                CAPTURE(i);
                CHECK(torch::equal(found[i], expected[i]));
            }
            REQUIRE(resumed.losses.size() <= whole.losses.size());
            const std::vector<float> tail(
                whole.losses.end() - static_cast<std::ptrdiff_t>(resumed.losses.size()), whole.losses.end());
            CHECK(resumed.losses == tail);
        }
    }

    TEST_CASE("a run that broke off after a save goes on as if it had not") {
        const Folder folder;
        Data data;
        torch::manual_seed(11);
        Net whole;
        auto first = make_trainer({}, 1);
        first.fit(whole, data);

        torch::manual_seed(11);
        Net broken;
        Saver saver{.path = folder.path / "run.ckpt", .epoch = 1, .break_off = true};
        auto second = make_trainer(saver, 1);
        CHECK_THROWS_AS(second.fit(broken, data), std::runtime_error);
        Net resumed;
        auto third = make_trainer({}, 1);
        third.fit(resumed, data, {.ckpt_path = saver.path.string()});
        CHECK(torch::equal(weights_of(resumed)[0], weights_of(whole)[0]));
    }

    TEST_CASE("a data module's state is saved under the name of its class and given back before training") {
        static_assert(lit::reflection::class_name<Data> == "Data");
        static_assert(lit::reflection::class_name<CountingData<std::vector<int>>> == "CountingData");
        const Folder folder;
        Saver saver{.path = folder.path / "run.ckpt", .epoch = 0};
        auto first = make_trainer(saver, 1);
        CountingData<std::vector<int>> data;
        Net net;
        first.fit(net, data);
        CHECK(data.given == 1);
        const lit::Value file = lit::load_checkpoint(saver.path);
        CHECK(file.dict().at("CountingData").dict().at("given").to_int() == 1);

        CountingData<std::vector<int>> anew;
        Net resumed;
        auto second = make_trainer({}, 1);
        second.fit(resumed, anew, {.ckpt_path = saver.path.string()});
        CHECK(anew.given == 2);

        // Nothing to say is no entry, and a file without the entry leaves the data module as it is.
        Data stateless;
        auto third = make_trainer(saver, 1);
        third.fit(net, stateless);
        CHECK(!lit::load_checkpoint(saver.path).dict().contains("Data"));
        CountingData<int> untouched;
        auto fourth = make_trainer({}, 1);
        fourth.fit(resumed, untouched, {.ckpt_path = saver.path.string()});
        CHECK(untouched.given == 1);
    }

    TEST_CASE("a checkpoint of another model lists keys and shapes, and nothing was trained") {
        const Folder folder;
        Data data;
        Net net;
        Saver saver{.path = folder.path / "run.ckpt", .epoch = 0};
        auto trainer = make_trainer(saver, 1);
        trainer.fit(net, data);
        Wider wider;
        auto other = probe::trainer({.max_epochs = 1});
        try {
            other.fit(wider, data, {.ckpt_path = saver.path.string()});
            FAIL("accepted");
        } catch (const lit::CheckpointError& error) {
            const std::string message = error.what();
            for (const char* part : {"other.weight", "out.weight", "in.weight", "[4, 3]", "[5, 3]"}) {
                CAPTURE(message);
                CAPTURE(part);
                CHECK(message.find(part) != std::string::npos);
            }
        }
        CHECK(other.global_step() == 0);
        CHECK_THROWS_AS(other.fit(wider, data, {.ckpt_path = (folder.path / "missing.ckpt").string()}),
                        lit::FileError);
        CHECK_THROWS_WITH_AS(other.fit(wider, data, {.ckpt_path = "best"}),
                             doctest::Contains("no checkpoint callback"), lit::ConfigError);
    }

    TEST_CASE("load_from_checkpoint builds the module from its hyperparameters, with overrides") {
        const Folder folder;
        Data data;
        Net net(Sizes{.hidden = 6, .lr = 0.01, .name = "wide"});
        Saver saver{.path = folder.path / "run.ckpt", .epoch = 2};
        auto trainer = make_trainer(saver, 1);
        trainer.fit(net, data);
        const Net loaded = lit::load_from_checkpoint<Net>(saver.path);
        CHECK(loaded.hparams.hidden == 6);
        CHECK(loaded.hparams.name == "wide");
        CHECK(loaded.loaded == 1);
        CHECK(torch::equal(weights_of(loaded)[0], weights_of(net)[0]));
        const Net changed = lit::load_from_checkpoint<Net>(saver.path, [](Sizes& sizes) { sizes.lr = 0.5; });
        CHECK(changed.hparams.lr == 0.5);
        CHECK(changed.hparams.hidden == 6);
        CHECK_THROWS_WITH_AS(static_cast<void>(lit::load_from_checkpoint<Net>(
                                 saver.path, [](Sizes& sizes) { sizes.hidden = 7; })),
                             doctest::Contains("in.weight"), lit::CheckpointError);
    }

    TEST_CASE("a file of weights alone can be loaded, but not trained on") {
        const Folder folder;
        Data data;
        Net net;
        auto trainer = probe::trainer({.max_epochs = 1}, WeightsWriter{folder.path / "weights.ckpt"});
        trainer.fit(net, data);
        Net other;
        auto again = probe::trainer({.max_epochs = 2});
        CHECK_THROWS_WITH_AS(again.fit(other, data, {.ckpt_path = (folder.path / "weights.ckpt").string()}),
                             doctest::Contains("holds only the weights"), lit::CheckpointError);
        Net validated;
        again.validate(validated, data,
                       {.ckpt_path = (folder.path / "weights.ckpt").string(), .verbose = false});
        CHECK(torch::equal(weights_of(validated)[0], weights_of(net)[0]));
    }
}
