// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

namespace lit::nn::detail {

/// Whether a layer's state has kernels of its own.
template <class State>
concept HasOwnKernels = requires(State state, const float* in, float* out, std::int64_t batch) {
    state.own(in, out, batch);
    state.own_back(in, in, out, out, batch);
    { State::in_place } -> std::convertible_to<bool>;
};
template <class State>
inline constexpr bool only_looks = [] {
    if constexpr (requires { State::looks; }) {
        return State::looks;
    }
    return false;
}();

/// Takes a batch through layers that have kernels of their own, and back as far as to layer `First`. `States` is a tuple of pointers to
/// them, `Numels` how many numbers of a sample lie before each and after the last. Memory is kept, for the largest batch so far.
template <class States, std::size_t First, std::int64_t... Numels>
class OwnPass {
    static constexpr std::size_t count = std::tuple_size_v<States>;
    static constexpr std::array<std::int64_t, count + 1> numels{Numels...};
    template <std::size_t I>
    using state_t = typename std::tuple_element_t<I, States>::element_type;

    /// Whether layer I writes into memory of its own, not into its input.
    template <std::size_t I>
    static consteval bool writes_apart() {
        if constexpr (I == 0) {
            return !only_looks<state_t<0>>;
        } else {
            return !only_looks<state_t<I>> && !(state_t<I>::in_place && state_t<I - 1>::gives_away);
        }
    }
    /// The layer that wrote what lies before layer I, or `count` if none did.
    template <std::size_t I>
    static consteval std::size_t written_by() {
        if constexpr (I == 0) {
            return count;
        } else if constexpr (writes_apart<I - 1>()) {
            return I - 1;
        } else {
            return written_by<I - 1>();
        }
    }
    static constexpr std::int64_t widest = std::max({Numels...});

 public:
    static_assert(written_by<count>() != count,
                  "lit: a static network has to have a layer that computes something.");

    /// `y` is where the output goes.
    void run(States& states, const float* x, float* y, std::int64_t batch) {
        if (batch > batch_) {
            for (std::size_t i = 0; i < count; ++i) {
                memory_[i].resize(static_cast<std::size_t>(batch * numels[i + 1]));
            }
            for (std::vector<float>& gradient : gradients_) {
                gradient.resize(static_cast<std::size_t>(batch * widest));
            }
            batch_ = batch;  // now that the memory is there
        }
        x_ = x;
        y_ = y;
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            (std::get<I>(states)->own(before<I>(), into<I>(), batch), ...);
        }
        (std::make_index_sequence<count>{});
    }
    /// Where the gradient of the output is to be written before `back`.
    [[nodiscard]] float* by_output() { return gradients_[0].data(); }
    void back(States& states, std::int64_t batch) {
        at_ = 0;
        [&]<std::size_t... I>(std::index_sequence<I...>) { (back_layer<count - 1 - I>(states, batch), ...); }
        (std::make_index_sequence<count>{});
    }

 private:
    template <std::size_t I>
    const float* before() {
        constexpr std::size_t writer = written_by<I>();
        if constexpr (writer == count) {
            return x_;
        } else {
            return into<writer>();
        }
    }
    template <std::size_t I>
    float* into() {
        if constexpr (written_by<count>() == written_by<I + 1>()) {
            return y_;
        } else if constexpr (written_by<I + 1>() == count) {
            return nullptr;  // it only looks at the batch
        } else {
            return memory_[written_by<I + 1>()].data();
        }
    }
    template <std::size_t I>
    void back_layer(States& states, std::int64_t batch) {
        [[maybe_unused]] float* dy = gradients_[at_].data();
        if constexpr (I == First) {
            std::get<I>(states)->own_back(before<I>(), into<I>(), dy, nullptr, batch);
        } else if constexpr (I > First && state_t<I>::in_place) {
            std::get<I>(states)->own_back(before<I>(), into<I>(), dy, dy, batch);
        } else if constexpr (I > First) {
            at_ = 1 - at_;
            std::get<I>(states)->own_back(before<I>(), into<I>(), dy, gradients_[at_].data(), batch);
        }
    }

    std::int64_t batch_ = 0;
    std::array<std::vector<float>, count> memory_;
    std::array<std::vector<float>, 2> gradients_;
    std::size_t at_ = 0;
    const float* x_ = nullptr;
    float* y_ = nullptr;
};

}  // namespace lit::nn::detail
