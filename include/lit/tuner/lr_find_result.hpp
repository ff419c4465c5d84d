// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/argmin.h>
#include <ATen/ops/gradient.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lit {

/// How the learning rate goes up.
enum class LRFindMode : std::uint8_t { exponential, linear };

/// Learning rates that were tried, and the smoothed loss after the step with each.
struct LRCurve {
    std::vector<double> lr;
    std::vector<double> loss;  ///< nan where training_step returned none
};

/// What a learning rate search found.
///
/// Source  Lightning's object that `Tuner.lr_find` returns. Its `plot` is `csv()` and `points()` here.
struct LRFindResult {
    LRFindMode mode = LRFindMode::exponential;  ///< an exponential search is drawn on a logarithmic axis
    double lr_min = 0.0;
    double lr_max = 0.0;
    std::int64_t num_training = 0;
    LRCurve results;

    /// The learning rate at the steepest descent of the loss; empty with fewer than two finite losses.
    ///
    /// Counts  `skip_begin` and `skip_end` points are left out; infinite and nan losses do not count.
    /// Errors  ConfigError for a negative number of points.
    /// Source  as in Lightning, in single precision, by `torch.gradient` over the learning rates. There
    ///         `skip_end = 0` leaves out every point; here none.
    [[nodiscard]] std::optional<double> suggestion(std::int64_t skip_begin = 10,
                                                   std::int64_t skip_end = 1) const {
        const auto index = suggested_index(skip_begin, skip_end);
        return index ? std::optional(results.lr[*index]) : std::nullopt;
    }
    /// Where in `results` the suggestion stands: the point to mark in a drawing.
    [[nodiscard]] std::optional<std::size_t> suggested_index(std::int64_t skip_begin = 10,
                                                             std::int64_t skip_end = 1) const {
        if (skip_begin < 0 || skip_end < 0) {
            throw ConfigError("LRFindResult: skip_begin = " + std::to_string(skip_begin) +
                              ", skip_end = " + std::to_string(skip_end) + ", expected 0 or more points.");
        }
        std::vector<double> losses;
        std::vector<double> rates;
        std::vector<std::size_t> indices;
        const std::size_t size = std::min(results.lr.size(), results.loss.size());
        for (std::size_t i = static_cast<std::size_t>(skip_begin);
             i + static_cast<std::size_t>(skip_end) < size; ++i) {
            if (std::isfinite(static_cast<float>(results.loss[i]))) {
                losses.push_back(results.loss[i]);
                rates.push_back(results.lr[i]);
                indices.push_back(i);
            }
        }
        if (losses.size() < 2) {
            return std::nullopt;
        }
        const at::Tensor loss = single(losses);
        const at::Tensor spacing = single(rates);
        const at::Tensor slope =
            at::gradient(loss, at::TensorList(spacing), std::optional<std::int64_t>()).front();
        return indices[static_cast<std::size_t>(slope.argmin().item<std::int64_t>())];
    }

    /// (learning rate, loss) in the order of the steps.
    [[nodiscard]] std::vector<std::pair<double, double>> points() const {
        std::vector<std::pair<double, double>> all;
        for (std::size_t i = 0; i < std::min(results.lr.size(), results.loss.size()); ++i) {
            all.emplace_back(results.lr[i], results.loss[i]);
        }
        return all;
    }
    /// `lr,loss` lines with a heading, every digit kept: for any program that draws.
    [[nodiscard]] std::string csv() const {
        std::string text = "lr,loss\n";
        const auto append = [&text](double value, char after) {
            char digits[32];
            const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
            text.append(digits, end).push_back(after);
        };
        for (const auto& [lr, loss] : points()) {
            append(lr, ',');
            append(loss, '\n');
        }
        return text;
    }

 private:
    [[nodiscard]] static at::Tensor single(const std::vector<double>& values) {
        return at::tensor(values, at::TensorOptions(at::kDouble)).to(at::kFloat);
    }
};

}  // namespace lit
