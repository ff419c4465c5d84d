// SPDX-License-Identifier: Apache-2.0
// Sections 1, 5 and 6 of docs/lightning.md: components together in one trainer.
#include <lit/callbacks/early_stopping.hpp>

#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace {

struct Grows : probe::LineBase<Grows> {
    at::Tensor training_step(const at::Tensor& batch) {
        log<"a">(1.0);
        return loss(batch);
    }
    void validation_step(const at::Tensor&) { log<"v">(5.0 + 6.0 * static_cast<double>(current_epoch())); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

}  // namespace

TEST_SUITE("trainer/semantics_components") {
    TEST_CASE("every logger gets every row, and one that may be absent gets none") {
        std::vector<probe::Rows::Row> first, second;
        Grows module;
        auto trainer =
            probe::trainer({.max_epochs = 1, .log_every_n_steps = 1}, probe::Rows{.rows = &first},
                           std::optional<probe::Rows>(), std::optional(probe::Rows{.rows = &second}));
        trainer.fit(module, probe::batches(2), probe::batches(1));
        CHECK(first.size() == 3);
        CHECK(first == second);
    }

    TEST_CASE("a value that runs away stops the run with the sign that was crossed") {
        Grows module;
        using Stop = lit::EarlyStopping<"v">;
        auto trainer = probe::trainer({.max_epochs = 9}, Stop{{.divergence_threshold = 10.0}});
        CHECK(trainer.fit(module, probe::batches(1), probe::batches(1)).epochs == 2);
        CHECK(trainer.get<Stop>().stopping_reason_message() ==
              "Divergence threshold reached: v = 11.0 > 10.0. Signaling Trainer to stop.");
        Grows upwards;
        auto falling = probe::trainer({.max_epochs = 9},
                                      Stop{{.mode = lit::Mode::maximize, .divergence_threshold = 7.0}});
        CHECK(falling.fit(upwards, probe::batches(1), probe::batches(1)).epochs == 1);
        CHECK(falling.get<Stop>().stopping_reason_message() ==
              "Divergence threshold reached: v = 5.0 < 7.0. Signaling Trainer to stop.");
    }
}
