// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/number_text.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lit {

/// A number of batches, or a fraction of them. `1` is one batch, `1.0` is all of them.
///
/// Errors  ConfigError (in `check`) unless 0 <= fraction <= 1, or a whole number >= 0 (2.0 is 2).
/// Source  Lightning `limit_train_batches` and its kin.
class Limit {
 public:
    constexpr Limit() = default;
    template <std::integral Int>
    constexpr Limit(Int count) : count_(static_cast<std::int64_t>(count)), is_count_(true) {}  // NOLINT
    constexpr Limit(double fraction) : fraction_(fraction) {                                    // NOLINT
        if (fraction > 1.0 && fraction < 9e15 && fraction == static_cast<double>(static_cast<std::int64_t>(fraction))) {
            count_ = static_cast<std::int64_t>(fraction);
            is_count_ = true;
        }
    }

    /// 0.7F is 0.7.
    template <std::floating_point Float>
        requires(!std::same_as<Float, double>)
    Limit(Float fraction) : Limit(detail::as_written(fraction)) {}  // NOLINT

    [[nodiscard]] constexpr bool is_count() const { return is_count_; }
    [[nodiscard]] constexpr std::int64_t count() const { return count_; }
    [[nodiscard]] constexpr double fraction() const { return fraction_; }
    [[nodiscard]] constexpr bool is_zero() const { return is_count_ ? count_ == 0 : fraction_ == 0.0; }
    [[nodiscard]] constexpr bool is_everything() const { return !is_count_ && fraction_ == 1.0; }
    [[nodiscard]] std::string text() const { return is_count_ ? std::to_string(count_) : std::to_string(fraction_); }

    void check(std::string_view name) const;

    /// How many batches that is of a loader.
    ///
    /// Units   `size`: batches of the loader, empty when unknown; the result is empty for "until it ends".
    /// Errors  ConfigError when a fraction of the loader is less than one batch, or of a loader without a size.
    [[nodiscard]] std::optional<std::int64_t> of(std::optional<std::int64_t> size, std::string_view name) const;

 private:
    double fraction_ = 1.0;
    std::int64_t count_ = 0;
    bool is_count_ = false;
};

/// How often validation runs inside `fit`: after so many batches, after each such fraction of an epoch, or so often
/// by the clock.
///
/// Source  Lightning `val_check_interval`.
class ValCheckInterval {
 public:
    template <std::integral Int>
    constexpr ValCheckInterval(Int batches) : limit_(batches) {}     // NOLINT
    constexpr ValCheckInterval(double fraction) : limit_(fraction) {}  // NOLINT
    template <std::floating_point Float>
        requires(!std::same_as<Float, double>)
    ValCheckInterval(Float fraction) : limit_(fraction) {}  // NOLINT
    template <class Rep, class Period>
    constexpr ValCheckInterval(std::chrono::duration<Rep, Period> time)  // NOLINT
        : time_(std::chrono::duration_cast<std::chrono::milliseconds>(time)) {}

    [[nodiscard]] constexpr const Limit& batches() const { return limit_; }
    [[nodiscard]] constexpr std::optional<std::chrono::milliseconds> time() const { return time_; }
    [[nodiscard]] constexpr bool is_whole_epoch() const { return !time_ && limit_.is_everything(); }

 private:
    Limit limit_{1.0};
    std::optional<std::chrono::milliseconds> time_;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/loops/impl/limit.hpp>
#endif
