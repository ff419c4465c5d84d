// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <memory>
#include <utility>

namespace lit::detail {

/// A callable as a member of a component, which has to be movable: a closure may be moved and copied but not assigned,
/// so it is rebuilt in place.
template <class Fn>
class HeldCallable {
 public:
    explicit HeldCallable(Fn fn) : fn_(std::move(fn)) {}
    HeldCallable(const HeldCallable&) = default;
    HeldCallable(HeldCallable&&) = default;
    HeldCallable& operator=(HeldCallable&& other) {
        if (this != &other) {
            std::destroy_at(std::addressof(fn_));
            std::construct_at(std::addressof(fn_), std::move(other.fn_));
        }
        return *this;
    }
    HeldCallable& operator=(const HeldCallable& other) { return *this = HeldCallable(other); }
    ~HeldCallable() = default;

    template <class... Args>
        requires std::invocable<Fn&, Args...>
    decltype(auto) operator()(Args&&... args) {
        return fn_(std::forward<Args>(args)...);
    }

 private:
    [[no_unique_address]] Fn fn_;
};

}  // namespace lit::detail
