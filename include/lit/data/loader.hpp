// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/batch.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {

/// What can be walked once with `begin`, `end`, `++`, `*` and `!=`; weaker than std::ranges::range, so that
/// LibTorch's loaders qualify.
template <class T>
concept Iterable = requires(std::remove_reference_t<T>& range) {
    { std::begin(range) != std::end(range) } -> std::convertible_to<bool>;
    *std::begin(range);
    ++std::declval<decltype(std::begin(range))&>();
};

namespace detail {

template <class T>
concept PointsToLoader = !Iterable<T> && requires(std::remove_reference_t<T>& pointer) {
    { *pointer } -> Iterable;
    static_cast<bool>(pointer);
};
template <class T>
inline constexpr bool is_reference_wrapper = false;
template <class T>
inline constexpr bool is_reference_wrapper<std::reference_wrapper<T>> = true;

}  // namespace detail

/// The loader itself: `*loader` of a pointer (raw, unique, shared, optional), `.get()` of a reference
/// wrapper, else the argument.
template <class T>
[[nodiscard]] constexpr auto& deref(T& loader) {
    if constexpr (detail::is_reference_wrapper<std::remove_cv_t<T>>) {
        return loader.get();
    } else if constexpr (detail::PointsToLoader<T>) {
        return *loader;
    } else {
        return loader;
    }
}

namespace detail {

template <class T>
using deref_t = std::remove_reference_t<decltype(deref(std::declval<std::remove_reference_t<T>&>()))>;
template <class T>
using iterated_t = std::remove_cvref_t<decltype(*std::begin(std::declval<T&>()))>;

template <class T>
concept NamesItsBatch = requires { typename T::batch_type; } || requires { typename T::BatchType; };

/// As an element of a range: is it a loader (then the range is several), or is it a batch that happens to be
/// iterable? A map, an array and a string are batches; a class that names its batch type, or another
/// container, is a loader.
template <class T>
consteval bool is_loader_element() {
    using Loader = std::remove_cv_t<deref_t<T>>;
    if constexpr (!Iterable<Loader>) {
        return false;
    } else if constexpr (NamesItsBatch<Loader>) {
        return true;
    } else if constexpr (TupleLike<Loader> || requires { typename Loader::mapped_type; }) {
        return false;
    } else {
        return !std::is_arithmetic_v<iterated_t<Loader>> && !std::is_same_v<iterated_t<Loader>, Loader>;
    }
}

template <class T>
consteval bool is_loader_range() {
    using Range = std::remove_cv_t<deref_t<T>>;
    if constexpr (!Iterable<Range>) {
        return false;
    } else if constexpr (NamesItsBatch<Range>) {
        return false;
    } else {
        return is_loader_element<iterated_t<Range>>();
    }
}

template <class T>
consteval bool is_loader_tuple() {
    using Tuple = std::remove_cvref_t<T>;
    if constexpr (Iterable<Tuple>) {
        return false;
    } else if constexpr (TupleLike<Tuple>) {
        return []<std::size_t... I>(std::index_sequence<I...>) {
            return (... && (is_loader_element<std::tuple_element_t<I, Tuple>>() ||
                            is_loader_range<std::tuple_element_t<I, Tuple>>()));
        }(std::make_index_sequence<std::tuple_size_v<Tuple>>{});
    } else {
        return false;
    }
}

}  // namespace detail

/// Several loaders: a range whose elements are loaders (`std::vector<DataLoader<...>>`, `std::array`, a
/// vector of unique pointers to loaders), or a tuple of loaders of different types.
///
/// The one ambiguous case is a container of containers, `std::vector<std::vector<Batch>>`: it is several
/// loaders, as a list of lists is in Lightning. Batches that are themselves vectors come from a loader that
/// names its `batch_type`.
template <class T>
concept LoaderRange = !std::is_void_v<T> && (detail::is_loader_range<T>() || detail::is_loader_tuple<T>());

/// One loader: something that can be iterated and yields batches, once per epoch.
///
/// begin(), end()   every `begin()` starts an epoch anew. Iterators may be move-only.
/// size()           optional: the number of batches (SizedLoader). Without it the loader ends when it ends.
/// set_epoch(n)     optional: called before epoch n starts, so that the order can depend on it (SetsEpoch).
/// shard(...)       optional: keeps only this rank's part (Shardable); begin_share(...) until end_share(), pair inside
///                  of pair (SharesForARun).
/// prefetch_epoch(n), drop_prefetched()  optional: the first is called after the last batch of an epoch that epoch n is to
///                  follow, before the validation; the second at the end of every fit (PrefetchesEpoch).
/// begin_on(device) optional: called on devices other than the CPU in begin()'s place; the batches may come on that device
///                  (BeginsOnDevice).
/// seek(k)          optional: the next epoch starts at its batch k, at no cost for those before (Seekable).
/// state_dict(), load_state_dict(d)  optional: what the epoch under way depends on (StatefulLoader).
/// Models           DataLoader, any container of batches, a `torch::data` loader, a pointer to one of these,
///                  NoLoader.
template <class T>
concept LoaderPolicy = Iterable<detail::deref_t<T>> && !LoaderRange<T>;

/// One loader or several.
template <class T>
concept LoaderSource = LoaderPolicy<T> || LoaderRange<T>;

/// The type of batch that a loader yields.
template <LoaderPolicy T>
using loader_batch_t = detail::iterated_t<detail::deref_t<T>>;

template <class T>
concept SizedLoader = LoaderPolicy<T> && requires(detail::deref_t<T>& loader) {
    { std::size(loader) } -> std::convertible_to<std::int64_t>;
};
template <class T>
concept SetsEpoch = requires(detail::deref_t<T>& loader, std::int64_t epoch) { loader.set_epoch(epoch); };

