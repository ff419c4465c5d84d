// SPDX-License-Identifier: Apache-2.0
#include "record.hpp"
#include "run.hpp"

namespace conformance {

Json run_manual_transferring(const Json& scenario, const fs::path& root) {
    return record<Net<false>, ModuleData<TransferringData<Net<false>>>>(scenario, root);
}

}  // namespace conformance
