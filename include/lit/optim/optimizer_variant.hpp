// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/value.hpp>
#include <lit/optim/optimizer.hpp>

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace lit {

/// One of several optimizers, chosen at run time: what a `std::variant` returned by `configure_optimizers()`
/// becomes.
///
/// Cost    one branch per call.
template <OptimizerPolicy... Os>
class OptimizerVariant {
    static_assert((StepsParameters<Os> && ...),
                  "lit: an optimizer that steps by a closure (torch::optim::LBFGS) cannot be one of a std::variant. Return "
                  "it by itself from configure_optimizers().");

 public:
    explicit OptimizerVariant(std::variant<Os...> chosen) : chosen_(std::move(chosen)) {}

    void step() {
        std::visit([](auto& o) { o.step(); }, chosen_);
    }
    void zero_grad(bool set_to_none = true) {
        std::visit([=](auto& o) { o.zero_grad(set_to_none); }, chosen_);
    }

    [[nodiscard]] std::size_t group_count() const {
        return std::visit([](const auto& o) { return lit::group_count(o); }, chosen_);
    }
    [[nodiscard]] double learning_rate(std::size_t group) const {
        return std::visit([=](const auto& o) { return lit::learning_rate(o, group); }, chosen_);
    }
    void set_learning_rate(std::size_t group, double lr) {
        std::visit([=](auto& o) { lit::set_learning_rate(o, group, lr); }, chosen_);
    }
    static constexpr bool keeps_initial_learning_rate = (lit::keeps_initial_learning_rate<Os> && ...);
    [[nodiscard]] double initial_learning_rate(std::size_t group) const {
        return std::visit([=](const auto& o) { return lit::initial_learning_rate(o, group); }, chosen_);
    }
    void record_initial_learning_rate(std::size_t group) {
        std::visit([=](auto& o) { lit::record_initial_learning_rate(o, group); }, chosen_);
    }
    [[nodiscard]] double momentum(std::size_t group) const {
        return std::visit([=](const auto& o) { return lit::momentum_of(o, group); }, chosen_);
    }
    [[nodiscard]] double weight_decay(std::size_t group) const {
        return std::visit([=](const auto& o) { return lit::weight_decay_of(o, group); }, chosen_);
    }
    [[nodiscard]] std::string group_name(std::size_t group) const {
        return std::visit([=](const auto& o) { return lit::group_name(o, group); }, chosen_);
    }
    [[nodiscard]] std::span<const at::Tensor> parameters(std::size_t group) const {
        return std::visit([=](const auto& o) { return lit::parameters_of(o, group); }, chosen_);
    }
    void add_param_group(std::vector<at::Tensor> params, std::optional<double> lr) {
        std::visit([&](auto& o) { lit::add_param_group(o, std::move(params), lr); }, chosen_);
    }
    [[nodiscard]] std::string name() const {
        return std::visit([](const auto& o) { return lit::optimizer_name(o); }, chosen_);
    }
    [[nodiscard]] Value state_dict() const {
        return std::visit([](const auto& o) { return lit::optimizer_state(o); }, chosen_);
    }
    void load_state_dict(const Value& state) {
        std::visit([&](auto& o) { lit::load_optimizer_state(o, state); }, chosen_);
    }

    /// The one that was chosen, for `std::visit`.
    [[nodiscard]] std::variant<Os...>& chosen() { return chosen_; }
    [[nodiscard]] const std::variant<Os...>& chosen() const { return chosen_; }

 private:
    std::variant<Os...> chosen_;
};

}  // namespace lit
