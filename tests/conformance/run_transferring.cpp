// SPDX-License-Identifier: Apache-2.0
#include "record.hpp"
#include "run.hpp"

namespace conformance {

Json run_transferring(const Json& scenario, const fs::path& root) { return record<Net<true>, ModuleData<TransferringData<Net<true>>>>(scenario, root); }

}  // namespace conformance
