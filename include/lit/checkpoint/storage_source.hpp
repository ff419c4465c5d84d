// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Storage.h>
#include <c10/util/FunctionRef.h>

#include <cstddef>
#include <string>

namespace lit::detail {

/// Hands out the bytes of the storage `key`, at least `bytes` many, on the CPU.
using StorageSource = c10::function_ref<c10::Storage(const std::string& key, std::size_t bytes)>;

}  // namespace lit::detail
