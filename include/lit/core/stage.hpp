// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace lit {

/// What the user asked for; handed to `setup(stage)` and `teardown(stage)`. Lightning's `TrainerFn`.
enum class Stage : std::uint8_t { fit, validate, test, predict };

/// What the loop is doing at this moment. Lightning's `RunningStage`.
enum class RunningStage : std::uint8_t { none, training, sanity_checking, validating, testing, predicting };

/// Lightning's word for the stage: "fit", "validate", "test", "predict".
[[nodiscard]] constexpr std::string_view to_string(Stage stage) {
    switch (stage) {
        case Stage::fit:
            return "fit";
        case Stage::validate:
            return "validate";
        case Stage::test:
            return "test";
        case Stage::predict:
            return "predict";
    }
    return "?";
}

/// How a run ended.
enum class Status : std::uint8_t {
    finished,     ///< all epochs or steps done, or a callback asked to stop
    interrupted,  ///< Ctrl+C (SIGINT)
    terminated,   ///< SIGTERM
};

/// What a module's `on_train_batch_start` may answer.
enum class Next : std::uint8_t {
    go_on,
    skip_epoch,  ///< end the epoch before this batch; Lightning's -1
};

}  // namespace lit
