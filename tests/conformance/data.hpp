// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "module.hpp"
#include "recording.hpp"

#include <lit/core/batch.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/value.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/data_module.hpp>
#include <lit/data/tensor_dataset.hpp>

#include <torch/types.h>

#include <cmath>
#include <cstdint>
#include <exception>
#include <string>
#include <vector>

namespace conformance {

using Loader = lit::DataLoader<lit::TensorDataset>;

/// So many batches of a split, as SCENARIO.md says.
[[nodiscard]] inline Loader loader(const Json& data, const std::string& split, std::int64_t batches) {
    const int shift = split == "train" ? 0 : split == "val" ? 1 : split == "test" ? 2 : 3;
    const std::int64_t size = data.value("batch_size", std::int64_t{4});
    const std::int64_t samples = batches * size - (batches > 0 ? data.value("ragged", std::int64_t{0}) : 0);
    auto x = torch::empty({samples, features});
    auto y = torch::empty({samples}, torch::kLong);
    for (std::int64_t i = 0; i < samples; ++i) {
        for (std::int64_t j = 0; j < features; ++j) {
            const double value = std::sin(0.37 * static_cast<double>(i + 1) * static_cast<double>(j + 1) + shift);
            x.data_ptr<float>()[i * features + j] = static_cast<float>(value);
        }
        y.data_ptr<std::int64_t>()[i] = (3 * i + shift) % classes;
    }
    const bool shuffle = split == "train" && data.contains("shuffle") && !data["shuffle"].is_null();
    return Loader(lit::TensorDataset(x, y), {.batch_size = size, .shuffle = shuffle});
}
/// The loader of a split.
[[nodiscard]] inline Loader loader(const Json& data, const std::string& split) { return loader(data, split, data[split]); }
/// The validation loaders: none, one or several.
[[nodiscard]] inline std::vector<Loader> val_loaders(const Json& data) {
    std::vector<Loader> all;
    for (const Json& batches : data.value("val", Json::array())) {
        all.push_back(loader(data, "val", batches));
    }
    return all;
}

/// Where Lightning asks for the training loader after its first epoch it makes an iterator that nobody uses, which takes
/// a number from the global generator. lit makes none, so that whoever wants Lightning's order takes that number.
inline void draw_as_an_unused_iterator(const Json& data, std::int64_t epoch) {
    if (epoch > 0 && data.contains("shuffle") && !data["shuffle"].is_null()) {
        torch::empty({}, torch::kLong).random_();
    }
}

/// A module that brings its own loaders.
template <bool Automatic>
struct NetWithLoaders : NetBase<NetWithLoaders<Automatic>, Automatic> {
    using NetBase<NetWithLoaders, Automatic>::NetBase;

    Loader train_dataloader() {
        this->enter("train_dataloader");
        draw_as_an_unused_iterator(data(), this->current_epoch());
        return loader(data(), "train");
    }
    std::vector<Loader> val_dataloader() {
        if (!val_loaders(data()).empty()) {
            this->enter("val_dataloader");
        }
        return val_loaders(data());
    }
    Loader test_dataloader() { return this->enter("test_dataloader"), loader(data(), "test"); }
    Loader predict_dataloader() { return this->enter("predict_dataloader"), loader(data(), "predict"); }

 private:
    [[nodiscard]] const Json& data() const { return this->r.scenario["data"]; }
};

/// A data module that writes down its hooks; it knows the module of the run only to tell epoch and step.
template <class Self, class Module>
struct DataBase : lit::DataModule<Self> {
    DataBase(Recording& recording, Module& net) : r(recording), net_(&net) {}

    void prepare_data() { note("prepare_data"); }
    void setup(lit::Stage stage) { note_stage("setup", stage); }
    void teardown(lit::Stage stage) { note_stage("teardown", stage); }
    void on_exception(const std::exception&) { note("on_exception"); }
    Loader train_dataloader() {
        note("train_dataloader");
        draw_as_an_unused_iterator(data(), place().epoch);
        return loader(data(), "train");
    }
    std::vector<Loader> val_dataloader() {
        if (!val_loaders(data()).empty()) {
            note("val_dataloader");
        }
        return val_loaders(data());
    }
    Loader test_dataloader() { return note("test_dataloader"), loader(data(), "test"); }
    Loader predict_dataloader() { return note("predict_dataloader"), loader(data(), "predict"); }

    lit::Dict state_dict() { return stateful() ? (note("state_dict"), lit::Dict{{"kept", 1}}) : lit::Dict(); }
    void load_state_dict(const lit::Dict&) { note("load_state_dict"); }

    /// The module of the run, when a new one takes over.
    void serve(Module& net) { net_ = &net; }

 protected:
    void note(const std::string& hook) {
        r.event("datamodule", hook, place());
        faults(hook);
    }

 private:
    [[nodiscard]] const Json& data() const { return r.scenario["data"]; }
    [[nodiscard]] bool stateful() const { return data().value("state", false); }
    [[nodiscard]] Place place() const { return {net_->current_epoch(), net_->global_step(), net_->sanity_checking()}; }
    void faults(const std::string& hook) {
        r.faults("datamodule", hook, std::nullopt, place(), [this] { net_->request_stop("fault"); });
    }
    void note_stage(const std::string& hook, lit::Stage stage) {
        r.event("datamodule", hook, place(), std::string(lit::to_string(stage)));
        faults(hook);
    }

    Recording& r;
    Module* net_;
};
template <class Module>
struct Data : DataBase<Data<Module>, Module> {
    using DataBase<Data, Module>::DataBase;
};
/// One that also brings batches to the device, which then is no matter of the module's.
template <class Module>
struct TransferringData : DataBase<TransferringData<Module>, Module> {
    using DataBase<TransferringData, Module>::DataBase;

    lit::Example on_before_batch_transfer(const lit::Example& batch) {
        return this->note("on_before_batch_transfer"), batch;
    }
    lit::Example transfer_batch_to_device(const lit::Example& batch, const torch::Device& device) {
        this->note("transfer_batch_to_device");
        return {batch.data.to(device), batch.target.to(device)};
    }
    lit::Example on_after_batch_transfer(const lit::Example& batch) {
        return this->note("on_after_batch_transfer"), batch;
    }
};

}  // namespace conformance
