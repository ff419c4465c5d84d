// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/module_state.hpp>
#include <lit/checkpoint/schema.hpp>
#include <lit/core/hparams.hpp>
#include <lit/module/module.hpp>

#include <concepts>
#include <filesystem>
#include <utility>

namespace lit {

struct LoadOptions {
    bool strict = true;  ///< missing and unexpected keys are errors; shapes that differ always are
};

/// Builds a module from the hyperparameters in a checkpoint and gives it the weights: `auto net =
/// lit::load_from_checkpoint<Net>("best.ckpt");`. With overrides: `..., [](auto& hparams) { hparams.lr = 0.1; }`.
///
/// Errors  FileError for a file that cannot be read; CheckpointError for hyperparameters that the module does not
///         have, and for keys or shapes of another model.
/// Source  Lightning `LightningModule.load_from_checkpoint`; the module is on the CPU and in training mode.
template <ModulePolicy M, std::invocable<typename M::hparams_type&> Overrides>
[[nodiscard]] M load_from_checkpoint(const std::filesystem::path& path, Overrides&& overrides,
                                     const LoadOptions& options = {}) {
    using HParams = typename M::hparams_type;
    static_assert(std::constructible_from<M, HParams> || std::default_initializable<M>,
                  "lit: load_from_checkpoint builds the module from its hyperparameters. Give it a constructor that takes "
                  "them: explicit Net(HParams h = {}) : Module(h) { ... }.");
    const Value checkpoint = load_checkpoint(path);
    HParams hparams{};
    if (const Value* stored = checkpoint.dict().find(checkpoint_key::hyper_parameters)) {
        if constexpr (reflection::field_count<HParams> > 0) {
            update_from_dict(hparams, stored->dict());
        }
    }
    overrides(hparams);
    const auto fill = [&](M& module) {
        if constexpr (requires { module.configure_model(); }) {
            module.configure_model();
        }
        if constexpr (requires { module.on_load_checkpoint(checkpoint.dict()); }) {
            module.on_load_checkpoint(checkpoint.dict());
        }
        load_module_state(module, checkpoint.at(checkpoint_key::state_dict).dict(), options.strict);
    };
    if constexpr (std::constructible_from<M, HParams>) {
        M module(std::move(hparams));
        fill(module);
        return module;
    } else {
        M module;
        fill(module);
        return module;
    }
}
template <ModulePolicy M>
[[nodiscard]] M load_from_checkpoint(const std::filesystem::path& path, const LoadOptions& options = {}) {
    return load_from_checkpoint<M>(path, [](typename M::hparams_type&) {}, options);
}

}  // namespace lit
