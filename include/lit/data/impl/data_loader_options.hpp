// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/data/data_loader_options.hpp>

#include <string>

namespace lit {

LIT_INLINE void DataLoaderOptions::check(bool own_sampler, detail::WayToDevice way) const {
    const auto refuse = [](const std::string& what) { throw ConfigError("DataLoader: " + what); };
    if (batch_size < 1) {
        refuse("batch_size = " + std::to_string(batch_size) + ", expected at least 1.");
    }
    if (num_workers < 0) {
        refuse("num_workers = " + std::to_string(num_workers) +
               ", expected 0 (gather in the caller) or a number of threads.");
    }
    if (prefetch_factor < 1) {
        refuse("prefetch_factor = " + std::to_string(prefetch_factor) +
               ", expected at least 1.");
    }
    if (persistent_workers && num_workers == 0) {
        refuse("persistent_workers = true with num_workers = 0; there is no thread to keep. Set num_workers, or "
               "leave it out.");
    }
    if (prefetch_to_device && num_workers == 0) {
        refuse("prefetch_to_device = true with num_workers = 0; there is no thread to copy beside the run. Set num_workers, "
               "or leave it out.");
    }
    if (prefetch_to_device && way == detail::WayToDevice::own_member) {
        refuse("prefetch_to_device = true, but this batch type has a to(device) of its own, which the trainer calls. Leave "
               "one of them out.");
    }
    if (prefetch_to_device && way == detail::WayToDevice::none) {
        refuse("prefetch_to_device = true, but the tensors of this batch type cannot be reached. Build the batch of tensors, "
               "tuples, vectors and aggregates, or leave it out.");
    }
    if (shuffle && own_sampler) {
        refuse(
            "shuffle = true together with a sampler; the sampler decides the order, leave shuffle out.");
    }
}

}  // namespace lit
