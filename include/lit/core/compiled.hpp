// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Stands before a function whose body is in a header of the room's folder impl: one that is no template, or a template that
/// the library instantiates for lit's own types.
///
/// lit is header-only: x.hpp includes impl/x.hpp at its end, and the function is inline. A program that links lit::compiled has
/// LIT_COMPILED defined: it sees the declaration only, and the library's object, in which LIT_COMPILED_LIBRARY is defined too, holds
/// the body, compiled once instead of in every unit. Nothing that runs in every step and is small enough to be inlined is
/// written so.
#if defined(LIT_COMPILED)
#define LIT_INLINE
#else
#define LIT_INLINE inline
#endif
