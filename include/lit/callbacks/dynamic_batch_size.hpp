// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace lit {

struct DynamicBatchSizeOptions {
    std::map<std::int64_t, std::int64_t>
        at_epoch{};  ///< {epoch, batch size}: from that epoch on, counted from 0
    std::map<std::int64_t, std::int64_t>
        at_step{};  ///< {global step, batch size}: once so many steps are done
};

/// Changes the batch size as training goes on: `DynamicBatchSize{{.at_epoch = {{0, 32}, {10, 64}, {20, 128}}}}`, or
/// `.at_step = {{1000, 64}}`.
///
/// It sets the batch size of the training loader when an epoch begins, and no epoch changes it on the way: a step that is
/// reached inside of an epoch counts from the next epoch on. With the size the number of batches changes, and with it
/// what is a part of it: fractions of `limit_train_batches` and `val_check_interval`, the last batch, accumulation
/// windows. The order of the samples does not. Before the first entry the loader keeps the size it was made with, and it
/// has that size again when the fit has ended. The learning rate is left alone.
///
/// Units   samples per batch and rank, optimizer steps, epochs.
/// Errors  ConfigError on construction: nothing given, both given, an epoch or step below 0, a size below 1; at the begin
///         of an epoch what the options refuse, such as a `val_check_interval` of more batches than there are. A training
///         loader that has no `set_batch_size(n)` does not compile.
/// Cost    a comparison per epoch.
/// Source  none in Lightning. Its state, the size that holds, is in checkpoints: an epoch that was broken off goes on
///         with the batches it began with.
class DynamicBatchSize {
 public:
    explicit DynamicBatchSize(DynamicBatchSizeOptions options) : options_(std::move(options)) {
        const bool by_epoch = !options_.at_epoch.empty();
        if (by_epoch != options_.at_step.empty()) {
            throw ConfigError(
                std::string("DynamicBatchSize: found ") +
                (by_epoch ? "both at_epoch and at_step" : "neither at_epoch nor at_step") +
                ", expected one of them, for instance DynamicBatchSize{{.at_epoch = {{10, 64}}}}.");
        }
        for (const auto& [from, size] : schedule()) {
            if (from < 0) {
                throw ConfigError(std::string("DynamicBatchSize: found ") + (by_epoch ? "epoch " : "step ") +
                                  std::to_string(from) + ", expected 0 or more.");
            }
            if (size < 1) {
                throw ConfigError("DynamicBatchSize: found a batch size of " + std::to_string(size) +
                                  " from " + (by_epoch ? "epoch " : "step ") + std::to_string(from) +
                                  " on, expected 1 or more.");
            }
        }
    }

    /// What holds in an epoch that begins after so many epochs and steps; the loop asks.
    void choose_batch_size(std::int64_t epoch, std::int64_t global_step) {
        const auto& all = schedule();
        const auto next = all.upper_bound(options_.at_step.empty() ? epoch : global_step);
        current_ = next == all.begin() ? std::nullopt : std::optional(std::prev(next)->second);
    }
    /// What holds now; empty where the loader keeps its own.
    [[nodiscard]] std::optional<std::int64_t> batch_size() const { return current_; }

    [[nodiscard]] static std::string state_key() { return "DynamicBatchSize"; }
    [[nodiscard]] Dict state_dict() const {
        return Dict{{"batch_size", current_ ? Value(*current_) : Value()}};
    }
    void load_state_dict(const Dict& state) {
        const Value& size = state.at("batch_size");
        current_ = size.is_none() ? std::nullopt : std::optional(size.to_int());
    }

 private:
    [[nodiscard]] const std::map<std::int64_t, std::int64_t>& schedule() const {
        return options_.at_step.empty() ? options_.at_epoch : options_.at_step;
    }

    DynamicBatchSizeOptions options_;
    std::optional<std::int64_t> current_;
};

}  // namespace lit
