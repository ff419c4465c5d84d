// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <utility>
#include <vector>

namespace lit::detail {

/// The states of the random generator that the orders of a loader's epochs were drawn from, as long as these are walked through.
class DrawsUnderWay {
 public:
    DrawsUnderWay() = default;
    DrawsUnderWay(const DrawsUnderWay& other) : last_(other.last_) {}  // the epochs are the other loader's
    DrawsUnderWay(DrawsUnderWay&&) noexcept = default;
    DrawsUnderWay& operator=(DrawsUnderWay other) noexcept {
        last_ = std::move(other.last_);
        states_ = std::move(other.states_);
        return *this;
    }
    ~DrawsUnderWay() = default;

    /// What is drawn next is drawn from `state`; undefined where nothing is drawn.
    void set_last(at::Tensor state) { last_ = std::move(state); }
    /// An epoch in the order that was drawn last, which goes on for as long as the answer lives.
    [[nodiscard]] std::shared_ptr<const at::Tensor> begin() {
        std::erase_if(states_, [](const auto& state) { return state.expired(); });
        auto mine = std::make_shared<const at::Tensor>(last_);
        states_.push_back(mine);
        return mine;
    }
    /// Of the first of those under way, since others begin and end inside of it; of the last one where none is.
    [[nodiscard]] at::Tensor first() const {
        for (const auto& state : states_) {
            if (const auto alive = state.lock()) {
                return *alive;
            }
        }
        return last_;
    }

 private:
    at::Tensor last_;
    std::vector<std::weak_ptr<const at::Tensor>> states_;
};

}  // namespace lit::detail
