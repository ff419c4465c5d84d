// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Stands before a function of lit that is no template and whose body is in a header of the room's folder impl.
///
/// lit is header-only: the header includes that one at its end, and the function is inline. A program that links lit::compiled has
/// LIT_COMPILED defined: it sees the declaration only, and the library's object holds the body, compiled once instead of in
/// every unit. Nothing that runs once a batch or more often and is small enough to be inlined is written so.
#if defined(LIT_COMPILED)
#define LIT_INLINE
#else
#define LIT_INLINE inline
#endif
