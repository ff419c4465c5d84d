// SPDX-License-Identifier: Apache-2.0
#include "record.hpp"
#include "run.hpp"

namespace conformance {

Json run_own_loaders(const Json& scenario, const fs::path& root) { return record<NetWithLoaders<true>, OwnData>(scenario, root); }

}  // namespace conformance
