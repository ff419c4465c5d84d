// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/detail/python_text.hpp>
#include <lit/core/error.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/loggers/logger.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <c10/core/ScalarType.h>
#include <c10/core/TensorImpl.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace lit {

/// Of what a GradientMonitor gives the norm, beside that of all gradients together.
enum class GradientScope : std::uint8_t {
    total,  ///< of nothing else
    modules,  ///< of each part of the module: `backbone`, `head`; parameters of the module itself by their own name
    parameters,  ///< of each parameter, as Lightning's `grad_norm` does
};
/// What a GradientMonitor does about gradients that are inf or nan.
enum class NonFiniteGradients : std::uint8_t {
    ignore,
    warn,   ///< once per fit, with the names
    stop,   ///< asks the trainer to stop; the update at hand is still made
    raise,  ///< throws NonFiniteLoss before the update
};

struct GradientMonitorOptions {
    double norm_type = 2.0;  ///< the p of the norm; infinity: the largest absolute value
    GradientScope scope = GradientScope::parameters;
    std::optional<std::int64_t> every_n_steps{};  ///< none: the trainer's log_every_n_steps
    NonFiniteGradients on_non_finite = NonFiniteGradients::ignore;
    std::string group_separator = "/";  ///< between `grad_2.0_norm` and a name
};

/// Sends norms of the gradients to the loggers, and puts them where monitors look: `grad_2.0_norm_total`, and
/// `grad_2.0_norm/<name>` for each parameter or part.
///
/// Counts  steps of optimizers, at which gradients are complete and not clipped yet; x is that of other rows, the number
///         of closed accumulation windows. A parameter without a gradient has no value.
/// Units   gradient units after the precision has unscaled them. A part's norm is over all its gradients together.
/// Errors  ConfigError on construction: norm_type not above 0, every_n_steps below 1; NonFiniteLoss if `raise`.
/// Cost    names are built once, at the begin of training. Where it is due one norm per gradient and one wait for the
///         device; else a comparison.
/// Source  Lightning `utilities.grad_norm`, same keys and numbers, which there a hook of one's own calls and logs.
class GradientMonitor {
 public:
    explicit GradientMonitor(GradientMonitorOptions options = {}) : options_(std::move(options)) {
        if (!(options_.norm_type > 0.0)) {
            throw ConfigError("GradientMonitor: norm_type = " + detail::python_repr(options_.norm_type) +
                              ", expected a number above 0, or infinity for the largest absolute value.");
        }
        if (options_.every_n_steps && *options_.every_n_steps < 1) {
            throw ConfigError("GradientMonitor: every_n_steps = " + std::to_string(*options_.every_n_steps) +
                              ", expected 1 or more.");
        }
    }

    void on_train_start(auto& /*trainer*/, auto& module) {
        told_ = false;
        lines_.clear();
        const std::string prefix = "grad_" + detail::python_repr(options_.norm_type) + "_norm";
        total_ = MetricNames::intern(prefix + "_total");
        std::unordered_set<const c10::TensorImpl*> seen;
        for (const auto& item : module.named_parameters()) {
            if (!seen.insert(item.value().unsafeGetTensorImpl()).second) {
                continue;  // of a module that stands at two places
            }
            std::string name = item.key();
            if (options_.scope == GradientScope::modules) {
                name = name.substr(0, name.find('.'));
            }
            const MetricId id = MetricNames::intern(prefix + options_.group_separator + name);
            lines_.push_back({item.value(), std::move(name), id});
        }
        // The parameters of one part stand behind each other, so that its line is finished before the next begins.
        std::ranges::stable_sort(lines_, [this](const Line& a, const Line& b) {
            return options_.scope == GradientScope::modules && a.name < b.name;
        });
    }

    void on_before_optimizer_step(auto& trainer, auto& /*module*/) {
        if (!due(trainer)) {
            return;
        }
        const Norms norms = measure();
        row_.clear();
        for (std::size_t i = 0; i < norms.values.size(); ++i) {
            const MetricId id = norms.ids[i];
            trainer.set_callback_metric(id, norms.values[i]);
            row_.push_back({MetricNames::name(id), norms.values[i]});
        }
        trainer.log_metrics(row_);
        if (options_.on_non_finite != NonFiniteGradients::ignore && !norms.values.empty() &&
            !std::isfinite(norms.values.back())) {
            complain(trainer);
        }
    }

