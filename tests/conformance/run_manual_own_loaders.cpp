// SPDX-License-Identifier: Apache-2.0
#include "record.hpp"
#include "run.hpp"

namespace conformance {

Json run_manual_own_loaders(const Json& scenario, const fs::path& root) { return record<NetWithLoaders<false>, OwnData>(scenario, root); }

}  // namespace conformance
