// SPDX-License-Identifier: Apache-2.0
#include <lit/lit.hpp>

int umbrella_b();

int umbrella_b() { return 0; }
