// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace lit {

/// What may be said to one run.
struct RunOptions {
    /// A file to start from; "last" or "best" of the trainer's checkpoint callback; empty: as the module is.
    std::string ckpt_path{};
    /// Whether validate and test print their results.
    bool verbose = true;
};

}  // namespace lit
