// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>

/// One function for each way in which data reach a run: each is compiled on its own.
namespace conformance {

using Json = nlohmann::json;

[[nodiscard]] Json run_automatic(const Json& scenario, const std::filesystem::path& root);
[[nodiscard]] Json run_manual(const Json& scenario, const std::filesystem::path& root);
[[nodiscard]] Json run_manual_own_loaders(const Json& scenario, const std::filesystem::path& root);
[[nodiscard]] Json run_manual_data_module(const Json& scenario, const std::filesystem::path& root);
[[nodiscard]] Json run_manual_transferring(const Json& scenario, const std::filesystem::path& root);
[[nodiscard]] Json run_own_loaders(const Json& scenario, const std::filesystem::path& root);
[[nodiscard]] Json run_data_module(const Json& scenario, const std::filesystem::path& root);
[[nodiscard]] Json run_defaults(const Json& scenario, const std::filesystem::path& root);
[[nodiscard]] Json run_transferring(const Json& scenario, const std::filesystem::path& root);

}  // namespace conformance
