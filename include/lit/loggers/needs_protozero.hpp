// SPDX-License-Identifier: Apache-2.0
#pragma once

// Said where a program includes the logger, also when the bodies that need protozero are in lit::compiled, which is built
// without them where protozero is absent.
#if !__has_include(<protozero/pbf_writer.hpp>)
#error \
    "lit: TensorBoard's event files need protozero's headers: install libprotozero-dev, or log with lit::CSVLogger."
#endif