 private:
    struct Line {
        at::Tensor parameter;
        std::string name;
        MetricId id = 0;
    };
    /// Behind those of the scope the total, last; nothing where there is no gradient.
    struct Norms {
        std::vector<MetricId> ids;
        std::vector<double> values;
    };

    [[nodiscard]] bool due(auto& trainer) const {
        if (!options_.every_n_steps) {
            return trainer.should_update_logs();
        }
        return (trainer.progress().batches_that_stepped + 1) % *options_.every_n_steps == 0;
    }

    [[nodiscard]] Norms measure() const {
        const at::NoGradGuard no_grad;
        Norms norms;
        std::vector<at::Tensor> each;
        std::vector<at::Tensor> part;
        std::vector<at::Tensor> parts;
        std::optional<at::Device> device;
        const at::ScalarType kind = type_of_norms();
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            const Line& line = lines_[i];
            if (const at::Tensor& gradient = line.parameter.grad(); gradient.defined()) {
                device = device.value_or(gradient.device());
                part.push_back(at::linalg_vector_norm(numbers(gradient), options_.norm_type).to(*device, kind));
                each.push_back(part.back());
            }
            if (!part.empty() && (i + 1 == lines_.size() || lines_[i + 1].id != line.id)) {
                if (options_.scope != GradientScope::total) {
                    norms.ids.push_back(line.id);
                    parts.push_back(part.size() == 1 ? part.front() : joint(part));
                }
                part.clear();
            }
        }
        if (each.empty()) {
            return norms;
        }
        parts.push_back(joint(each));
        norms.ids.push_back(total_);
        const at::Tensor read = at::stack(parts).to(at::kCPU, at::kDouble);
        const auto* values = static_cast<const double*>(read.const_data_ptr());
        norms.values.assign(values, values + read.numel());
        return norms;
    }
    /// Double where a gradient is: its norm may be beyond a float.
    [[nodiscard]] at::ScalarType type_of_norms() const {
        const auto is_double = [](const Line& line) {
            const at::Tensor& gradient = line.parameter.grad();
            return gradient.defined() && c10::toRealValueType(gradient.scalar_type()) == at::kDouble;
        };
        return std::ranges::any_of(lines_, is_double) ? at::kDouble : at::kFloat;
    }
    /// Those of a sparse gradient that are there.
    [[nodiscard]] static at::Tensor numbers(const at::Tensor& gradient) {
        return gradient.is_sparse() ? gradient.coalesce().values() : gradient;
    }
    [[nodiscard]] at::Tensor joint(const std::vector<at::Tensor>& norms) const {
        return at::linalg_vector_norm(at::stack(norms), options_.norm_type);
    }

    void complain(auto& trainer) {
        std::string names;
        for (const Line& line : lines_) {
            const at::Tensor& gradient = line.parameter.grad();
            if (gradient.defined() && !numbers(gradient).isfinite().all().template item<bool>() &&
                !(", " + names).ends_with(", " + line.name)) {
                names += (names.empty() ? "" : ", ") + line.name;
            }
        }
        // The norm of finite gradients too can leave the range of numbers.
        const std::string found = "GradientMonitor: the norm of all gradients is not finite at epoch " +
                                  std::to_string(trainer.current_epoch()) + ", global step " +
                                  std::to_string(trainer.global_step()) +
                                  (names.empty() ? std::string() : ": inf or nan in " + names) + ".";
        switch (options_.on_non_finite) {
            case NonFiniteGradients::raise:
                throw NonFiniteLoss(
                    found +
                    " The update was not made. Lower the learning rate, clip gradients, or look at "
                    "the batch.");
            case NonFiniteGradients::stop:
                trainer.request_stop(found);
                break;
            case NonFiniteGradients::warn:
                if (!std::exchange(told_, true)) {
                    trainer.warn(found);
                }
                break;
            case NonFiniteGradients::ignore:
                break;
        }
    }

    GradientMonitorOptions options_;
    std::vector<Line> lines_;
    MetricId total_ = 0;
    std::vector<Scalar> row_;
    bool told_ = false;
};

}  // namespace lit
