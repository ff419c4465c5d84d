// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/tuner/batch_size_options.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace lit::detail {

/// The order in which batch sizes are tried.
///
/// `try_size(n)` answers whether a batch of n samples fits; `assign(n)` writes the size into its fields; `say(text)`
/// tells the user.
template <class TrySize, class Assign, class Say>
class BatchSizeSearch {
 public:
    /// `present` is the size that is set now, `samples` the length of the dataset where it is known.
    BatchSizeSearch(const BatchSizeFinderOptions& options, std::int64_t present,
                    std::optional<std::int64_t> samples, TrySize try_size, Assign assign, Say say)
        : options_(options),
          size_(present),
          samples_(samples),
          try_size_(try_size),
          assign_(assign),
          say_(say) {}

    std::int64_t run() {
        if (!covers_dataset()) {
            move_to(options_.init_val, hard_cap, "");
        }
        return options_.mode == BatchSizeMode::power ? power() : binary();
    }

 private:
    static constexpr std::int64_t hard_cap = 8192;

    std::int64_t power() {
        bool any_success = false;
        for (std::int64_t trial = 1; trial <= options_.max_trials && !at_limit(); ++trial) {
            if (try_size_(size_)) {
                if (trial == options_.max_trials || covers_dataset() ||
                    !move_to(size_ * 2, hard_cap, "succeeded")) {
                    break;
                }
                any_success = true;
            } else {
                refuse_smallest();
                move_to(size_ / 2, hard_cap, "failed");
                if (any_success) {
                    break;
                }
            }
        }
        return size_;
    }

    std::int64_t binary() {
        std::int64_t low = 1;
        std::optional<std::int64_t> high;
        for (std::int64_t successes = 0; !at_limit();) {
            if (try_size_(size_)) {
                low = size_;
                if (++successes >= options_.max_trials || (high && *high - low <= 1) || covers_dataset() ||
                    !move_to(high ? (*high + low) / 2 : size_ * 2, options_.max_val, "succeeded")) {
                    break;
                }
            } else {
                refuse_smallest();
                high = size_;
                move_to((*high + low) / 2, options_.max_val, "failed");
                if (*high - low <= 1) {
                    break;
                }
            }
        }
        leave_margin();
        return size_;
    }

    void leave_margin() {
        const auto reduced = std::max<std::int64_t>(
            1, static_cast<std::int64_t>(static_cast<double>(size_) * (1 - options_.margin)));
        if (options_.margin > 0 && reduced != size_) {
            char percent[32];
            std::snprintf(percent, sizeof percent, "%.1f%%", options_.margin * 100);
            say_("a margin of " + std::string(percent) + " takes the batch size from " +
                 std::to_string(size_) + " to " + std::to_string(reduced));
            size_ = reduced;
            assign_(size_);
        }
    }

    /// False when the size stays.
    bool move_to(std::int64_t next, std::int64_t cap, std::string_view outcome) {
        const std::int64_t capped = std::min(next, cap);
        if (!outcome.empty()) {
            say_("batch size " + std::to_string(size_) + " " + std::string(outcome) + ", trying " +
                 std::to_string(capped) + (capped < next ? " (max_val)" : ""));
        }
        const bool changed = capped != size_;
        size_ = capped;
        assign_(size_);
        return changed;
    }
    [[nodiscard]] bool at_limit() {
        if (size_ < options_.max_val) {
            return false;
        }
        say_("batch size " + std::to_string(size_) +
             " is not tried: max_val = " + std::to_string(options_.max_val));
        return true;
    }
    [[nodiscard]] bool covers_dataset() {
        if (!samples_ || size_ < *samples_) {
            return false;
        }
        say_("batch size " + std::to_string(size_) + " covers the dataset of " + std::to_string(*samples_) +
             " samples");
        return true;
    }
    void refuse_smallest() const {
        if (size_ <= 1) {
            throw Error(
                "BatchSizeFinder: a batch of one sample does not fit into memory either. Use a smaller "
                "model, "
                "smaller samples or a lower precision.");
        }
    }

    const BatchSizeFinderOptions& options_;
    std::int64_t size_;
    std::optional<std::int64_t> samples_;
    TrySize try_size_;
    Assign assign_;
    Say say_;
};

}  // namespace lit::detail
