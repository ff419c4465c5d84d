// SPDX-License-Identifier: Apache-2.0
#pragma once
// Stands in for a header of Gloo that LibTorch's package lacks; the last folder in the search, so a real one wins.
