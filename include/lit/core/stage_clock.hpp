// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/duration.hpp>
#include <lit/core/rank_zero_decides.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/value.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace lit {

/// How long each stage of a run has taken: the clockwork of `Timer` and of `TrainerOptions::max_time`.
///
/// Units   seconds of the monotonic clock. Training counts from where a checkpoint left off, and with the validation
///         inside of it; the other stages count from the start of their last run.
/// Source  Lightning `Timer`. There a stage that starts again keeps the end of its run before, so that its time is
///         negative until it ends; here a start takes the end back.
class StageClock {
 public:
    void start(RunningStage stage) { of(stage) = {now(), std::nullopt}; }
    void end(RunningStage stage) { of(stage).end = now(); }

    [[nodiscard]] std::optional<double> start_time(RunningStage stage) const { return of(stage).start; }
    [[nodiscard]] std::optional<double> end_time(RunningStage stage) const { return of(stage).end; }
    [[nodiscard]] double time_elapsed(RunningStage stage) const {
        const Span& span = of(stage);
        const double before = stage == RunningStage::training ? offset_ : 0.0;
        return span.start ? span.end.value_or(now()) - *span.start + before : before;
    }

    [[nodiscard]] Dict state_dict() const;
    /// Training goes on counting from there.
    void load_state_dict(const Dict& state);

 private:
    struct Span {
        std::optional<double> start{};
        std::optional<double> end{};
    };
    // Lightning's words, in the order of RunningStage.
    static constexpr std::array<std::string_view, 5> names = {"train", "sanity_check", "validate", "test",
                                                              "predict"};

    [[nodiscard]] static double now() {
        return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    }
    [[nodiscard]] Span& of(RunningStage stage) { return spans_[static_cast<std::size_t>(stage)]; }
    [[nodiscard]] const Span& of(RunningStage stage) const { return spans_[static_cast<std::size_t>(stage)]; }

    std::array<Span, 6> spans_{};
    double offset_ = 0.0;
};

namespace detail {

/// Asks for a stop once the training time is used up, on all ranks when it is on rank 0.
void stop_when_time_is_up(auto& trainer, const StageClock& clock, const Duration& limit, bool verbose) {
    const double elapsed = clock.time_elapsed(RunningStage::training);
    if (!rank_zero_decides(trainer, elapsed >= limit.seconds())) {
        return;
    }
    trainer.request_stop("the time limit was reached");
    if (verbose) {
        const auto whole = static_cast<std::int64_t>(elapsed);
        char text[48];
        std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", static_cast<long long>(whole / 3600),
                      static_cast<long long>(whole / 60 % 60), static_cast<long long>(whole % 60));
        trainer.print("lit: time limit reached. Elapsed time is " + std::string(text) +
                      ". Signaling the trainer to stop.");
    }
}

}  // namespace detail
}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/stage_clock.hpp>
#endif
