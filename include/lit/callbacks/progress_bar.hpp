// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/detail/progress_output.hpp>
#include <lit/callbacks/detail/progress_text.hpp>
#include <lit/core/error.hpp>
#include <lit/core/metric_names.hpp>
#include <lit/core/stage.hpp>
#include <lit/loggers/logger.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <vector>

namespace lit {

struct ProgressBarOptions {
    std::int64_t refresh_rate = 1;       ///< draws on every such batch at most; 0: never anything
    bool leave = false;                  ///< whether the bar of each epoch stays on the terminal
    std::FILE* file = nullptr;           ///< none: stdout
    std::optional<bool> terminal{};      ///< none: as the file is
    std::optional<std::size_t> width{};  ///< in characters; none: as wide as the terminal
    bool ascii = false;                  ///< the bar in # rather than in blocks
};

/// Shows how far a run has come, with the values that were logged with `.prog_bar = true`.
///
/// On a terminal one line is redrawn in place, with a second one below it while validation runs. In a file or a pipe
/// there is one plain line for each epoch, each `validate`, `test` and `predict`, and no control characters.
/// Cost    on rank 0 a clock is read for each batch. A line is drawn at most every 50 ms, and only then is a value read
///         (a wait for the device).
/// Errors  ConfigError for refresh_rate < 0.
/// Source  Lightning `TQDMProgressBar`; the number of epochs behind the slash is from `RichProgressBar`.
class ProgressBar {
 public:
    using Role = role::progress_bar;

    explicit ProgressBar(ProgressBarOptions options = {})
        : options_(options), output_(options.file, options.terminal, options.width, options.ascii) {
        if (options_.refresh_rate < 0) {
            throw ConfigError("ProgressBar: refresh_rate = " + std::to_string(options_.refresh_rate) +
                              ". Expected a number of batches, or 0 to show nothing.");
        }
    }

    void on_sanity_check_start(auto& trainer, auto& /*module*/) {
        evaluate(trainer, "Sanity Checking", false);
    }
    void on_sanity_check_end(auto& /*trainer*/, auto& /*module*/) { output_.clear(); }

    void on_train_epoch_start(auto& trainer, auto& /*module*/) { start_epoch(trainer); }
    void on_train_batch_end(auto& trainer, auto& /*module*/) {
        if (!shows(trainer)) {
            return;
        }
        if (train_.description.empty()) {
            start_epoch(trainer);  // the rest of an epoch that another run began
            train_.first = trainer.progress().batch.current.ready - 1;
        }
        train_.done = trainer.progress().batch.current.ready;
        draw_if_due(train_, [&] { return metrics(trainer); });
    }
    void on_train_epoch_end(auto& trainer, auto& /*module*/) {
        // On every rank, drawn or not: values of the epoch may be reduced over the ranks.
        [[maybe_unused]] const auto& published = trainer.progress_bar_metrics();
        if (!shows(trainer)) {
            return;
        }
        if (!output_.on_terminal() || options_.leave) {
            output_.finish(train_, metrics(trainer));
        } else {
            draw_if_due(train_, [&] { return metrics(trainer); });
        }
    }
    void on_train_end(auto& trainer, auto& /*module*/) {
        if (shows(trainer) && output_.on_terminal() && !options_.leave && !train_.description.empty()) {
            output_.finish(train_, metrics(trainer));
        }
        train_ = {};
    }

    void on_validation_start(auto& trainer, auto& /*module*/) {
        if (trainer.sanity_checking()) {
            return;
        }
        const bool inside_fit = trainer.stage() == Stage::fit;
        if (inside_fit && shows(trainer) && output_.on_terminal() && !train_.description.empty()) {
            output_.draw(train_, metrics(trainer), Clock::now());
            output_.go_down();
        }
        evaluate(trainer, "Validation", !inside_fit);
    }
    void on_validation_batch_start(auto& trainer, auto& /*module*/, const auto& /*batch*/,
                                   std::int64_t /*batch_idx*/, std::int64_t dataloader_idx) {
        const auto& batches = trainer.sanity_checking()       ? trainer.num_sanity_val_batches()
                              : trainer.stage() == Stage::fit ? trainer.num_val_batches()
                                                              : trainer.num_eval_batches();
        start_loader(trainer, batches, dataloader_idx);
    }
    void on_validation_batch_end(auto& trainer, auto& /*module*/) { advance(trainer); }
    void on_validation_end(auto& trainer, auto& /*module*/) {
        if (!shows(trainer) || trainer.sanity_checking()) {
            return;
        }
        if (trainer.stage() != Stage::fit) {
            end_evaluation();
        } else if (output_.on_terminal() && !train_.description.empty()) {
            output_.go_up();
            output_.draw(train_, metrics(trainer), Clock::now());
        }
    }