/// A loader that can begin an epoch before it is asked for.
template <class T>
concept PrefetchesEpoch = requires(detail::deref_t<T>& loader, std::int64_t epoch) {
    loader.prefetch_epoch(epoch);
    loader.drop_prefetched();
};

/// A loader that can bring its batches to a device by itself.
template <class T>
concept BeginsOnDevice = requires(detail::deref_t<T>& loader, at::Device device) {
    { loader.begin_on(device) } -> std::same_as<decltype(std::begin(loader))>;
};

/// A loader that can start its next epoch (only that one) at a batch, without gathering those before.
template <class T>
concept Seekable = requires(detail::deref_t<T>& loader, std::int64_t batch) { loader.seek(batch); };

/// A loader that tells what the epoch under way depends on, and takes it up in another process: the next `begin()` walks
/// that epoch again. A loader with `seek` is told the batch by the loop; one without starts where its state was taken.
template <class T>
concept StatefulLoader = requires(detail::deref_t<T>& loader, const Dict& state) {
    { loader.state_dict() } -> std::convertible_to<Dict>;
    loader.load_state_dict(state);
};

/// How one rank's share of a loader is taken.
struct ShardOptions {
    std::int64_t rank = 0;
    std::int64_t world_size = 1;
    std::optional<bool> shuffle{};  ///< empty: as the loader shuffles itself
    std::int64_t seed = 0;          ///< the same on all ranks; the order of epoch e comes from seed + e
    bool pad = true;  ///< repeat samples until all ranks have equally many; false for predictions
};
template <class T>
concept Shardable =
    requires(detail::deref_t<T>& loader, const ShardOptions& options) { loader.shard(options); };

/// A loader that yields a share for a time, and afterwards what it did before.
template <class T>
concept SharesForARun = Shardable<T> && requires(detail::deref_t<T>& loader, const ShardOptions& options) {
    loader.begin_share(options);
    loader.end_share();
};

/// A loader that knows whether its order is shuffled and can be told to keep the dataset's order.
template <class T>
concept Sequencable = requires(detail::deref_t<T>& loader) {
    { loader.is_shuffled() } -> std::convertible_to<bool>;
    loader.set_sequential();
};

/// A loader that may leave out a last batch that is not full, and can be told not to.
template <class T>
concept DropsLast = requires(detail::deref_t<T>& loader) {
    { loader.drop_last() } -> std::convertible_to<bool>;
    loader.set_drop_last(false);
};

/// The number of batches of an epoch; empty when the loader does not know.
template <LoaderPolicy T>
[[nodiscard]] std::optional<std::int64_t> loader_size(T& loader) {
    if constexpr (SizedLoader<T>) {
        return static_cast<std::int64_t>(std::size(deref(loader)));
    } else {
        return std::nullopt;
    }
}

/// Tells a loader which epoch comes next, if it wants to know.
template <LoaderPolicy T>
void set_epoch_if(T& loader, std::int64_t epoch) {
    if constexpr (SetsEpoch<T>) {
        deref(loader).set_epoch(epoch);
    }
}

/// Once more where it is another one by now: whoever walked through the loader meanwhile has begun an epoch.
template <LoaderPolicy T>
void keep_epoch_if(T& loader, std::int64_t epoch) {
    if constexpr (SetsEpoch<T> && requires { { deref(loader).epoch() } -> std::convertible_to<std::int64_t>; }) {
        if (deref(loader).epoch() != epoch) {
            deref(loader).set_epoch(epoch);
        }
    }
}

/// Has a loader begin an epoch ahead, or drop what it began, if it can.
template <LoaderPolicy T>
void prefetch_epoch_if(T& loader, std::int64_t epoch) {
    if constexpr (PrefetchesEpoch<T>) {
        deref(loader).prefetch_epoch(epoch);
    }
}
template <LoaderPolicy T>
void drop_prefetched_if(T& loader) {
    if constexpr (PrefetchesEpoch<T>) {
        deref(loader).drop_prefetched();
    }
}

/// Calls `function(loader, index)` for the one loader, or for each of several in order.
template <LoaderSource T, class Function>
void for_each_loader(T& source, Function&& function) {
    std::int64_t index = 0;
    if constexpr (LoaderPolicy<T>) {
        function(deref(source), index);
    } else if constexpr (detail::is_loader_tuple<T>()) {
        std::apply(
            [&](auto&... parts) {
                (for_each_loader(parts, [&](auto& loader, std::int64_t) { function(loader, index++); }), ...);
            },
            source);
    } else {
        for (auto&& element : deref(source)) {
            function(deref(element), index++);
        }
    }
}

/// How many loaders there are: 1 for a loader, the length of a range of loaders (an empty one is no loader).
template <LoaderSource T>
[[nodiscard]] std::int64_t loader_count(T& source) {
    std::int64_t count = 0;
    for_each_loader(source, [&count](auto& /*loader*/, std::int64_t /*index*/) { ++count; });
    return count;
}

/// The absent loader: no batches.
struct NoLoader {
    struct batch_type {};
    [[nodiscard]] static constexpr const batch_type* begin() { return nullptr; }
    [[nodiscard]] static constexpr const batch_type* end() { return nullptr; }
    [[nodiscard]] static constexpr std::int64_t size() { return 0; }
};
static_assert(SizedLoader<NoLoader> && std::is_empty_v<NoLoader>);
static_assert(LoaderPolicy<std::vector<Example>> && !LoaderPolicy<at::Tensor>);
static_assert(LoaderRange<std::vector<std::vector<Example>>>);

}  // namespace lit
