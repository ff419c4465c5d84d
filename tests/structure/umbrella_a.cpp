// SPDX-License-Identifier: Apache-2.0
// lit.hpp in two translation units of one program: a definition that is not inline would be there twice.
#include <lit/lit.hpp>

int umbrella_b();

int main() { return umbrella_b(); }
