// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/detail/module_parts.hpp>
#include <lit/core/error.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/optimizer.hpp>

#include <ATen/core/Tensor.h>
#include <c10/util/TypeIndex.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit {

/// How `unfreeze_and_add_param_group` adds what it unfreezes.
struct UnfreezeOptions {
    std::optional<double> lr{};      ///< none: the first group's present rate divided by `initial_denom_lr`
    double initial_denom_lr = 10.0;  ///< has no effect where `lr` is given
    bool train_bn = true;            ///< false: batch norms are left out of the new group
};

/// The base of callbacks that freeze parts of a module and let them train later:
///
///     struct Thaw : lit::BaseFinetuning<Thaw> {
///         void freeze_before_training(auto& module) { freeze(module.features); }
///         void finetune_function(auto& module, std::int64_t epoch, auto& optimizer) {
///             if (epoch == 10) { unfreeze_and_add_param_group(module.features, optimizer); }
///         }
///     };
///
/// `freeze_before_training` runs in `setup`, so before `configure_optimizers`, which should hand over only the
/// parameters that require a gradient. `finetune_function` runs at the begin of every epoch, once per optimizer; it
/// may take `auto& trainer` before the rest. Groups that it adds are in the checkpoint by the names of their
/// parameters, and are there again, and trainable, before a resumed run reads the optimizers' state.
/// With several ranks the strategy is set up anew when a group was added, so that its gradients are exchanged.
///
/// Errors  CheckpointError when a resumed module lacks a parameter of a group.
/// Cost    at the begin of an epoch what `finetune_function` does, and one comparison per optimizer.
/// Source  Lightning `BaseFinetuning`, same state and one entry more, the names of what is trainable. There a resumed run leaves what was unfrozen before without
///         gradients, and DDP does not exchange gradients of what was frozen when it was set up; parameters already in
///         the optimizer are found there by comparing values, here by identity. A frozen batch norm keeps its running
///         statistics, as there. Schedules: an added group follows StepLR, ExponentialLR, LinearLR, ConstantLR,
///         ReduceLROnPlateau; LambdaLR and a turning CosineAnnealingLR refuse it, as torch's do.
template <class Derived>
class BaseFinetuning {
 public:
    void setup(auto& /*trainer*/, auto& module, Stage /*stage*/) { self().freeze_before_training(module); }

    void on_fit_start(auto& trainer, auto& module) {
        if (!std::exchange(restarting_, false)) {
            metadata_ = {};
            return;
        }
        restore_trainable(module);
        trainer.for_each_optimizer([&](auto index, auto& optimizer) {
            if (const Value* groups = metadata_.find(static_cast<std::int64_t>(index))) {
                restore_groups(groups->items(), module, optimizer);
            }
        });
        exchange_anew(trainer, module);
    }

    void on_train_epoch_start(auto& trainer, auto& module) {
        restarting_ = false;  // a search before the first epoch gives the state back without being a resumed run
        bool grew = false;
        trainer.for_each_optimizer([&](auto index, auto& optimizer) {
            const std::size_t before = group_count(optimizer);
            if constexpr (requires {
                              self().finetune_function(trainer, module, trainer.current_epoch(), optimizer);
                          }) {
                self().finetune_function(trainer, module, trainer.current_epoch(), optimizer);
            } else {
                self().finetune_function(module, trainer.current_epoch(), optimizer);
            }
            grew = grew || group_count(optimizer) != before;
            store(static_cast<std::int64_t>(index), before, module, optimizer);
        });
        trainable_.clear();
        for (const auto& item : module.named_parameters()) {
            if (item.value().requires_grad()) {
                trainable_.emplace_back(item.key());
            }
        }
        if (grew) {
            exchange_anew(trainer, module);
        }
    }

    /// The name of the class, as in Python.
    [[nodiscard]] std::string state_key() const {
        const std::string_view full = c10::util::get_fully_qualified_type_name<Derived>();
        std::size_t end = full.size();
        for (int depth = 0;
             end > 0 && (depth > 0 || full[end - 1] == '>');) {  // behind the name, its arguments
            --end;
            depth += full[end] == '>' ? 1 : full[end] == '<' ? -1 : 0;
        }
        const std::string_view plain = full.substr(0, end);
        return std::string(plain.substr(plain.rfind(':') + 1));
    }
    [[nodiscard]] Dict state_dict() const {
        return Dict{{"internal_optimizer_metadata", metadata_}, {trainable_key, trainable_}};
    }
    void load_state_dict(const Dict& state) {
        restarting_ = true;
        metadata_ = state.at("internal_optimizer_metadata").dict();
        const Value* trainable = state.find(trainable_key);
        trainable_ = trainable != nullptr ? trainable->items() : List{};
    }

    // --- for derived classes; `modules` is a module, a holder or pointer of one, or a range of these ---

