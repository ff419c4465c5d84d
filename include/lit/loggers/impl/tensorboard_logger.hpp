// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/loggers/event_file.hpp>
#include <lit/loggers/hparams_plugin.hpp>
#include <lit/loggers/hparams_yaml.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loggers/tensorboard_logger.hpp>

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace lit {

LIT_INLINE TensorBoardLogger::TensorBoardLogger(TensorBoardLoggerOptions options)
    : options_(std::move(options)),
      folder_("TensorBoardLogger", options_.save_dir, options_.name, options_.version, options_.sub_dir),
      prefix_(options_.prefix.empty() ? "" : options_.prefix + "-") {
    if (!(options_.flush_secs >= 0.0)) {
        throw ConfigError("TensorBoardLogger: flush_secs = " + std::to_string(options_.flush_secs) +
                          ", expected a number of seconds >= 0 (0 writes every row at once).");
    }
}

LIT_INLINE void TensorBoardLogger::log_hyperparams(const Dict& params) {
    constexpr std::array<Scalar, 1> default_metric = {Scalar{"hp_metric", -1.0}};
    log_hyperparams(params, options_.default_hp_metric ? std::span<const Scalar>(default_metric)
                                                       : std::span<const Scalar>());
}

LIT_INLINE void TensorBoardLogger::log_hyperparams(const Dict& params, std::span<const Scalar> metrics) {
    folder_.require_started("log_hyperparams");
    for (const auto& [key, value] : params) {
        hparams_.set(key, value);
    }
    write_hparams();
    if (metrics.empty()) {
        return;
    }
    using Plugin = detail::HParamsPlugin;
    const double now = detail::seconds_since_epoch();
    auto& file = events();
    file.add_scalars(prefix_, metrics, 0);
    file.add_plugin_data(Plugin::experiment_tag, Plugin::name,
                         Plugin::experiment(params, prefix_, metrics, now));
    file.add_plugin_data(Plugin::start_tag, Plugin::name, Plugin::session_start(params, now));
    session_open_ = true;
}

LIT_INLINE void TensorBoardLogger::save() {
    if (!hparams_written_ && folder_.started()) {
        write_hparams();
    }
    if (events_.is_open()) {
        events_.flush_if_due();
    }
}

LIT_INLINE void TensorBoardLogger::finalize(std::string_view status) {
    if (!events_.is_open()) {
        return;
    }
    if (status == "success") {
        save();
    }
    if (std::exchange(session_open_, false)) {
        using Plugin = detail::HParamsPlugin;
        events_.add_plugin_data(Plugin::end_tag, Plugin::name,
                                Plugin::session_end(status != "failed", detail::seconds_since_epoch()));
    }
    events_.close();
}

LIT_INLINE detail::EventFile& TensorBoardLogger::events() {
    if (!events_.is_open()) {
        folder_.require_started("log_metrics");
        events_ = detail::EventFile(folder_.who(), folder_.log_dir(), options_.flush_secs);
    }
    return events_;
}

LIT_INLINE void TensorBoardLogger::write_hparams() {
    save_hparams_to_yaml(folder_.log_dir() / "hparams.yaml", hparams_);
    hparams_written_ = true;
}

}  // namespace lit
