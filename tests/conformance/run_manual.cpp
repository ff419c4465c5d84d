// SPDX-License-Identifier: Apache-2.0
#include "record.hpp"
#include "run.hpp"

namespace conformance {

Json run_manual(const Json& scenario, const fs::path& root) { return record<Net<false>, GivenData>(scenario, root); }

}  // namespace conformance
