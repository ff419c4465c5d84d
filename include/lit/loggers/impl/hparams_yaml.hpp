// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>
#include <lit/core/yaml.hpp>
#include <lit/loggers/hparams_yaml.hpp>
#include <lit/loggers/run_folder.hpp>

#include <filesystem>

namespace lit {

LIT_INLINE void save_hparams_to_yaml(const std::filesystem::path& path, const Dict& hparams) {
    detail::replace_file("hparams.yaml", path,
                         [&](detail::AppendFile& file) { file.write(to_yaml(hparams)); });
}

}  // namespace lit
