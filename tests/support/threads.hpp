// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Parallel.h>

namespace lit::testing {

/// ATen's number of threads, for as long as it lives.
class Threads {
 public:
    explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;
    ~Threads() { at::set_num_threads(before_); }

 private:
    int before_;
};

}  // namespace lit::testing
