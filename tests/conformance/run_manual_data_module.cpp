// SPDX-License-Identifier: Apache-2.0
#include "record.hpp"
#include "run.hpp"

namespace conformance {

Json run_manual_data_module(const Json& scenario, const fs::path& root) { return record<Net<false>, ModuleData<Data<Net<false>>>>(scenario, root); }

}  // namespace conformance
