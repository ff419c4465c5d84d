// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <filesystem>
#include <optional>

namespace lit {

/// What a caller of `read_idx` expects to find; anything else is a DataError.
struct IdxExpectation {
    std::optional<at::ScalarType> dtype{};
    std::optional<std::int64_t> dims{};
};

/// Reads an IDX file, the format of MNIST, plain or packed with gzip (told by its content, not by its name).
///
/// Shapes  those in the file's header, 1 to 8 dimensions; types uint8, int8, int16, int32, float, double; on
///         the CPU.
/// Errors  FileError when the file cannot be opened or read; DataError when it is no IDX file, is truncated,
///         too long, damaged, or not what was expected. The message names the file, what was found and what
///         was expected. A damaged header does not allocate: the announced size is first compared with the
///         file's.
/// Source  the format's description on Yann LeCun's MNIST page.
[[nodiscard]] LIT_INLINE at::Tensor read_idx(const std::filesystem::path& path,
                                             const IdxExpectation& expected = {});

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/data/impl/idx.hpp>
#endif
