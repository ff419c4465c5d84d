// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

namespace lit {

class CollectiveRef;

/// A metric object that somebody else owns, as the results of a loop see it: never copied, told what to do through
/// plain functions, since the results know no type of metric.
///
/// compute(object, ranks)   the value over all ranks; the object's own state stays that of its rank.
/// reset(object)            forgets everything.
/// state(object)            what it has gathered, as a checkpoint holds it.
/// merge(object, state)     adds what a checkpoint holds to what the object has gathered since.
struct MetricRef {
    void* object = nullptr;
    at::Tensor (*compute)(void* object, CollectiveRef* ranks) = nullptr;
    void (*reset)(void* object) = nullptr;
    Dict (*state)(const void* object) = nullptr;
    void (*merge)(void* object, const Dict& state) = nullptr;
};

}  // namespace lit
