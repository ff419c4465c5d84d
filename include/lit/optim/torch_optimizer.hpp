// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/detail/torch_layout.hpp>
#include <lit/optim/optimizer.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full_like.h>
#include <c10/util/Type.h>
#include <torch/optim/adagrad.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/optimizer.h>
#include <torch/serialize/input-archive.h>
#include <torch/serialize/output-archive.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

namespace lit {

namespace detail {

template <class O>
concept HasPythonLayout = requires {
    typename TorchLayout<O>::Options;
};

}  // namespace detail

/// Serves lit's free functions for every optimizer derived from `torch::optim::Optimizer`.
///
/// State    SGD, Adam, AdamW, RMSprop, Adagrad and LBFGS in Python's layout; any other as LibTorch's own archive, in
///          the tensor behind the key `libtorch_archive`, which Python cannot read.
/// Differs  LibTorch has no place for `initial_lr`: the present rate is answered, which is right for the first scheduler that
///          asks; what configure_optimizers returns shows it to the others, too.
template <std::derived_from<torch::optim::Optimizer> O>
struct OptimizerAccess<O> {
    static std::size_t group_count(const O& o) { return o.param_groups().size(); }
    static double learning_rate(const O& o, std::size_t group) {
        return o.param_groups().at(group).options().get_lr();
    }
    static void set_learning_rate(O& o, std::size_t group, double lr) {
        o.param_groups().at(group).options().set_lr(lr);
    }
    static constexpr bool keeps_initial_learning_rate = false;
    static double initial_learning_rate(const O& o, std::size_t group) { return learning_rate(o, group); }
    static void record_initial_learning_rate(O& /*o*/, std::size_t /*group*/) {}
    static double momentum_of(const O& o, std::size_t group) {
        if constexpr (detail::HasPythonLayout<O>) {
            return Layout<>::momentum(options_of(o, group));
        } else {
            return 0.0;
        }
    }
    static double weight_decay_of(const O& o, std::size_t group) {
        if constexpr (detail::HasPythonLayout<O>) {
            return Layout<>::weight_decay(options_of(o, group));
        } else {
            return 0.0;
        }
    }
    static std::string group_name(const O& /*o*/, std::size_t /*group*/) { return {}; }
    static std::span<const at::Tensor> parameters_of(const O& o, std::size_t group) {
        return o.param_groups().at(group).params();
    }
    static void add_param_group(O& o, std::vector<at::Tensor> params, std::optional<double> lr) {
        if constexpr (std::same_as<O, torch::optim::LBFGS>) {
            throw ConfigError("LBFGS: a parameter group cannot be added; it has one alone.");
        }
        std::vector<at::Tensor> known;
        for (const auto& group : o.param_groups()) {
            known.insert(known.end(), group.params().begin(), group.params().end());
        }
        for (const at::Tensor& param : params) {
            if (std::ranges::any_of(known, [&](const at::Tensor& other) { return other.is_same(param); })) {
                throw ConfigError(optimizer_name(o) +
                                  ": a parameter was given before. A parameter belongs to one group, once.");
            }
            known.push_back(param);
        }
        auto options = o.defaults().clone();
        if (lr) {
            options->set_lr(*lr);
        }
        o.add_param_group(torch::optim::OptimizerParamGroup(std::move(params), std::move(options)));
        if constexpr (std::same_as<O, torch::optim::Adagrad>) {  // whose constructor makes it, and whose step asks for it
            const auto& group = o.param_groups().back();
            const double first = options_of(o, group_count(o) - 1).initial_accumulator_value();
            for (const at::Tensor& param : group.params()) {
                auto state = std::make_unique<torch::optim::AdagradParamState>();
                state->step(0);
                state->sum(at::full_like(param.detach(), first, at::MemoryFormat::Preserve));
                o.state()[param.unsafeGetTensorImpl()] = std::move(state);
            }
        }
    }
    static std::string optimizer_name(const O& /*o*/) {
        const std::string full = c10::demangle(typeid(O).name());
        const auto colon = full.rfind(':');
        return colon == std::string::npos ? full : full.substr(colon + 1);
    }

