// SPDX-License-Identifier: Apache-2.0
#pragma once
// LibTorch defines CHECK and LOG through glog-like macros of c10: doctest's are meant in tests.
#include <torch/types.h>
#undef CHECK
#undef CHECK_EQ
#undef CHECK_NE
#undef CHECK_LT
#undef CHECK_LE
#undef CHECK_GT
#undef CHECK_GE
#include <doctest/doctest.h>
