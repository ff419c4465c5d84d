// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/data/loader.hpp>
#include <lit/loops/dispatch.hpp>

#include <cstdint>
#include <optional>
#include <type_traits>

namespace lit::detail {

template <class Components>
inline constexpr bool sizes_batches = false;
template <class... C>
inline constexpr bool sizes_batches<ComponentTuple<C...>> = (SizesBatches<component_t<C>> || ...);

/// Gives the training loader the batch size that a component (DynamicBatchSize) chose, and its own back at the end.
template <class Run, bool = sizes_batches<typename Run::components_type>>
class BatchSizing {
 public:
    template <class Loader>
    static constexpr bool apply(Run& /*run*/, Loader& /*loader*/, bool /*new_epoch*/) {
        return false;
    }
    template <class Loader>
    static constexpr void give_back(Loader& /*loader*/) {}
};

template <class Run>
class BatchSizing<Run, true> {
 public:
    /// Whether the loader's batches were given another size. An epoch keeps the size that it began with, also where a
    /// checkpoint goes on in it.
    template <class Loader>
    bool apply(Run& run, Loader& held, bool new_epoch) {
        auto& loader = deref(held);
        static_assert(
            requires { loader.set_batch_size(loader.batch_size()); },
            "lit: a component sets the batch size (DynamicBatchSize), which the training loader cannot: expected a "
            "lit::DataLoader, or a loader with batch_size() and set_batch_size(n).");
        std::optional<std::int64_t> size;
        for_each_component(run.components(), [&](auto& component) {
            if constexpr (SizesBatches<std::remove_reference_t<decltype(component)>>) {
                if (new_epoch) {
                    component.choose_batch_size(run.current_epoch(), run.global_step());
                }
                size = component.batch_size();
            }
        });
        if (!size || *size == loader.batch_size()) {
            return false;
        }
        own_ = own_.value_or(loader.batch_size());
        loader.set_batch_size(*size);
        return true;
    }
    template <class Loader>
    void give_back(Loader& held) {
        if (own_) {
            deref(held).set_batch_size(*own_);
            own_.reset();
        }
    }

 private:
    std::optional<std::int64_t> own_;  ///< the loader's own batch size
};

}  // namespace lit::detail
