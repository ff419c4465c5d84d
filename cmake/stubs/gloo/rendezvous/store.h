// SPDX-License-Identifier: Apache-2.0
#pragma once
// Stands in for a header of Gloo that LibTorch's package lacks; the last folder in the search, so a real one wins.

#include <chrono>
#include <string>
#include <vector>

namespace gloo::rendezvous {

// The interface as c10d's GlooStore overrides it. Never instantiate GlooStore over this stub: libtorch_cpu's own
// vtable is the right one. GLOO_STORE_HAS_STORE_V2 stays undefined.
class Store {
 public:
    virtual ~Store() = default;
    virtual void set(const std::string& key, const std::vector<char>& data) = 0;
    virtual std::vector<char> get(const std::string& key) = 0;
    virtual void wait(const std::vector<std::string>& keys) = 0;
    virtual void wait(const std::vector<std::string>& keys, const std::chrono::milliseconds& timeout) = 0;
};

}  // namespace gloo::rendezvous
