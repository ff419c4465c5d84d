// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/optim/adam.hpp>
#include <lit/optim/impl/adam_algorithm.hpp>
#include <lit/optim/impl/grouped_optimizer.hpp>

#if defined(LIT_COMPILED_LIBRARY)
template class lit::detail::GroupedOptimizer<lit::detail::AdamAlgorithm<lit::detail::AdamSpec>>;
#endif
