// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/rng_state.hpp>
#include <lit/core/value.hpp>
#include <lit/data/data_loader_options.hpp>
#include <lit/data/dataset.hpp>
#include <lit/data/distributed_sampler.hpp>
#include <lit/data/draws_under_way.hpp>
#include <lit/data/epoch_ahead.hpp>
#include <lit/data/loader.hpp>
#include <lit/data/loader_epoch.hpp>
#include <lit/data/loader_share.hpp>
#include <lit/data/random_sampler.hpp>
#include <lit/data/sampler.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {

/// No sampler of one's own: `shuffle` decides.
struct DefaultSampler {};

namespace detail {

// Stand for what was given to a DataLoader and is no dataset, or are no options, so that the class can say so.
template <class Given>
struct NotADataset : NoDataset {};
template <class Dataset, class Given>
struct NotOptions : NoDataset {};

template <class Given>
concept GivesSingleSamples = requires(Given& given) { given.get(0); } && !GathersBatches<Given>;

template <class Dataset>
struct DatasetCheck {
    static constexpr bool done = true;
};
template <class Given>
struct DatasetCheck<NotADataset<Given>> {
    static_assert(!GivesSingleSamples<Given>,
                  "lit: DataLoader: this dataset gives one sample at a time, get(index). Write get_batch(lit::Indices) const, "
                  "which gathers a whole batch; a dataset of LibTorch's goes into torch::data::make_data_loader.");
    static_assert(GivesSingleSamples<Given> || GathersBatches<Given>,
                  "lit: DataLoader: this dataset has no get_batch(lit::Indices) const that returns a batch. Several threads "
                  "call it at once, hence const.");
    static_assert(GivesSingleSamples<Given> || !GathersBatches<Given> || KnowsItsSize<Given>,
                  "lit: DataLoader: this dataset has no size() const that tells how many samples it has. What has no size "
                  "needs no DataLoader: any class with begin() and end() that yields batches is a loader.");
    static constexpr bool done = true;
};
template <class Dataset, class Given>
struct DatasetCheck<NotOptions<Dataset, Given>> {
    static_assert(std::same_as<Given, DataLoaderOptions>,
                  "lit: DataLoader: its settings have names. Write lit::DataLoader{dataset, {.batch_size = 32, .shuffle = "
                  "true}}; a sampler stands between the dataset and the settings.");
    static constexpr bool done = true;
};

}  // namespace detail

/// Goes through a dataset in batches; each `begin()` is one epoch.
///
/// Order   the same for every number of workers. Shuffled with a seed: that of `RandomSampler`, a function of
///         seed and epoch number alone. Without a seed an epoch draws from the global CPU generator exactly
///         what Python's DataLoader draws, so that after the same `manual_seed` the order is Python's.
/// Epochs  counted by `begin()`, or told by `set_epoch(n)`; `seek(k)` starts the next epoch at its batch k, and
///         `load_state_dict` gives it the order of an epoch of another process.
/// Threads live as long as an iterator, or with `persistent_workers` as long as the loader: leaving a loop early, by
///         `break` or by an exception, ends their work, and the loader can be walked again. They gather without autograd
///         and with one intra-op thread each. One iterator at a time draws the epochs; the loader must stay where
///         it is while one lives.
/// Ahead   `prefetch_epoch(n)` lets persistent workers gather the first batches of an epoch before its `begin()`, with the
///         same result; the trainer calls it before an epoch's last validation. The order has to come from `seed`: one
///         that is drawn from the global generator is drawn when the epoch begins, as in Python, and a sampler of one's
///         own may do so. Nothing is begun while this epoch goes on: where `limit_train_batches` cuts it short, for
///         one. With persistent workers the dataset must not be changed between epochs: threads read it, where Python's
///         workers have copies.
/// Device  with `prefetch_to_device` the trainer, or `begin_on(device)`, has the workers copy each batch to its device, beside
///         what the device computes. `num_workers * prefetch_factor` batches lie there ahead, and as many used ones more as the
///         host is steps ahead of the device. With `pin_memory` nobody waits for these copies. Where the module or the data
///         module has a hook before the transfer or for it, the batches come to it on the CPU, and it copies them.
/// Errors  ConfigError for a batch size below 1, negative workers, a prefetch factor below 1, persistent workers or
///         `prefetch_to_device` where there are none, the latter with batches that are sparse, move themselves or cannot be
///         looked into, or a sampler together with `shuffle`. What the dataset throws is thrown at its place in the order, with its own type.
/// Cost    an allocation per epoch and what the dataset allocates; the batch is the iterator's, and may be
///         moved from.
/// Source  torch.utils.data.DataLoader, same defaults; there is no `collate_fn`, since datasets gather whole
///         batches.
template <DatasetPolicy Dataset, class Sampler = DefaultSampler>
    requires SamplerPolicy<Sampler> || std::same_as<Sampler, DefaultSampler>