    void on_test_start(auto& trainer, auto& /*module*/) { evaluate(trainer, "Testing", true); }
    void on_test_batch_start(auto& trainer, auto& /*module*/, const auto& /*batch*/,
                             std::int64_t /*batch_idx*/, std::int64_t dataloader_idx) {
        start_loader(trainer, trainer.num_eval_batches(), dataloader_idx);
    }
    void on_test_batch_end(auto& trainer, auto& /*module*/) { advance(trainer); }
    void on_test_end(auto& trainer, auto& /*module*/) { shows(trainer) ? end_evaluation() : void(); }

    void on_predict_start(auto& trainer, auto& /*module*/) { evaluate(trainer, "Predicting", true); }
    void on_predict_batch_start(auto& trainer, auto& /*module*/, const auto& /*batch*/,
                                std::int64_t /*batch_idx*/, std::int64_t dataloader_idx) {
        start_loader(trainer, trainer.num_eval_batches(), dataloader_idx);
    }
    void on_predict_batch_end(auto& trainer, auto& /*module*/) { advance(trainer); }
    void on_predict_end(auto& trainer, auto& /*module*/) { shows(trainer) ? end_evaluation() : void(); }

    void on_exception(auto& /*trainer*/, auto& /*module*/, const std::exception& /*error*/) {
        output_.leave();
        train_ = {};
    }

    /// For whoever wants to print: takes the line in work from the screen; the next drawing brings it back.
    void clear_line() { output_.clear(); }

 private:
    using Clock = detail::ProgressLine::Clock;

    [[nodiscard]] bool shows(auto& trainer) const {
        return options_.refresh_rate > 0 && trainer.is_global_zero();
    }

    void start_epoch(auto& trainer) {
        const auto limit = trainer.options().max_epochs;
        const std::string last = limit && *limit > 0 ? "/" + std::to_string(*limit - 1) : "";
        train_ = {.description = "Epoch " + std::to_string(trainer.current_epoch()) + last,
                  .total = trainer.num_training_batches().value_or(-1),
                  .started = Clock::now()};
    }
    void evaluate(auto& /*trainer*/, const char* what, bool stays) {
        what_ = what;
        stays_ = stays;
        loader_ = -1;
    }
    void start_loader(auto& trainer, const std::vector<std::int64_t>& batches, std::int64_t loader) {
        if (loader == loader_ || !shows(trainer)) {
            return;
        }
        if (loader_ >= 0 && stays_) {
            output_.finish(evaluation_, {});
        }
        loader_ = loader;
        const auto at = static_cast<std::size_t>(loader);
        evaluation_ = {.description = std::string(what_) + " DataLoader " + std::to_string(loader),
                       .total = at < batches.size() ? batches[at] : -1,
                       .started = Clock::now()};
    }
    void advance(auto& trainer) {
        if (shows(trainer)) {
            ++evaluation_.done;
            draw_if_due(evaluation_, [] { return std::string(); });
        }
    }
    void end_evaluation() {
        if (loader_ >= 0) {
            output_.finish(evaluation_, {});
            loader_ = -1;
        }
    }
    template <class Metrics>
    void draw_if_due(const detail::ProgressLine& line, Metrics&& read) {
        if (!output_.on_terminal() || (line.done % options_.refresh_rate != 0 && line.done != line.total)) {
            return;
        }
        if (const Clock::time_point now = Clock::now(); output_.due(now)) {
            output_.draw(line, read(), now);
        }
    }

    /// `v_num=0, train_loss=0.123`
    [[nodiscard]] static std::string metrics(auto& trainer) {
        std::string text;
        trainer.for_each_logger([&text](const auto& logger) {
            const std::string version = logger.version();
            if (!text.empty() || version.empty()) {
                return;
            }
            const auto number = version_number(version);
            constexpr std::size_t shown = 4;
            text = "v_num=" + (number                   ? std::to_string(*number)
                               : version.size() > shown ? version.substr(version.size() - shown)
                                                        : version);
        });
        for (const auto& [id, number] : trainer.progress_bar_metrics().items()) {
            text += (text.empty() ? "" : ", ") + MetricNames::name(id) + "=" +
                    detail::short_number(number.value());
        }
        return text;
    }

    ProgressBarOptions options_;
    detail::ProgressOutput output_;
    detail::ProgressLine train_;
    detail::ProgressLine evaluation_;
    const char* what_ = "";
    std::int64_t loader_ = -1;
    bool stays_ = false;
};

}  // namespace lit
