// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit {

struct ThroughputOptions {
    std::optional<double> available_flops{};  ///< of one device in one second, at best; none: no utilization
    std::int64_t world_size = 1;              ///< ranks that work as this one does
    std::int64_t window_size = 100;           ///< updates over which a rate is taken, at least 2
    std::string separator = "/";              ///< in `device/batches_per_sec`
};

/// How much there was altogether since the start, on this rank.
struct ThroughputUpdate {
    double time = 0.0;  ///< seconds
    std::int64_t batches = 0;
    std::int64_t samples = 0;
    std::optional<std::int64_t> lengths{};  ///< items (tokens) in the samples
    std::optional<double> flops{};          ///< since the last update
};

/// Computes rates over the last `window_size` updates.
///
/// Names   time, batches, samples, lengths: the totals. Once the window is full device/batches_per_sec,
///         device/samples_per_sec, device/items_per_sec, device/flops_per_sec; on several ranks the same without
///         `device/`, for all of them; device/mfu: the share of the available flops that was used.
/// Errors  ConfigError for a window below 2, fewer than 1 rank and flops that are not positive; lit::Error for totals that
///         do not grow, or less samples than batches, or less items than samples.
/// Cost    an update is a few writes into a ring.
/// Source  Lightning Fabric `Throughput`, same defaults.
class Throughput {
 public:
    explicit Throughput(ThroughputOptions options = {});

    void update(const ThroughputUpdate& now);

    /// Calls `f(name, value)` for everything that is known now.
    /// Errors  lit::Error before the first update.
    template <class F>
    void compute(F&& f) const {
        if (window_.empty()) {
            throw Error("Throughput: compute() before the first update().");
        }
        const ThroughputUpdate& last = newest();
        f("time", last.time);
        f("batches", static_cast<double>(last.batches));
        f("samples", static_cast<double>(last.samples));
        if (last.lengths) {
            f("lengths", static_cast<double>(*last.lengths));
        }
        if (window_.size() < size()) {
            return;
        }
        const ThroughputUpdate& first = window_[next_];
        const double elapsed = last.time - first.time;
        const double ranks = static_cast<double>(options_.world_size);
        const auto rate = [&](std::string_view name, double per_device) {
            f(device(name), per_device);
            if (options_.world_size > 1) {
                f(name, per_device * ranks);
            }
        };
        rate("batches_per_sec", static_cast<double>(last.batches - first.batches) / elapsed);
        rate("samples_per_sec", static_cast<double>(last.samples - first.samples) / elapsed);
        if (last.lengths && first.lengths) {
            rate("items_per_sec", static_cast<double>(*last.lengths - *first.lengths) / elapsed);
        }
        if (flops_count_ >= static_cast<std::int64_t>(size())) {
            double flops = 0.0;
            for (const ThroughputUpdate& update : window_) {
                flops += *update.flops;
            }
            // The first update's work lies before the window's time.
            const double per_sec = (flops - *first.flops) / elapsed;
            rate("flops_per_sec", per_sec);
            if (options_.available_flops) {
                f(device("mfu"), per_sec / *options_.available_flops);
            }
        }
    }
    [[nodiscard]] std::vector<std::pair<std::string, double>> compute() const;

    /// The time of the last update; 0 before the first one.
    [[nodiscard]] double last_time() const { return window_.empty() ? 0.0 : newest().time; }
    [[nodiscard]] const std::string& separator() const { return options_.separator; }
    void reset() {
        window_.clear();
        next_ = 0;
        flops_count_ = 0;
    }

 private:
    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(options_.window_size); }
    [[nodiscard]] const ThroughputUpdate& newest() const { return window_[(next_ + size() - 1) % size()]; }
    [[nodiscard]] std::string device(std::string_view name) const {
        return "device" + options_.separator + std::string(name);
    }
    static void grows(const char* what, double before, double now);
    static void at_least(const char* what, std::int64_t more, const char* than, std::int64_t less);

    ThroughputOptions options_;
    std::vector<ThroughputUpdate> window_{};
    std::size_t next_ = 0;  // the place of the next update; in a full window that of the oldest one
    std::int64_t flops_count_ = 0;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/throughput.hpp>
#endif