class DataLoader {
    static_assert(detail::DatasetCheck<Dataset>::done);

 public:
    using batch_type = dataset_batch_t<Dataset>;

    /// Walks one epoch; can be moved but not copied.
    class iterator {
     public:
        using value_type = batch_type;
        using difference_type = std::ptrdiff_t;
        using iterator_concept = std::input_iterator_tag;

        batch_type& operator*() const { return epoch_->current(); }
        batch_type* operator->() const { return &epoch_->current(); }
        iterator& operator++() {
            epoch_->advance();
            return *this;
        }
        void operator++(int) { ++*this; }
        /// Which samples of the dataset the batch is made of, in its order.
        [[nodiscard]] std::vector<std::int64_t> batch_indices() const { return epoch_->current_indices(); }
        [[nodiscard]] friend bool operator==(const iterator& it, std::default_sentinel_t /*end*/) {
            return it.epoch_->done();
        }

     private:
        friend DataLoader;
        iterator(std::unique_ptr<detail::LoaderEpoch<Dataset>> epoch, std::shared_ptr<const at::Tensor> drawn_from)
            : epoch_(std::move(epoch)), drawn_from_(std::move(drawn_from)) {}

        std::unique_ptr<detail::LoaderEpoch<Dataset>> epoch_;
        std::shared_ptr<const at::Tensor> drawn_from_;
    };

    DataLoader(const DataLoader&) = default;
    DataLoader(DataLoader&&) = default;
    DataLoader& operator=(const DataLoader&) = default;
    DataLoader& operator=(DataLoader&&) = default;
    ~DataLoader() { drop_prefetched(); }

    explicit DataLoader(Dataset dataset, DataLoaderOptions options = {})
        requires std::same_as<Sampler, DefaultSampler>
        : dataset_(std::move(dataset)), options_(options) {
        check();
    }
    DataLoader(Dataset dataset, Sampler sampler, DataLoaderOptions options)
        requires SamplerPolicy<Sampler>
        : dataset_(std::move(dataset)), sampler_(std::move(sampler)), options_(options) {
        check();
    }

    /// Starts an epoch: the number told by `set_epoch`, or the one after the last.
    [[nodiscard]] iterator begin() { return begin_with(at::kCPU); }
    /// As `begin()`; with `prefetch_to_device` the workers copy what they gather to `device`, and the batch is there for the
    /// stream that is current where the iterator moves. Epochs that are begun ahead after this call have it too.
    [[nodiscard]] iterator begin_on(at::Device device) {
        if (device.is_cpu() || !options_.prefetch_to_device) {
            return begin();
        }
        // The caller's current device, which is not the workers'.
        return begin_with(device.has_index() ? device : c10::impl::VirtualGuardImpl(device.type()).getDevice());
    }
    [[nodiscard]] std::default_sentinel_t end() const { return {}; }

    /// Batches in an epoch (of this rank, after `shard`).
    [[nodiscard]] std::int64_t size() const {
        const std::int64_t count = samples();
        return options_.drop_last ? count / options_.batch_size
                                  : count / options_.batch_size + (count % options_.batch_size != 0 ? 1 : 0);
    }
    /// Samples in an epoch (of this rank, after `shard`), the ones that `drop_last` leaves out among them.
    [[nodiscard]] std::int64_t samples() const { return share_ ? distributed().size() : all_samples(); }
    [[nodiscard]] std::int64_t batch_size() const { return options_.batch_size; }
    [[nodiscard]] const DataLoaderOptions& options() const { return options_; }
    [[nodiscard]] const Dataset& dataset() const { return dataset_; }

