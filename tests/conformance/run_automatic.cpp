// SPDX-License-Identifier: Apache-2.0
#include "record.hpp"
#include "run.hpp"

namespace conformance {

Json run_automatic(const Json& scenario, const fs::path& root) { return record<Net<true>, GivenData>(scenario, root); }

}  // namespace conformance