    /// The parts that have parameters of their own, or no parts.
    [[nodiscard]] static std::vector<torch::nn::Module*> flatten_modules(auto& modules) {
        std::vector<torch::nn::Module*> leaves;
        detail::flatten_into(modules, leaves);
        return leaves;
    }
    /// Their parameters that require a gradient, or those that do not.
    [[nodiscard]] static std::vector<at::Tensor> filter_params(auto& modules, bool train_bn = true,
                                                               bool requires_grad = true) {
        std::vector<at::Tensor> found;
        for (torch::nn::Module* part : flatten_modules(modules)) {
            if (!train_bn && detail::is_batch_norm(*part)) {
                continue;
            }
            for (const at::Tensor& parameter : part->parameters(/*recurse=*/false)) {
                if (parameter.requires_grad() == requires_grad) {
                    found.push_back(parameter);
                }
            }
        }
        return found;
    }
    static void make_trainable(auto& modules) { require_grad(modules, true, false); }
    /// With `train_bn` batch norms go on training.
    static void freeze(auto& modules, bool train_bn = true) { require_grad(modules, false, train_bn); }
    /// Makes the modules trainable and gives those of their parameters that the optimizer does not have to it, as one
    /// group; a warning tells when it has some already.
    template <class Optimizer>
    static void unfreeze_and_add_param_group(auto& modules, Optimizer& optimizer,
                                             const UnfreezeOptions& options = {}) {
        make_trainable(modules);
        const double lr = options.lr.value_or(learning_rate(optimizer) / options.initial_denom_lr);
        std::vector<at::Tensor> parameters = filter_params(modules, options.train_bn);
        const std::vector<at::Tensor> known = parameters_of(optimizer);
        const auto removed = std::erase_if(parameters, [&known](const at::Tensor& parameter) {
            return std::ranges::any_of(known,
                                       [&](const at::Tensor& other) { return other.is_same(parameter); });
        });
        if (removed != 0) {
            std::fprintf(stderr,
                         "lit: warning: finetuning: %zu parameters that were to be unfrozen are in the "
                         "optimizer already "
                         "and stay in their group. Hand over only those with requires_grad() in "
                         "configure_optimizers.\n",
                         static_cast<std::size_t>(removed));
        }
        if (!parameters.empty()) {
            add_param_group(optimizer, std::move(parameters), lr);
        }
    }

 protected:
    /// Whether `on_fit_start` is about to take up a checkpoint.
    [[nodiscard]] bool is_restarting() const { return restarting_; }

 private:
    /// lit's own entry beside Lightning's.
    static constexpr std::string_view trainable_key = "trainable_parameters";

    Derived& self() { return static_cast<Derived&>(*this); }

    static void require_grad(auto& modules, bool trainable, bool train_bn) {
        for (torch::nn::Module* part : flatten_modules(modules)) {
            const bool on = trainable || (train_bn && detail::is_batch_norm(*part));
            detail::hold_running_stats(*part, !on);
            for (at::Tensor& parameter : part->parameters(/*recurse=*/false)) {
                parameter.set_requires_grad(on);
            }
        }
    }

    /// The groups from `first` on: their settings, and in place of the parameters their names.
    static List describe(const torch::nn::Module& module, const auto& optimizer, std::size_t first) {
        const auto named = module.named_parameters();
        const Value state = optimizer_state(optimizer);
        const Value* settings = state.dict().find("param_groups");
        List groups;
        for (std::size_t group = first; group < group_count(optimizer); ++group) {
            Dict entry{{"lr", learning_rate(optimizer, group)}};
            if (settings != nullptr) {
                entry = settings->items()[group].dict();
            }
            List names;
            for (const at::Tensor& parameter : parameters_of(optimizer, group)) {
                const auto found = std::ranges::find_if(
                    named, [&](const auto& item) { return item.value().is_same(parameter); });
                names.emplace_back(found != named.end() ? Value(found->key()) : Value());
            }
            entry.set("params", std::move(names));
            groups.emplace_back(std::move(entry));
        }
        return groups;
    }
    void store(std::int64_t index, std::size_t before, const torch::nn::Module& module,
               const auto& optimizer) {
        Value* known = metadata_.find(index);
        if (known == nullptr) {
            metadata_.set(index, describe(module, optimizer, 0));
        } else if (before != group_count(optimizer)) {
            List groups = known->items();
            for (Value& group : describe(module, optimizer, before)) {
                groups.push_back(std::move(group));
            }
            *known = std::move(groups);
        }
    }

    /// As at the begin of the epoch in which the file was written.
    void restore_trainable(torch::nn::Module& module) const {
        auto named = module.named_parameters();
        for (const Value& name : trainable_) {
            if (at::Tensor* parameter = named.find(name.string())) {
                parameter->set_requires_grad(true);
            }
        }
        for (torch::nn::Module* part : flatten_modules(module)) {
            const auto own = part->parameters(/*recurse=*/false);
            if (!own.empty() && std::ranges::all_of(own, [](const auto& p) { return p.requires_grad(); })) {
                detail::hold_running_stats(*part, false);
            }
        }
    }
    static void restore_groups(const List& groups, torch::nn::Module& module, auto& optimizer) {
        auto named = module.named_parameters();
        for (std::size_t group = group_count(optimizer); group < groups.size(); ++group) {
            std::vector<at::Tensor> parameters;
            for (const Value& name : groups[group].at("params").items()) {
                at::Tensor* parameter = name.is_none() ? nullptr : named.find(name.string());
                if (parameter == nullptr) {
                    throw CheckpointError("finetuning: the file has a parameter group with \"" +
                                          (name.is_none() ? std::string("None") : name.string()) +
                                          "\", which this module does not have. The model is another one.");
                }
                parameters.push_back(*parameter);
            }
            // A file of Lightning's does not say what was trainable; what is in a group is.
            for (at::Tensor& parameter : parameters) {
                parameter.set_requires_grad(true);
            }
            add_param_group(optimizer, std::move(parameters), groups[group].at("lr").to_double());
        }
    }

    /// What exchanges gradients between ranks knows only the parameters that required one when it was set up.
    static void exchange_anew(auto& trainer, auto& module) {
        if (trainer.world_size() > 1) {
            trainer.strategy().setup(module, true);
        }
    }

    Dict metadata_;
    List trainable_;
    bool restarting_ = false;
};

}  // namespace lit
