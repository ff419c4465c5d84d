// SPDX-License-Identifier: Apache-2.0
// Precompiled for tests and examples. No header of lit, since those change, and no doctest, since programs with a
// main of their own share it.
#pragma once

#include <torch/data.h>
#include <torch/nn.h>
#include <torch/optim.h>
#include <torch/types.h>

#include <boost/hana/basic_tuple.hpp>
#include <boost/hana/for_each.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
