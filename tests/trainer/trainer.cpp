// SPDX-License-Identifier: Apache-2.0
#include <lit/trainer/trainer.hpp>

#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/loggers/csv_logger.hpp>
#include <lit/loggers/tensorboard_logger.hpp>
#include <lit/precision/bf16_mixed.hpp>

#include "loops/probe.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"

#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace {

namespace fs = std::filesystem;
using lit::Fp32;
using lit::SingleDevice;
using lit::Trainer;

struct Empty {
    void on_train_end(auto& /*trainer*/, auto& /*module*/) {}
};
struct OtherEmpty {
    void on_train_end(auto& /*trainer*/, auto& /*module*/) {}
};

// What is absent takes no room, and nothing has a vtable.
using Bare = Trainer<SingleDevice, Fp32>;
static_assert(sizeof(Bare) == sizeof(Trainer<SingleDevice, Fp32, Empty>));
static_assert(sizeof(Bare) == sizeof(Trainer<SingleDevice, Fp32, Empty, OtherEmpty, lit::NullLogger>));
static_assert(sizeof(Bare) == sizeof(Trainer<SingleDevice, lit::Bf16Mixed>));
static_assert(sizeof(Trainer<SingleDevice, Fp32, lit::GradientClip>) <=
              sizeof(Bare) + sizeof(lit::GradientClip));
static_assert(sizeof(Trainer<SingleDevice, Fp32, lit::GradientAccumulation>) <=
              sizeof(Bare) + sizeof(lit::GradientAccumulation));
static_assert(!std::is_polymorphic_v<Bare> && !std::is_polymorphic_v<SingleDevice> &&
              !std::is_polymorphic_v<lit::RunState>);
static_assert(!std::is_polymorphic_v<Trainer<SingleDevice, Fp32, Empty, lit::CSVLogger>>);
static_assert(std::is_nothrow_move_constructible_v<lit::GradientClip>);
static_assert(lit::CallbackPolicy<Empty> && lit::CallbackPolicy<std::optional<Empty>> &&
              !lit::CallbackPolicy<int>);

/// A folder of its own, removed with everything in it.
struct Folder {
    fs::path path = fs::temp_directory_path() / ("lit-trainer-" + std::to_string(::getpid()));
    Folder() {
        fs::remove_all(path);
        fs::create_directories(path);
    }
    ~Folder() { fs::remove_all(path); }
};

