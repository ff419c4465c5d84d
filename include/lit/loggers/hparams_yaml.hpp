// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <filesystem>

namespace lit {

/// Writes `hparams.yaml`, or replaces it as a whole.
///
/// Errors  FileError with the path and the system's reason.
LIT_INLINE void save_hparams_to_yaml(const std::filesystem::path& path, const Dict& hparams);

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/loggers/impl/hparams_yaml.hpp>
#endif
