// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/progress.hpp>
#include <lit/core/value.hpp>

#include <string_view>

namespace lit {

/// The keys at the top of a `.ckpt` file, as Lightning spells them.
namespace checkpoint_key {
inline constexpr std::string_view epoch = "epoch";
inline constexpr std::string_view global_step = "global_step";
inline constexpr std::string_view version = "pytorch-lightning_version";
inline constexpr std::string_view state_dict = "state_dict";
inline constexpr std::string_view loops = "loops";
inline constexpr std::string_view callbacks = "callbacks";
inline constexpr std::string_view optimizer_states = "optimizer_states";
inline constexpr std::string_view lr_schedulers = "lr_schedulers";
inline constexpr std::string_view hparams_name = "hparams_name";
inline constexpr std::string_view hyper_parameters = "hyper_parameters";
inline constexpr std::string_view datamodule_hparams_name = "datamodule_hparams_name";
inline constexpr std::string_view datamodule_hyper_parameters = "datamodule_hyper_parameters";
}  // namespace checkpoint_key

/// The Lightning whose schema is written: a Lightning of this version or later migrates nothing.
inline constexpr std::string_view lightning_version = "2.6.6";

namespace detail {

/// The dict behind a key, or nothing where there is none: a file may hold less than lit writes.
LIT_INLINE const Dict* part(const Dict* from, std::string_view key);

}  // namespace detail

/// The entry `loops` of a checkpoint: Lightning's flat dotted keys, from which Lightning itself goes on.
///
/// `loader_state` goes to `fit_loop.state_dict`: empty, or `{"combined_loader": [...]}` with one state for
/// each loader. Lightning wants the three other loops too; their counters mean nothing for a fit and are
/// zero. Source  `Trainer.fit_loop.state_dict()` of Lightning 2.6.6.
LIT_INLINE Dict loops_state(const FitProgress& progress, Dict loader_state = {});

/// The counters in the entry `loops`; those that the file lacks stay zero.
///
/// Errors  CheckpointError for a counter that is negative or no number.
LIT_INLINE FitProgress read_loops(const Dict& loops);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/checkpoint/impl/schema.hpp>
#endif
