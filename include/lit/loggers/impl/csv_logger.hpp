// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/loggers/csv_logger.hpp>
#include <lit/loggers/hparams_yaml.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loggers/metrics_file.hpp>
#include <lit/loggers/run_folder.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace lit {

LIT_INLINE CSVLogger::CSVLogger(CSVLoggerOptions options)
    : options_(std::move(options)),
      folder_("CSVLogger", options_.save_dir, options_.name, options_.version),
      prefix_(options_.prefix.empty() ? "" : options_.prefix + "-") {
    if (options_.flush_logs_every_n_steps < 1) {
        throw ConfigError(
            "CSVLogger: flush_logs_every_n_steps = " + std::to_string(options_.flush_logs_every_n_steps) +
            ", expected at least 1 (1 writes every row at once).");
    }
}

LIT_INLINE void CSVLogger::start(const std::filesystem::path& default_root_dir) {
    if (folder_.started()) {
        return;
    }
    folder_.start(default_root_dir);
    const std::filesystem::path path = folder_.log_dir() / "metrics.csv";
    written_ = std::chrono::steady_clock::now();
    if (folder_.goes_on()) {
        metrics_ = detail::MetricsFile::go_on(folder_.who(), path, rows_before_);
        return;
    }
    std::error_code reason;
    if (std::filesystem::remove(path, reason)) {
        std::fprintf(stderr, "lit: CSVLogger: %s was there from an earlier run and has been deleted.\n",
                     path.c_str());
    } else if (reason) {
        detail::throw_file_error(folder_.who(), "delete", path, reason.value());
    }
    metrics_ = detail::MetricsFile(folder_.who(), path);
}

LIT_INLINE Dict CSVLogger::run_identity() const {
    Dict identity = folder_.identity();
    identity.set("rows", metrics_.rows());
    return identity;
}

LIT_INLINE void CSVLogger::resume_run(const Dict& identity) {
    folder_.go_on_with(identity);
    rows_before_ = identity.at("rows").to_int();
}

LIT_INLINE void CSVLogger::log_metrics(std::span<const Scalar> metrics, std::int64_t step) {
    folder_.require_started("log_metrics");
    metrics_.add_row(prefix_, metrics, step);
    if ((step + 1) % options_.flush_logs_every_n_steps == 0) {
        flush();
    }
}

LIT_INLINE void CSVLogger::log_hyperparams(const Dict& params) {
    folder_.require_started("log_hyperparams");
    for (const auto& [key, value] : params) {
        hparams_.set(key, value);
    }
    save_hparams_to_yaml(folder_.log_dir() / "hparams.yaml", hparams_);
}

LIT_INLINE void CSVLogger::save() {
    if (metrics_.pending() && std::chrono::steady_clock::now() - written_ >= std::chrono::seconds(5)) {
        flush();
    }
}

LIT_INLINE void CSVLogger::flush() {
    written_ = std::chrono::steady_clock::now();
    metrics_.flush();
}

}  // namespace lit