    /// The number of the epoch that the next `begin()` starts.
    [[nodiscard]] std::int64_t epoch() const { return epoch_; }
    void set_epoch(std::int64_t epoch) { epoch_ = epoch; }
    /// Has the first batches of an epoch gathered now, for the next `begin()` if that is the epoch which it starts, from its
    /// first batch on and with the loader as it is now. Answers whether that has begun: workers have to be persistent and
    /// free, and the order has to come from a seed. What cannot be begun now says why at `begin()`.
    bool prefetch_epoch(std::int64_t epoch) {
        drop_prefetched();
        try {
            if (!options_.persistent_workers || !is_seeded() || !ahead_.workers(options_.num_workers)->are_free()) {
                return false;
            }
            ahead_.keep(epoch, started_epoch(epoch, 0));
            return true;
        } catch (const std::exception&) {
            return false;
        }
    }
    /// Frees what `prefetch_epoch` had gathered.
    void drop_prefetched() { ahead_.drop(); }

    /// The next epoch (only that one) starts at its batch `batch`; what lies before is not gathered.
    void seek(std::int64_t batch) {
        if (batch < 0 || batch > size()) {
            throw ConfigError("DataLoader: seek(" + std::to_string(batch) + ") in an epoch of " +
                              std::to_string(size()) + " batches; expected 0 to " + std::to_string(size()) +
                              ".");
        }
        first_batch_ = batch;
    }
    /// What the order of the epoch under way was drawn from; with a seed there is nothing to remember. Of several under way
    /// that is the first one: a validation that walks through the loader of the training begins another one inside of it.
    [[nodiscard]] Dict state_dict() const {
        const at::Tensor from = draw_from_.defined() ? draw_from_ : draws_.first();
        return from.defined() ? Dict{{"rng_state", from}} : Dict();
    }
    /// The next epoch (only that one) has the order of the one in which the state was taken, and draws nothing from the
    /// global generator.
    void load_state_dict(const Dict& state) {
        const Value* drawn_from = state.find("rng_state");
        draw_from_ = drawn_from != nullptr ? drawn_from->tensor() : at::Tensor();
    }
    void set_batch_size(std::int64_t batch_size) {
        if (batch_size == options_.batch_size) {
            return;
        }
        drop_prefetched();
        DataLoaderOptions changed = options_;
        changed.batch_size = batch_size;
        std::swap(options_, changed);
        try {
            check();
        } catch (...) {
            options_ = changed;
            throw;
        }
    }

    [[nodiscard]] bool drop_last() const { return options_.drop_last; }
    void set_drop_last(bool drop_last) {
        drop_prefetched();
        options_.drop_last = drop_last;
    }

    /// From now on this rank's share only. An own sampler's order is what is shared out.
    void shard(const ShardOptions& options) {
        share_.set(options);
        drop_prefetched();
    }
    /// In place of what `shard` was told, until `end_share`: a run's share. The last one begun is the first to end.
    void begin_share(const ShardOptions& options) {
        share_.begin_run(options);
        drop_prefetched();
    }
    void end_share() {
        share_.end_run();
        drop_prefetched();
    }
    /// False only when the order is the dataset's.
    [[nodiscard]] bool is_shuffled() const {
        return !sequential_ && share_.shuffles(options_.shuffle || !std::same_as<Sampler, DefaultSampler>);
    }
    /// From now on the dataset's order, whatever was asked for before; `false`: the order that was asked for.
    void set_sequential(bool sequential = true) {
        drop_prefetched();
        sequential_ = sequential;
    }

 private:
    [[nodiscard]] iterator begin_with(at::Device device) {
        const std::int64_t first_batch = std::exchange(first_batch_, 0);
        device_ = device;
        auto epoch = ahead_.take(epoch_, first_batch);
        if (!epoch || epoch->device() != device) {
            epoch = started_epoch(epoch_, first_batch);
        }
        ++epoch_;
        epoch->advance();
        return {std::move(epoch), draws_.begin()};
    }

    void check() const {
        options_.check(!std::same_as<Sampler, DefaultSampler>, detail::way_to_device<batch_type>());
    }

    /// Whether the order and the batches' generators are functions of the epoch's number alone.
    [[nodiscard]] bool is_seeded() const { return options_.seed && std::same_as<Sampler, DefaultSampler>; }

