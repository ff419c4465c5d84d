// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace lit::detail {

/// The type of what `predict` collects; known once the prediction loop is.
template <class Run>
struct PredictionsOf;

/// The part of a Run that knows, for components that write predictions, which samples a batch is made of and what was
/// predicted so far. Without such a component it is empty and does nothing.
template <class Run, bool Active>
class PredictedBatches {
 public:
    void begin_predictions(const void* /*all*/) {}
    void begin_loader() {}
    void begin_batch(const auto& /*position*/) {}
};
template <class Run>
class PredictedBatches<Run, true> {
 public:
    /// Per loader, per batch: what `predict_step` has returned so far.
    [[nodiscard]] const auto& predictions() const {
        return *static_cast<const typename PredictionsOf<Run>::type*>(predictions_);
    }
    /// The samples of the batch in work, as places in the dataset; empty where the loader does not say.
    [[nodiscard]] const std::vector<std::int64_t>& current_batch_indices() const {
        static const std::vector<std::int64_t> none;
        return indices_.empty() || indices_.back().empty() ? none : indices_.back().back();
    }
    /// Per loader, per batch.
    [[nodiscard]] const std::vector<std::vector<std::vector<std::int64_t>>>& epoch_batch_indices() const {
        return indices_;
    }

    void begin_predictions(const void* all) {
        predictions_ = all;
        indices_.clear();
    }
    void begin_loader() { indices_.emplace_back(); }
    void begin_batch(const auto& position) {
        std::vector<std::int64_t>& batch = indices_.back().emplace_back();
        if constexpr (requires { position.batch_indices(); }) {
            batch = position.batch_indices();
        }
    }

 private:
    const void* predictions_ = nullptr;
    std::vector<std::vector<std::vector<std::int64_t>>> indices_{};
};

}  // namespace lit::detail
