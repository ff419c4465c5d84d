// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"

#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/on_exception_checkpoint.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/core/interrupt.hpp>
#include <lit/trainer/default_trainer.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using lit::OnExceptionCheckpoint;
using scripted::Folder;
using scripted::Script;
using Names = std::vector<std::string>;

static_assert(lit::CallbackPolicy<OnExceptionCheckpoint>);
static_assert(!std::is_polymorphic_v<OnExceptionCheckpoint>);
static_assert(lit::detail::has_role<OnExceptionCheckpoint, lit::role::checkpoint>);

enum class By { nothing, exception, interrupt, signal, termination };
/// Breaks off when that step was made.
struct Breaks {
    By how = By::exception;
    std::int64_t at = 3;
    void on_train_batch_end(auto& trainer, auto& /*module*/) const {
        if (trainer.global_step() != at) {
            return;
        }
        switch (how) {
            case By::nothing:
                return;
            case By::exception:
                throw std::runtime_error("broken");
            case By::interrupt:
                throw lit::KeyboardInterrupt();
            case By::signal:
                std::raise(SIGINT);
                return;
            case By::termination:
                std::raise(SIGTERM);
        }
    }
};
struct BreaksInSetup {
    void setup(auto& /*trainer*/, auto& /*module*/, lit::Stage /*stage*/) const { throw std::runtime_error("not yet"); }
};
struct ThrowsWhenTold {
    void on_exception(auto& /*trainer*/, auto& /*module*/, const std::exception& /*error*/) const {
        throw std::runtime_error("told");
    }
};
std::int64_t step_in(const std::filesystem::path& file) {
    return lit::load_checkpoint(file).at("global_step").to_int();
}

}  // namespace

