// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/error.hpp>
#include <lit/core/hooks.hpp>

#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {

/// When predictions are written.
enum class WriteInterval : std::uint8_t { batch, epoch, batch_and_epoch };

namespace detail {

/// The two members of a prediction writer, found and called as hooks are.
struct WriteOnBatchEnd {
    struct Name {
        int write_on_batch_end;
    };
    template <class T>
    struct Probe : T, Name {};
    template <class T>
    static constexpr bool names = !requires {
        &Probe<T>::write_on_batch_end;
    };
    template <class T, class... Args>
    static constexpr bool accepts = requires(T& target, Args&&... args) {
        target.write_on_batch_end(static_cast<Args&&>(args)...);
    };
    static void call(auto& target, auto&&... args) {
        target.write_on_batch_end(static_cast<decltype(args)&&>(args)...);
    }
};
struct WriteOnEpochEnd {
    struct Name {
        int write_on_epoch_end;
    };
    template <class T>
    struct Probe : T, Name {};
    template <class T>
    static constexpr bool names = !requires {
        &Probe<T>::write_on_epoch_end;
    };
    template <class T, class... Args>
    static constexpr bool accepts = requires(T& target, Args&&... args) {
        target.write_on_epoch_end(static_cast<Args&&>(args)...);
    };
    static void call(auto& target, auto&&... args) {
        target.write_on_epoch_end(static_cast<decltype(args)&&>(args)...);
    }
};

}  // namespace detail

/// The frame of a component that stores predictions: `struct Mine : lit::BasePredictionWriter<Mine>`, with one of
///
/// write_on_batch_end(trainer, module, prediction, batch_indices, batch, batch_idx, dataloader_idx)  after each batch
/// write_on_epoch_end(trainer, module, predictions, batch_indices)   with all of them, per loader and per batch
///
/// or both; trailing arguments may be left out. `batch_indices` are the samples' places in the dataset, of this rank's
/// share: `std::vector<std::int64_t>` of a batch, and of an epoch the same per loader and per batch. They are empty for a
/// loader that is not lit's. Nothing is gathered from other ranks.
/// Errors  ConfigError on construction when the interval asks for a member that is not there; one that cannot be called
///         does not compile.
/// Source  Lightning `BasePredictionWriter`.
template <class Derived>
class BasePredictionWriter {
 public:
    static constexpr bool writes_predictions = true;

    BasePredictionWriter(
        WriteInterval write_interval = WriteInterval::batch)  // NOLINT: so that a writer can be an aggregate
        : interval_(write_interval) {
        static_assert(!std::is_final_v<Derived>,
                      "lit: a prediction writer cannot be final, since lit looks for its members "
                      "by deriving from it.");
        require<detail::WriteOnBatchEnd>(writes_batches(), "write_on_batch_end");
        require<detail::WriteOnEpochEnd>(writes_epochs(), "write_on_epoch_end");
    }

    /// Asked at the trainer's door: one that stands deeper in would be behind many lines of g++'s.
    template <class Run, class Prediction, class Batch>
    static consteval void check_predict() {
        if constexpr (detail::WriteOnBatchEnd::names<Derived>) {
            static_assert(
                OnBatch<Run, typename Run::module_type, Prediction, Batch>::form.found,
                "lit: this prediction writer has a member write_on_batch_end that cannot be called as "
                "write_on_batch_end(trainer, module, prediction, batch_indices, batch, batch_idx, "
                "dataloader_idx). Write these arguments (trailing ones may be left out), and make the member "
                "public.");
        }
        if constexpr (detail::WriteOnEpochEnd::names<Derived>) {
            static_assert(
                OnEpoch<Run, typename Run::module_type>::form.found,
                "lit: this prediction writer has a member write_on_epoch_end that cannot be called as "
                "write_on_epoch_end(trainer, module, predictions, batch_indices). Write these arguments "
                "(trailing ones may be left out), and make the member public.");
        }
    }

    template <class Run, class Module, class Prediction, class Batch>
    void on_predict_batch_end(Run& trainer, Module& module, const Prediction& prediction, const Batch& batch,
                              std::int64_t batch_idx, std::int64_t dataloader_idx) {
        if constexpr (detail::WriteOnBatchEnd::names<Derived>) {
            if (writes_batches()) {
                OnBatch<Run, Module, Prediction, Batch>::make(derived(), trainer, module, prediction,
                                                              trainer.current_batch_indices(), batch,
                                                              batch_idx, dataloader_idx);
            }
        }
    }
    template <class Run, class Module>
    void on_predict_epoch_end(Run& trainer, Module& module) {
        if constexpr (detail::WriteOnEpochEnd::names<Derived>) {
            if (writes_epochs()) {
                OnEpoch<Run, Module>::make(derived(), trainer, module, trainer.predictions(),
                                           trainer.epoch_batch_indices());
            }
        }
    }

    [[nodiscard]] WriteInterval interval() const { return interval_; }

 private:
    [[nodiscard]] bool writes_batches() const { return interval_ != WriteInterval::epoch; }
    [[nodiscard]] bool writes_epochs() const { return interval_ != WriteInterval::batch; }

    [[nodiscard]] Derived& derived() { return static_cast<Derived&>(*this); }

    template <class Member, class... Args>
    struct Call {
        static constexpr auto form =
            detail::callback_form<Member, Derived, std::tuple<Args...>, sizeof...(Args)>();
        static void make(Derived& target, Args... args) {
            if constexpr (form.found) {
                std::tuple<Args...> all(static_cast<Args>(args)...);
                detail::call_leading<Member>(target, all, std::make_index_sequence<form.count>{});
            }
        }
    };
    template <class Run, class Module, class Prediction, class Batch>
    using OnBatch = Call<detail::WriteOnBatchEnd, Run&, Module&, const Prediction&, const std::vector<std::int64_t>&,
                         const Batch&, std::int64_t&, std::int64_t&>;
    template <class Run, class Module>
    using OnEpoch =
        Call<detail::WriteOnEpochEnd, Run&, Module&, decltype(std::declval<Run&>().predictions()),
             decltype(std::declval<Run&>().epoch_batch_indices())>;

    template <class Member>
    void require(bool needed, const char* name) const {
        if (needed && !Member::template names<Derived>) {
            throw ConfigError(
                "BasePredictionWriter: the write_interval asks for " + std::string(name) +
                ", which the writer does not have. Write that member, or choose another WriteInterval.");
        }
    }

    WriteInterval interval_;
};

}  // namespace lit