    [[nodiscard]] std::unique_ptr<detail::LoaderEpoch<Dataset>> started_epoch(std::int64_t number, std::int64_t first_batch) {
        auto [order, seed] = drawn_order(number);
        auto epoch = std::make_unique<detail::LoaderEpoch<Dataset>>(
            dataset_, std::move(order), samples(),
            detail::EpochOptions{.batch_size = options_.batch_size,
                                 .first = first_batch,
                                 .batches = size(),
                                 .workers = options_.num_workers,
                                 .prefetch = options_.num_workers * options_.prefetch_factor,
                                 .pin_memory = options_.pin_memory,
                                 .seed = detail::mixed_seed(seed, share_.rank()),
                                 .device = device_});
        epoch->start(options_.persistent_workers ? ahead_.workers(options_.num_workers) : nullptr);
        return epoch;
    }

    [[nodiscard]] std::int64_t all_samples() const {
        if constexpr (SamplerPolicy<Sampler>) {
            if (!sequential_) {
                return sampler_.size();
            }
        }
        return dataset_.size();
    }
    [[nodiscard]] DistributedSampler distributed() const {
        return share_.sampler(all_samples(), !sequential_ && share_.shuffles(options_.shuffle));
    }

    /// The order and the seed of the batches' generators; drawn, where they are, with the generator as it was in the epoch
    /// that goes on.
    [[nodiscard]] std::pair<std::optional<std::vector<std::int64_t>>, std::uint64_t> drawn_order(std::int64_t epoch) {
        const auto seeded = [this, epoch] {
            return detail::mixed_seed(static_cast<std::uint64_t>(*options_.seed), static_cast<std::uint64_t>(epoch));
        };
        if (is_seeded()) {
            draw_from_ = at::Tensor();
            draws_.set_last({});
            return {order(epoch), seeded()};
        }
        std::optional<RngIsolation> without_a_trace;
        if (draw_from_.defined()) {
            without_a_trace.emplace();
            set_rng_state(draw_from_);
        }
        draw_from_ = at::Tensor();
        draws_.set_last(get_rng_state());
        // Python's iter(DataLoader) draws a base seed for its workers, whether it has some or not.
        const std::uint64_t seed = options_.seed ? seeded() : detail::draw_seed();
        return {order(epoch), seed};
    }

    /// The epoch's indices; empty where they are 0, 1, 2, ...
    [[nodiscard]] std::optional<std::vector<std::int64_t>> order(std::int64_t epoch) {
        std::optional<std::vector<std::int64_t>> all;
        if constexpr (SamplerPolicy<Sampler>) {
            if (!sequential_) {
                all = sampler_.indices(epoch);
                detail::check_sampler(*all, sampler_.size());
            }
        } else if (!share_ && options_.shuffle && !sequential_) {
            all = RandomSampler(dataset_.size(), options_.seed).indices(epoch);
        }
        if (!share_) {
            return all;
        }
        std::vector<std::int64_t> mine = distributed().indices(epoch);
        if (all) {
            for (std::int64_t& index : mine) {
                index = (*all)[static_cast<std::size_t>(index)];
            }
        }
        return mine;
    }

    detail::EpochAhead<Dataset> ahead_{};  ///< before the dataset, which its threads read
    Dataset dataset_;
    [[no_unique_address]] Sampler sampler_{};
    DataLoaderOptions options_;
    detail::LoaderShare share_{};
    bool sequential_ = false;
    std::int64_t epoch_ = 0;
    std::int64_t first_batch_ = 0;
    at::Device device_{at::kCPU};  ///< of the epoch under way, and of one that is begun ahead
    detail::DrawsUnderWay draws_{};
    at::Tensor draw_from_{};  ///< the generator's state for an epoch that goes on
};

// What is no dataset, or no options, ends in a message.
template <class Given>
    requires(!DatasetPolicy<Given>)
DataLoader(Given, DataLoaderOptions = {}) -> DataLoader<detail::NotADataset<Given>>;
template <class Given, class Sampler>
    requires(!DatasetPolicy<Given>)
DataLoader(Given, Sampler, DataLoaderOptions) -> DataLoader<detail::NotADataset<Given>>;
template <DatasetPolicy Dataset, class Given>
    requires(!std::same_as<Given, DataLoaderOptions>)
DataLoader(Dataset, Given) -> DataLoader<detail::NotOptions<Dataset, Given>>;

}  // namespace lit