TEST_SUITE("callbacks/on_exception_checkpoint") {
    TEST_CASE("saves when the run breaks off, goes on from there, and removes the file when all went well") {
        for (const By how : {By::exception, By::interrupt, By::signal}) {
            CAPTURE(static_cast<int>(how));
            const Folder folder;
            auto trainer = scripted::trainer({.max_epochs = 2}, Breaks{how},
                                             OnExceptionCheckpoint{{.dirpath = folder.path()}});
            Script module;
            if (how == By::exception) {
                CHECK_THROWS_AS(trainer.fit(module, scripted::batches(4)), std::runtime_error);
            } else {
                CHECK(trainer.fit(module, scripted::batches(4)).status == lit::Status::interrupted);
            }
            CHECK(folder.files() == Names{"on_exception.ckpt"});
            CHECK(trainer.get<OnExceptionCheckpoint>().ckpt_path() == folder.path() / "on_exception.ckpt");
            CHECK(step_in(folder.path() / "on_exception.ckpt") == 3);

            // Another process: no ckpt_path is given.
            auto again = scripted::trainer({.max_epochs = 2}, Breaks{By::nothing},
                                           OnExceptionCheckpoint{{.dirpath = folder.path()}});
            Script fresh;
            const auto result = again.fit(fresh, scripted::batches(4));
            CHECK(result.global_step == 8);
            CHECK(result.epochs == 2);
            CHECK(folder.files().empty());
        }
    }
    TEST_CASE("without a file the fit begins anew") {
        const Folder folder;
        auto trainer =
            scripted::trainer({.max_epochs = 1}, OnExceptionCheckpoint{{.dirpath = folder.path() / "none"}});
        Script module;
        CHECK(trainer.fit(module, scripted::batches(4)).global_step == 4);
        CHECK(folder.files().empty());
    }
    TEST_CASE("the newest of all last checkpoints is gone on from") {
        const Folder folder;
        using Saver = lit::ModelCheckpoint<>;
        const Saver saver{{.dirpath = folder.path(), .save_last = true, .every_n_train_steps = 2}};
        const OnExceptionCheckpoint keeper{{.dirpath = folder.path(), .filename = "broken"}};
        auto trainer = scripted::trainer({.max_epochs = 2}, Breaks{}, saver, keeper);
        Script module;
        CHECK_THROWS_AS(trainer.fit(module, scripted::batches(4)), std::runtime_error);
        const auto broken = folder.path() / "broken.ckpt";
        const auto last = folder.path() / "last.ckpt";
        CHECK(step_in(broken) == 3);
        CHECK(step_in(last) == 2);
        const auto resumed_at = [&](const std::filesystem::path& newer, const std::filesystem::path& older) {
            const auto now = std::filesystem::file_time_type::clock::now();
            std::filesystem::last_write_time(older, now - std::chrono::hours(1));
            std::filesystem::last_write_time(newer, now);
            const auto copy = folder.path() / "copy";
            std::filesystem::copy_file(broken, copy, std::filesystem::copy_options::overwrite_existing);
            auto again = scripted::trainer({.max_epochs = 2, .max_steps = 0}, saver, keeper);
            Script fresh;
            const auto step = again.fit(fresh, scripted::batches(4)).global_step;
            std::filesystem::rename(copy, broken);
            return step;
        };
        CHECK(resumed_at(broken, last) == 3);
        CHECK(resumed_at(last, broken) == 2);
    }
    TEST_CASE("the other stages do not go on by themselves, and tear down as well") {
        const Folder folder;
        auto trainer =
            scripted::trainer({.max_epochs = 1}, Breaks{}, OnExceptionCheckpoint{{.dirpath = folder.path()}});
        Script module;
        CHECK_THROWS_AS(trainer.fit(module, scripted::batches(4)), std::runtime_error);
        Script other;
        at::NoGradGuard guard;
        other.layer->weight.fill_(7.0);
        trainer.validate(other, scripted::batches(1), {.verbose = false});
        CHECK(other.layer->weight.equal(at::full({1, 2}, 7.0)));
        CHECK(folder.files().empty());  // a validation that ends well tears down as well
    }
    TEST_CASE("it is a checkpoint, so no ModelCheckpoint is added to it") {
        const Folder folder;
        auto with = lit::default_trainer({}, OnExceptionCheckpoint{{.dirpath = folder.path()}});
        auto without = lit::default_trainer({});
        static_assert(sizeof(with) < sizeof(without));
    }
    TEST_CASE("refuses an empty name and an empty folder") {
        CHECK_THROWS_WITH_AS((OnExceptionCheckpoint{{.dirpath = ".", .filename = ""}}),
                             doctest::Contains("OnExceptionCheckpoint: filename is empty"), lit::ConfigError);
        CHECK_THROWS_WITH_AS(OnExceptionCheckpoint{{}}, doctest::Contains("dirpath is empty"),
                             lit::ConfigError);
    }
    TEST_CASE("what breaks off before training, or outside of it, leaves the earlier file; a hook that throws keeps none back") {
        const Folder folder;
        const OnExceptionCheckpoint keeper{{.dirpath = folder.path()}};
        // The callback before it throws while it is told of the exception.
        auto trainer = scripted::trainer({.max_epochs = 2}, Breaks{}, ThrowsWhenTold{}, keeper);
        Script module;
        CHECK_THROWS_WITH(trainer.fit(module, scripted::batches(4)), "told");
        REQUIRE(folder.files() == Names{"on_exception.ckpt"});

        auto early = scripted::trainer({.max_epochs = 2}, BreaksInSetup{}, keeper);
        CHECK_THROWS_WITH(early.fit(module, scripted::batches(4)), "not yet");
        CHECK_THROWS_WITH(early.validate(module, scripted::batches(4)), "not yet");
        CHECK(step_in(folder.path() / "on_exception.ckpt") == 3);
    }
    TEST_CASE("each kind of end may be left out") {
        for (const auto& [how, options] :
             {std::pair{By::exception, lit::OnExceptionCheckpointOptions{.on_error = false}},
              std::pair{By::interrupt, lit::OnExceptionCheckpointOptions{.on_interrupt = false}},
              std::pair{By::termination, lit::OnExceptionCheckpointOptions{.on_termination = false}}}) {
            for (const bool wanted : {false, true}) {
                CAPTURE(static_cast<int>(how));
                CAPTURE(wanted);
                const Folder folder;
                lit::OnExceptionCheckpointOptions chosen = options;
                if (wanted) {  // that kind alone
                    chosen.on_error = !chosen.on_error;
                    chosen.on_interrupt = !chosen.on_interrupt;
                    chosen.on_termination = !chosen.on_termination;
                }
                chosen.dirpath = folder.path();
                auto trainer = scripted::trainer({.max_epochs = 1}, Breaks{how}, OnExceptionCheckpoint{chosen});
                Script module;
                if (how == By::exception) {
                    CHECK_THROWS_AS(trainer.fit(module, scripted::batches(4)), std::runtime_error);
                } else {
                    CHECK(!trainer.fit(module, scripted::batches(4)).finished());
                }
                CHECK(folder.files() == (wanted ? Names{"on_exception.ckpt"} : Names{}));
            }
        }
        CHECK_THROWS_WITH_AS((OnExceptionCheckpoint{
                                 {.dirpath = ".", .on_interrupt = false, .on_termination = false, .on_error = false}}),
                             doctest::Contains("nothing is ever saved"), lit::ConfigError);
    }
}
