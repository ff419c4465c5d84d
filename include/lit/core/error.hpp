// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace lit {

/// Everything that lit itself throws. The message says who, what was found, what was expected, what to do.
class Error : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

/// A setting or a combination of settings that cannot be carried out; thrown where it is given.
class ConfigError : public Error {
 public:
    using Error::Error;
};

/// A monitor names a value that was never logged.
class UnknownMetric : public Error {
 public:
    using Error::Error;
};

/// A loss or a gradient turned inf or nan while somebody had asked to be told.
class NonFiniteLoss : public Error {
 public:
    using Error::Error;
};

/// Data that is missing, damaged or of another form than was announced.
class DataError : public Error {
 public:
    using Error::Error;
};

/// A checkpoint that cannot be read, does not fit the model, or could not be written.
class CheckpointError : public Error {
 public:
    using Error::Error;
};

/// The operating system refused a file or folder: the message holds the path and the system's reason.
class FileError : public Error {
 public:
    using Error::Error;
};

/// A process of a distributed run failed, or the ranks disagree.
class DistributedError : public Error {
 public:
    using Error::Error;
};

}  // namespace lit