    static Value optimizer_state(const O& o) {
        if constexpr (detail::HasPythonLayout<O>) {
            return pack(o);
        } else {
            torch::serialize::OutputArchive archive;
            o.save(archive);
            std::ostringstream stream;
            archive.save_to(stream);
            const std::string bytes = std::move(stream).str();
            at::Tensor tensor = at::empty({static_cast<std::int64_t>(bytes.size())}, at::kByte);
            std::memcpy(tensor.mutable_data_ptr(), bytes.data(), bytes.size());
            return Dict{{"libtorch_archive", tensor}};
        }
    }

    static void load_optimizer_state(O& o, const Value& saved) {
        if constexpr (detail::HasPythonLayout<O>) {
            unpack(o, saved);
        } else {
            const at::Tensor bytes = saved.at("libtorch_archive").tensor().contiguous();
            std::istringstream stream(std::string(static_cast<const char*>(bytes.const_data_ptr()),
                                                  static_cast<std::size_t>(bytes.numel())));
            torch::serialize::InputArchive archive;
            archive.load_from(stream);
            o.load(archive);
        }
    }

 private:
    template <class T = O>
    using Layout = detail::TorchLayout<T>;

    static const auto& options_of(const O& o, std::size_t group) {
        return static_cast<const typename Layout<>::Options&>(o.param_groups().at(group).options());
    }

    static Value pack(const O& o) {
        Dict state;
        List groups;
        std::int64_t next = 0;
        for (std::size_t g = 0; g < group_count(o); ++g) {
            Dict group;
            Layout<>::settings(options_of(o, g), detail::LayoutWriter{group});
            List indices;
            for (const at::Tensor& param : parameters_of(o, g)) {
                const auto found = o.state().find(param.unsafeGetTensorImpl());
                if (found != o.state().end()) {
                    Dict entry;
                    Layout<>::states(static_cast<const typename Layout<>::State&>(*found->second),
                                     detail::LayoutWriter{entry});
                    state.set(next, std::move(entry));
                }
                indices.emplace_back(next++);
            }
            group.set("params", std::move(indices));
            groups.emplace_back(std::move(group));
        }
        return Dict{{"state", std::move(state)}, {"param_groups", std::move(groups)}};
    }

    static void unpack(O& o, const Value& saved) {
        using Options = typename Layout<>::Options;
        using State = typename Layout<>::State;
        const std::string who = optimizer_name(o) + ": ";
        const List& groups = saved.at("param_groups").items();
        if (groups.size() != group_count(o)) {
            throw CheckpointError(who + "the file has " + std::to_string(groups.size()) +
                                  " parameter groups, this optimizer has " + std::to_string(group_count(o)) +
                                  ".");
        }
        const Dict& states = saved.at("state").dict();
        std::vector<std::pair<void*, std::unique_ptr<State>>>
            loaded;  // read in full before anything is changed
        std::vector<Options> options;
        for (std::size_t g = 0; g < groups.size(); ++g) {
            const auto params = parameters_of(o, g);
            const List& ids = groups[g].at("params").items();
            if (ids.size() != params.size()) {
                throw CheckpointError(who + "group " + std::to_string(g) + " has " +
                                      std::to_string(ids.size()) + " parameters in the file, " +
                                      std::to_string(params.size()) + " in this optimizer.");
            }
            Options& read = options.emplace_back(options_of(o, g));
            Layout<>::settings(read, detail::LayoutReader{groups[g].dict()});
            for (std::size_t i = 0; i < ids.size(); ++i) {
                if (const Value* entry = states.find(ids[i].to_int());
                    entry != nullptr && !entry->dict().empty()) {
                    auto state = std::make_unique<State>();
                    Layout<>::states(*state, detail::LayoutReader{entry->dict(), &params[i]});
                    loaded.emplace_back(params[i].unsafeGetTensorImpl(), std::move(state));
                }
            }
        }
        o.state().clear();
        for (auto& [key, state] : loaded) {
            o.state()[key] = std::move(state);
        }
        for (std::size_t g = 0; g < groups.size(); ++g) {
            static_cast<Options&>(o.param_groups()[g].options()) = options[g];
        }
    }
};

}  // namespace lit
