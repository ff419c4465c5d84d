// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "loops/probe.hpp"
#include "loops/semantics_tools.hpp"

#include <lit/callbacks/spike_detection.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using lit::SpikeDetection;
static_assert(lit::CallbackPolicy<SpikeDetection>);

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Has the losses that it is given.
struct Losing : probe::LineBase<Losing> {
    std::vector<double> losses;
    explicit Losing(std::vector<double> given) : losses(std::move(given)) {}
    at::Tensor training_step(const at::Tensor& /*batch*/, std::int64_t batch_idx) {
        return weight.sum() * 0.0 + losses[static_cast<std::size_t>(batch_idx)];
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.0}}; }
};

/// What stands in the file after a spike; nothing without one.
std::optional<std::string> fit(const std::vector<double>& losses, lit::SpikeDetectionOptions options) {
    const semantics::Folder folder;
    Losing module(losses);
    auto trainer = probe::trainer({.max_epochs = 1, .default_root_dir = folder.path()}, SpikeDetection{options});
    try {
        trainer.fit(module, probe::batches(static_cast<std::int64_t>(losses.size())));
    } catch (const lit::TrainingSpike&) {
        std::ifstream file(folder.path() / "skip_batches.json");
        return std::string(std::istreambuf_iterator<char>(file), {});
    }
    return std::nullopt;
}

}  // namespace

TEST_SUITE("callbacks/spike_detection") {
    TEST_CASE("a spike is what it is in Lightning, and so is the file") {
        struct Case {
            std::vector<double> losses;
            lit::SpikeDetectionOptions options;
            int spike;  ///< from Lightning 2.6.6 with these losses; -1: none
        };
        const lit::Mode up = lit::Mode::maximize;
        for (const auto& [losses, options, spike] : std::vector<Case>{
                 {{1, 1.1, 0.9, 1, 5}, {}, 4},
                 {{1, 1.1, 0.9, 1, 2.9}, {}, -1},
                 {{1, 1.1, 0.9, 1, 3.2}, {}, 4},
                 {{1, 1, 3}, {.warmup = 3}, -1},
                 {{1, 1, 1, 3}, {.warmup = 3}, 3},
                 {{1, 1, 1, 3}, {.atol = 2.0, .rtol = std::nullopt}, 3},
                 {{1, 1, 1, 2.9}, {.atol = 2.0, .rtol = std::nullopt}, -1},
                 {{1, 2, not_a_number}, {}, 2},
                 {{1, 2, not_a_number, 9}, {.finite_only = false}, 3},
                 {{1, 2, infinity}, {.finite_only = false}, 2},
                 {{5, 5, 5, 0.1}, {.mode = up, .rtol = 0.5}, 3},
                 {{5, 5, 5, 9}, {.mode = up, .rtol = 0.5}, -1},
                 {{1, 1, 1, 1, 10, 1}, {.window = 2, .rtol = 20.0}, -1},
                 {{1, 8, 8, 8, 25}, {.window = 2, .warmup = 3}, 4},
                 {{3, 2}, {.warmup = 0}, -1},
                 {{1, 1.5}, {.rtol = std::nullopt}, 1}}) {
            CAPTURE(losses);
            const std::optional<std::string> file = fit(losses, options);
            CHECK(file.has_value() == (spike >= 0));
            if (file) {
                CHECK(*file == "[\n    " + std::to_string(spike - 1) + ",\n    " + std::to_string(spike) + "\n]");
            }
        }
    }

    TEST_CASE("a resumed run knows the mean and the batches of the spike before") {
        const semantics::Folder folder;
        const std::filesystem::path file = folder.path() / "sub" / "bad.json";
        lit::Dict state;
        {
            Losing module({1, 1, 9});
            auto trainer = probe::trainer({.max_epochs = 1}, SpikeDetection{{.exclude_batches_path = file}});
            CHECK_THROWS_AS(trainer.fit(module, probe::batches(3)), lit::TrainingSpike);
            state = trainer.get<SpikeDetection>().state_dict();
            CHECK(std::filesystem::exists(file));
        }
        SpikeDetection again{{.warmup = 0}};
        again.load_state_dict(state);
        CHECK(again.bad_batches() == std::vector<std::int64_t>{1, 2});
        Losing module({9});
        auto trainer = probe::trainer({.max_epochs = 1, .default_root_dir = folder.path()}, again);
        CHECK_THROWS_WITH_AS(trainer.fit(module, probe::batches(1)), doctest::Contains("batch 0"), lit::TrainingSpike);
        CHECK(trainer.get<SpikeDetection>().bad_batches() == std::vector<std::int64_t>{1, 2, -1, 0});
    }

    TEST_CASE("options that cannot be are refused") {
        CHECK_THROWS_AS(SpikeDetection({.window = 0}), lit::ConfigError);
        CHECK_THROWS_AS(SpikeDetection({.warmup = -1}), lit::ConfigError);
    }
}