/// Own loaders, and every stage.
struct Everything : probe::LineBase<Everything> {
    std::vector<at::Tensor> train = probe::batches(2), val = probe::batches(1), test = probe::batches(3);
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void validation_step(const at::Tensor& batch) { log<"v">(batch.mean()); }
    void test_step(const at::Tensor& batch) { log<"t">(batch.mean()); }
    at::Tensor predict_step(const at::Tensor& batch) { return loss(batch); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
    auto& train_dataloader() { return train; }
    auto& val_dataloader() { return val; }
    auto& test_dataloader() { return test; }
    auto& predict_dataloader() { return test; }
};
struct Own : lit::DataModule<Own> {
    auto train_dataloader() { return probe::batches(2); }
    auto val_dataloader() { return probe::batches(1); }
    auto test_dataloader() { return probe::batches(3); }
    auto predict_dataloader() { return probe::batches(3); }
};

/// Does something in one hook of one stage.
struct Bang : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct Heard {
    int* exceptions;
    void on_exception(auto&, auto&, const std::exception& error) {
        *exceptions += std::string(error.what()) == "bang";
    }
};
struct Throws : probe::LineBase<Throws> {
    lit::Stage where = lit::Stage::fit;
    void maybe(lit::Stage here) const {
        if (here == where) {
            throw Bang("bang");
        }
    }
    at::Tensor training_step(const at::Tensor& batch) {
        maybe(lit::Stage::fit);
        return loss(batch);
    }
    void validation_step(const at::Tensor&) { maybe(lit::Stage::validate); }
    void test_step(const at::Tensor&) { maybe(lit::Stage::test); }
    int predict_step(const at::Tensor&) {
        maybe(lit::Stage::predict);
        return 1;
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

struct Raises {
    int signal;
    std::int64_t at;
    std::vector<std::string>* heard;
    void on_train_batch_end(auto& trainer, auto&) {
        if (trainer.global_step() == at) {
            std::raise(signal);
        }
    }
    void on_train_epoch_end(auto&, auto&) { heard->push_back("epoch_end"); }
    void on_train_end(auto&, auto&) { heard->push_back("train_end"); }
    void on_exception(auto&, auto&, const std::exception& error) { heard->push_back(error.what()); }
};

struct RaisesAtTheEnd {
    int signal;
    void on_train_end(auto& /*trainer*/, auto& /*module*/) const { std::raise(signal); }
};

struct Interrupts : Empty {
    void on_train_batch_start(auto&, auto&) { throw lit::KeyboardInterrupt(); }
};

/// Sends itself a signal in its first prediction.
struct Signalled : probe::LineBase<Signalled> {
    int signal = SIGTERM;
    int batches = 0;
    at::Tensor predict_step(const at::Tensor& batch) {
        if (++batches == 1) {
            std::raise(signal);
        }
        return loss(batch);
    }
    auto predict_dataloader() { return probe::batches(3); }
};

/// Has troubles of its own when it hears of an exception.
struct FailsToHear {
    void on_exception(auto&, auto&, const std::exception&) const { throw std::logic_error("while handling"); }
};

volatile std::sig_atomic_t old_handler_calls = 0;

}  // namespace

TEST_SUITE("trainer/trainer") {
    TEST_CASE("every stage takes loaders, a data module, or the module's own loaders") {
        auto trainer = probe::trainer({.max_epochs = 1});
        const lit::RunOptions quiet{.verbose = false};
        const auto run = [&](auto&& fit, auto&& data) {
            Everything module;
            auto fresh = probe::trainer({.max_epochs = 1});
            CHECK(fit(fresh, module).global_step == 2);
            CHECK(module.value() == 1.0F - 1.0F - 2.0F);
            CHECK(fresh.callback_metrics().value("v") == 1.0);
            CHECK(trainer.test(module, data(module, 't'), quiet)[0].at("t") == 2.0);
            CHECK(trainer.validate(module, data(module, 'v'), quiet)[0].at("v") == 1.0);
            CHECK(trainer.predict(module, data(module, 'p'))[0].size() == 3);
        };
        auto train = probe::batches(2);
        auto val = probe::batches(1);
        auto test = probe::batches(3);
        run([&](auto& t, auto& m) { return t.fit(m, train, val); },
            [&](auto&, char which) -> auto& { return which == 'v' ? val : test; });
        Own own;
        run([&](auto& t, auto& m) { return t.fit(m, own); }, [&](auto&, char) -> auto& { return own; });
        run([&](auto& t, auto& m) { return t.fit(m); }, [&](auto& m, char) -> auto& { return m; });
        run([&](auto& t, auto& m) { return t.fit(m, probe::batches(2), probe::batches(1)); },
            [&](auto&, char) -> auto& { return own; });
    }

    TEST_CASE("a bad option is refused when the trainer is made, by its name") {
        struct Row {
            lit::TrainerOptions options;
            const char* name;
        };
        for (const Row& row : {
                 Row{{.fast_dev_run = -1}, "fast_dev_run = -1"},
                 Row{{.max_epochs = -2}, "max_epochs = -2"},
                 Row{{.min_epochs = -1}, "min_epochs = -1"},
                 Row{{.max_steps = -2}, "max_steps = -2"},
                 Row{{.min_steps = -1}, "min_steps = -1"},
                 Row{{.max_time = std::chrono::seconds(-1)}, "max_time"},
                 Row{{.limit_train_batches = 1.5}, "limit_train_batches = 1.5"},
                 Row{{.limit_val_batches = -1}, "limit_val_batches = -1"},
                 Row{{.limit_test_batches = 2.5}, "limit_test_batches = 2.5"},
                 Row{{.limit_predict_batches = -0.1}, "limit_predict_batches = -0.1"},
                 Row{{.overfit_batches = 1.1}, "overfit_batches = 1.1"},
                 Row{{.val_check_interval = 1.5}, "val_check_interval = 1.5"},
                 Row{{.val_check_interval = 0}, "val_check_interval = 0"},
                 Row{{.val_check_interval = 0.5, .check_val_every_n_epoch = std::nullopt},
                     "val_check_interval = 0.5"},
                 Row{{.check_val_every_n_epoch = 0}, "check_val_every_n_epoch = 0"},
                 Row{{.num_sanity_val_steps = -2}, "num_sanity_val_steps = -2"},
                 Row{{.log_every_n_steps = -1}, "log_every_n_steps = -1"},
                 Row{{.reload_dataloaders_every_n_epochs = -1}, "reload_dataloaders_every_n_epochs = -1"},
             }) {
            CAPTURE(row.name);
            CHECK_THROWS_WITH_AS(probe::trainer(row.options), doctest::Contains(row.name), lit::ConfigError);
        }
        CHECK_NOTHROW(probe::trainer({.limit_train_batches = 2.0, .overfit_batches = 1}));
        CHECK_THROWS_AS(lit::GradientAccumulation{0}, lit::ConfigError);
    }

    TEST_CASE("an exception in any stage comes out after every component has heard of it") {
        const lit::RunOptions quiet{.verbose = false};
        auto data = probe::batches(1);
        for (const lit::Stage where :
             {lit::Stage::fit, lit::Stage::validate, lit::Stage::test, lit::Stage::predict}) {
            CAPTURE(lit::to_string(where));
            int exceptions = 0;
            probe::Tape tape;
            Throws module;
            module.where = where;
            auto trainer = probe::trainer({.max_epochs = 1}, Heard{&exceptions}, probe::Rows{.tape = &tape},
                                          Heard{&exceptions});
            const auto run = [&] {
                switch (where) {
                    case lit::Stage::fit:
                        trainer.fit(module, data);
                        break;
                    case lit::Stage::validate:
                        trainer.validate(module, data, quiet);
                        break;
                    case lit::Stage::test:
                        trainer.test(module, data, quiet);
                        break;
                    case lit::Stage::predict:
                        static_cast<void>(trainer.predict(module, data));
                        break;
                }
            };
            CHECK_THROWS_AS(run(), Bang);
            CHECK(exceptions == 2);
            CHECK(probe::joined(tape) == "L.start L.finalize(failed)");
            CHECK(module.current_epoch() == 0);  // untied from the trainer
            module.where = where == lit::Stage::fit ? lit::Stage::test : lit::Stage::fit;
            if (where != lit::Stage::validate) {
                CHECK_NOTHROW(run());
            }
        }
    }

    TEST_CASE(
        "SIGINT ends the fit after the batch, SIGTERM too, and the handlers that were there come back") {
        struct Row {
            int signal;
            std::int64_t at;
            lit::Status status;
            std::int64_t steps;
            const char* heard;
        };
        // On the last batch of an epoch SIGTERM lets the epoch's end run, as in Lightning; SIGINT does not.
        for (const Row& row : {Row{SIGINT, 2, lit::Status::interrupted, 2, "Interrupted (SIGINT)."},
                               Row{SIGTERM, 2, lit::Status::terminated, 2, "Terminated (SIGTERM)."},
                               Row{SIGTERM, 4, lit::Status::terminated, 4, "epoch_end Terminated (SIGTERM)."},
                               Row{SIGINT, 4, lit::Status::interrupted, 4, "Interrupted (SIGINT)."}}) {
            CAPTURE(row.signal);
            CAPTURE(row.at);
            old_handler_calls = 0;
            const auto before =
                std::signal(row.signal, [](int) { old_handler_calls = old_handler_calls + 1; });
            std::vector<std::string> heard;
            probe::Tape tape;
            probe::Line module;
            auto train = probe::batches(4);
            auto trainer = probe::trainer({.max_epochs = 3}, Raises{row.signal, row.at, &heard},
                                          probe::Rows{.tape = &tape});
            const semantics::Stderr said;
            const lit::FitResult result = trainer.fit(module, train);
            CHECK(said.contains(row.signal == SIGINT ? "lit: fit stopped: Interrupted (SIGINT).\n"
                                                     : "lit: fit stopped: Terminated (SIGTERM).\n"));
            CHECK(result.status == row.status);
            CHECK_FALSE(result.finished());
            CHECK(result.global_step == row.steps);
            CHECK(probe::joined(heard) == row.heard);
            CHECK(probe::joined(tape) == "L.start L.finalize(failed)");
            CHECK(old_handler_calls == 0);
            std::raise(row.signal);
            CHECK(old_handler_calls == 1);
            std::signal(row.signal, before);
        }
    }

    TEST_CASE("Ctrl+C after the last batch is heard, and SIGTERM has nothing left to end") {
        for (const int signal : {SIGINT, SIGTERM}) {
            CAPTURE(signal);
            probe::Line module;
            auto train = probe::batches(2);
            auto trainer = probe::trainer({.max_epochs = 1}, RaisesAtTheEnd{signal});
            const lit::FitResult result = trainer.fit(module, train);
            CHECK(result.status == (signal == SIGINT ? lit::Status::interrupted : lit::Status::finished));
            CHECK(result.global_step == 2);
        }
    }

    TEST_CASE("predict goes on after SIGTERM as Lightning's does, and ends after Ctrl+C") {
        auto trainer = probe::trainer({});
        Signalled module;
        CHECK(trainer.predict(module, module)[0].size() == 3);
        module.signal = SIGINT;
        module.batches = 0;
        CHECK_THROWS_AS(static_cast<void>(trainer.predict(module, module)), lit::KeyboardInterrupt);
        CHECK(module.batches == 1);
    }

    TEST_CASE("what on_exception throws comes out instead, and those behind it hear of the first all the same") {
        int exceptions = 0;
        probe::Tape tape;
        Throws module;
        auto data = probe::batches(1);
        auto trainer = probe::trainer({.max_epochs = 1}, Heard{&exceptions}, FailsToHear{}, Heard{&exceptions},
                                      probe::Rows{.tape = &tape});
        CHECK_THROWS_WITH_AS(trainer.fit(module, data), "while handling", std::logic_error);
        CHECK(exceptions == 2);
        CHECK(probe::joined(tape) == "L.start L.finalize(failed)");  // put in order all the same
    }

    TEST_CASE("an Interrupt that a hook throws is a status, not an exception") {
        probe::Line module;
        auto train = probe::batches(2);
        auto trainer = probe::trainer({.max_epochs = 1}, Interrupts{});
        const lit::FitResult result = trainer.fit(module, train);
        CHECK(result.status == lit::Status::interrupted);
        CHECK(result.global_step == 0);
        auto again = probe::trainer({.max_epochs = 1});
        CHECK(again.fit(module, train).finished());
    }

    TEST_CASE("a folder that cannot be written is an error before the first batch") {
        const Folder folder;
        const fs::path file = folder.path / "file";
        std::ofstream(file) << "in the way";
        probe::Line module;
        auto train = probe::batches(1);
        const lit::TrainerOptions options{.max_epochs = 1, .default_root_dir = file / "root"};
        auto csv = probe::trainer(options, lit::CSVLogger{});
        CHECK_THROWS_WITH_AS(csv.fit(module, train), doctest::Contains("file"), lit::FileError);
        auto tensorboard = probe::trainer(options, lit::TensorBoardLogger{});
        CHECK_THROWS_WITH_AS(tensorboard.fit(module, train), doctest::Contains("file"), lit::FileError);
        CHECK(module.value() == 1.0F);
    }

    TEST_CASE("an absent optional component does nothing and is not got") {
        probe::Line module;
        auto train = std::vector<at::Tensor>{at::full({2}, 4.0)};
        auto trainer = probe::trainer({.max_epochs = 1}, std::optional<lit::GradientClip>(),
                                      std::optional<lit::GradientAccumulation>(std::in_place, 1));
        trainer.fit(module, train);
        CHECK(module.value() == -3.0F);
        CHECK_THROWS_AS(static_cast<void>(trainer.get<lit::GradientClip>()), lit::ConfigError);
        CHECK(trainer.get<lit::GradientAccumulation>().accumulate_grad_batches() == 1);
    }

    TEST_CASE("fast_dev_run saves and logs nothing and runs so many batches of each kind") {
        std::vector<probe::Rows::Row> rows;
        probe::Tape tape;
        Everything module;
        auto trainer = probe::trainer({.fast_dev_run = 1, .log_every_n_steps = 1},
                                      probe::Rows{.rows = &rows, .tape = &tape});
        CHECK(trainer.fit(module).global_step == 1);
        CHECK(trainer.test(module, module, {.verbose = false})[0].at("t") == 1.0);
        CHECK(rows.empty());
        CHECK(tape.empty());
    }

    TEST_CASE("deterministic algorithms are on during the run and off again afterwards") {
        struct Looks {
            bool* on;
            void on_train_start() { *on = at::globalContext().deterministicAlgorithms(); }
        };
        bool on = false;
        probe::Line module;
        auto train = probe::batches(1);
        auto trainer = probe::trainer({.max_epochs = 1, .deterministic = true}, Looks{&on});
        trainer.fit(module, train);
        CHECK(on);
        CHECK_FALSE(at::globalContext().deterministicAlgorithms());
        CHECK(std::string(std::getenv("CUBLAS_WORKSPACE_CONFIG")) == ":4096:8");
    }

    TEST_CASE("deterministic algorithms may be asked for with a warning where there are none") {
        struct Looks {
            bool* on;
            bool* warns;
            void on_train_start() {
                *on = at::globalContext().deterministicAlgorithms();
                *warns = at::globalContext().deterministicAlgorithmsWarnOnly();
            }
        };
        bool on = false;
        bool warns = false;
        probe::Line module;
        auto train = probe::batches(1);
        auto trainer = probe::trainer({.max_epochs = 1, .deterministic = lit::Deterministic::warn}, Looks{&on, &warns});
        trainer.fit(module, train);
        CHECK(on);
        CHECK(warns);
        CHECK_FALSE(at::globalContext().deterministicAlgorithms());
        CHECK_FALSE(at::globalContext().deterministicAlgorithmsWarnOnly());
        auto refusing = probe::trainer({.max_epochs = 1, .deterministic = true}, Looks{&on, &warns});
        refusing.fit(module, train);
        CHECK(on);
        CHECK_FALSE(warns);
        auto off = probe::trainer({.max_epochs = 1, .deterministic = false}, Looks{&on, &warns});
        off.fit(module, train);
        CHECK_FALSE(on);
    }

    TEST_CASE("deterministic beside benchmark is a warning") {
        probe::Line module;
        auto train = probe::batches(1);
        const semantics::Stderr told;
        auto trainer = probe::trainer({.max_epochs = 1, .deterministic = true, .benchmark = true});
        trainer.fit(module, train);
        CHECK(told.contains("deterministic and benchmark are both on"));
    }
}
