// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/data/data_module.hpp>
#include <lit/data/loader.hpp>

#include <optional>
#include <type_traits>
#include <utility>

namespace lit::detail {

/// Marks loaders that were handed to the trainer, as against a data module.
struct Given {};

/// The loaders that were handed to `fit(module, train, val)`.
template <class Train, class Val>
struct GivenLoaders : Given {
    Train& train;
    Val& val;

    [[nodiscard]] Train& train_dataloader() { return train; }
    [[nodiscard]] Val& val_dataloader() { return val; }
};

/// The loader that was handed to `fit(module, train)`; for validation the module's own is asked for, if it has one.
template <class Train, class Module>
struct GivenTraining : Given {
    Train& train;
    Module& module;

    [[nodiscard]] Train& train_dataloader() { return train; }
    [[nodiscard]] decltype(auto) val_dataloader()
        requires HasValLoader<Module>
    {
        return module.val_dataloader();
    }
};

/// The loader that was handed to `validate`, `test` or `predict`.
template <class Loader>
struct GivenLoader : Given {
    Loader& loader;

    [[nodiscard]] Loader& val_dataloader() { return loader; }
    [[nodiscard]] Loader& test_dataloader() { return loader; }
    [[nodiscard]] Loader& predict_dataloader() { return loader; }
};

/// A loader that was asked for: kept if it was returned by value, pointed to if by reference.
template <class Returned>
class HeldLoader {
 public:
    void reset() { held_.reset(); }
    void set(Returned&& loader) { held_.emplace(std::move(loader)); }
    [[nodiscard]] bool has_value() const { return held_.has_value(); }
    [[nodiscard]] Returned& get() { return *held_; }

 private:
    std::optional<Returned> held_;
};
template <class Loader>
class HeldLoader<Loader&> {
 public:
    void reset() { held_ = nullptr; }
    void set(Loader& loader) { held_ = &loader; }
    [[nodiscard]] bool has_value() const { return held_ != nullptr; }
    [[nodiscard]] Loader& get() { return *held_; }

 private:
    Loader* held_ = nullptr;
};

/// Which of a source's loaders is meant, and how it is asked for.
struct TrainRequest {
    template <class S>
    static constexpr bool offered = HasTrainLoader<S>;
    static decltype(auto) ask(auto& source) { return source.train_dataloader(); }
};
struct ValRequest {
    template <class S>
    static constexpr bool offered = HasValLoader<S>;
    static decltype(auto) ask(auto& source) { return source.val_dataloader(); }
};
struct TestRequest {
    template <class S>
    static constexpr bool offered = HasTestLoader<S>;
    static decltype(auto) ask(auto& source) { return source.test_dataloader(); }
};
struct PredictRequest {
    template <class S>
    static constexpr bool offered = HasPredictLoader<S>;
    static decltype(auto) ask(auto& source) { return source.predict_dataloader(); }
};

/// What a request returns; NoLoader where the source does not offer it.
template <class Source, class Request>
struct Requested {
    using type = NoLoader;
};
template <class Source, class Request>
    requires(Request::template offered<Source>)
struct Requested<Source, Request> {
    using type = decltype(Request::ask(std::declval<Source&>()));
};
template <class Source, class Request>
using requested_t = typename Requested<Source, Request>::type;

}  // namespace lit::detail
