// SPDX-License-Identifier: Apache-2.0
#include "record.hpp"
#include "run.hpp"

namespace conformance {

Json run_data_module(const Json& scenario, const fs::path& root) { return record<Net<true>, ModuleData<Data<Net<true>>>>(scenario, root); }

}  // namespace conformance
