// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/checkpoint_files.hpp>
#include <lit/callbacks/detail/checkpoint_folder.hpp>
#include <lit/callbacks/model_checkpoint_options.hpp>
#include <lit/core/compiled.hpp>

#include <string>
#include <utility>

namespace lit::detail {

LIT_INLINE CheckpointFiles::CheckpointFiles(const ModelCheckpointOptions& options)
    : name_(options.filename, options.auto_insert_metric_name),
      folder_(options.dirpath.empty() ? options.dirpath : real_folder(options.dirpath)),
      weights_only_(options.save_weights_only),
      counts_versions_(options.enable_version_counter),
      last_(options.save_last),
      links_(options.save_last.is_link() && options.save_top_k != 0) {}
LIT_INLINE CheckpointFiles::CheckpointFiles(const CheckpointFiles&) = default;
LIT_INLINE CheckpointFiles::CheckpointFiles(CheckpointFiles&&) noexcept = default;
LIT_INLINE CheckpointFiles& CheckpointFiles::operator=(const CheckpointFiles&) = default;
LIT_INLINE CheckpointFiles& CheckpointFiles::operator=(CheckpointFiles&&) noexcept = default;
LIT_INLINE CheckpointFiles::~CheckpointFiles() = default;

LIT_INLINE void CheckpointFiles::replace(const std::string& previous, const std::string& current) {
    if (!previous.empty()) {
        replaced_.emplace_back(previous, current);
    }
}

LIT_INLINE auto CheckpointFiles::take_replaced() -> Replaced { return std::exchange(replaced_, {}); }

LIT_INLINE std::string CheckpointFiles::file(const std::string& stem) const { return (folder_ / (stem + ".ckpt")).string(); }

}  // namespace lit::detail
