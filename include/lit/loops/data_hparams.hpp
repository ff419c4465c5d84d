// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/hparams.hpp>
#include <lit/core/reflection.hpp>
#include <lit/core/value.hpp>
#include <lit/core/yaml.hpp>

#include <string>
#include <type_traits>
#include <utility>

namespace lit::detail {

/// Whether the run's data module has hyperparameters: a member `hparams`, an aggregate as a module's.
template <class Run>
consteval bool data_has_hparams() {
    using Data = typename Run::source_type;
    if constexpr (Run::has_datamodule && requires(Data& data) { data.hparams; }) {
        using HParams = std::remove_cvref_t<decltype(std::declval<Data&>().hparams)>;
        constexpr bool fine = [] {
            if constexpr (std::is_aggregate_v<HParams>) {
                return storable<HParams>();
            } else {
                return false;
            }
        }();
        static_assert(fine, "lit: the member hparams of this data module cannot be stored in a checkpoint. Expected an "
                            "aggregate of numbers, bool, enums, std::string, std::filesystem::path, std::optional, "
                            "std::vector and std::array of these. Give it another name, or keep the rest elsewhere.");
        return fine && reflection::field_count<HParams> > 0;
    } else {
        return false;
    }
}

/// What the loggers are given: the module's hyperparameters and the data module's.
///
/// Errors  ConfigError that names those which both have, with different values.
/// Source  Lightning `_log_hyperparams`, which compares type and value as well.
template <class Run>
[[nodiscard]] Dict merged_hparams(Run& run) {
    Dict all;
    if constexpr (reflection::field_count<typename Run::module_type::hparams_type> > 0) {
        all = to_dict(run.module().hparams);
    }
    if constexpr (data_has_hparams<Run>()) {
        std::string contradicting;
        for (const auto& [key, value] : to_dict(run.source().hparams)) {
            const Value* known = all.find(key.string());
            // The text tells a type from another, too: 1, 1.0 and "1".
            if (known != nullptr && to_yaml(Dict{{"", *known}}) != to_yaml(Dict{{"", value}})) {
                contradicting += (contradicting.empty() ? "" : ", ") + key.string();
            }
            all.set(key, value);
        }
        if (!contradicting.empty()) {
            throw ConfigError("Trainer: the hyperparameters " + contradicting +
                              " of the module and of the data module have different values, so the loggers cannot be "
                              "given both. Name or set them alike, or set enable_autolog_hparams = false.");
        }
    }
    return all;
}

}  // namespace lit::detail
