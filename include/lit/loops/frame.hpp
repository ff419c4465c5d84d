// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/checkpoint/schema.hpp>
#include <lit/core/error.hpp>
#include <lit/core/freed_memory.hpp>
#include <lit/core/interrupt.hpp>
#include <lit/core/reflection.hpp>
#include <lit/loops/checkpoint_connector.hpp>
#include <lit/loops/checkpoint_source.hpp>
#include <lit/loops/data_hparams.hpp>
#include <lit/loops/dispatch.hpp>
#include <lit/loops/lit_entry.hpp>
#include <lit/loops/mistakes.hpp>
#include <lit/loops/run_options.hpp>
#include <lit/loops/run_scopes.hpp>

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace lit::detail {

/// What stands around every run, in Lightning's order: preparing data, set-up, the checkpoint it starts from, and after
/// the loop, or after an exception, what has to be put in order again.
template <class Run, bool Fitting>
class Frame {
 public:
    explicit Frame(Run& run) : run_(run) {}

    template <class Body>
    void run(const RunOptions& run_options, Body&& body) {
        keep_freed_memory();
        const SignalWatch watch;
        const Attachment attachment(run_);
        RunState& state = run_.state();
        const Stage stage = state.stage;
        const DeterminismScope determinism(run_);
        try {
            state.results = nullptr;
            if constexpr (Fitting) {
                check_manual_optimization(run_);
            }
            run_.connect_ranks();
            prepare_data();
            std::optional<Dict> checkpoint = CheckpointSource<Run, Fitting>(run_).load(run_options);
            start_loggers(checkpoint);
            call_datamodule<hooks::setup>(stage);
            call_callbacks<hooks::setup>(run_, stage);
            call_module<hooks::setup>(run_, stage);
            call_module<hooks::configure_model>(run_);
            CheckpointConnector<Run> connector(run_);
            if (checkpoint) {
                connector.restore_module_and_callbacks(*checkpoint);
            }
            state.forget_results();
            state.reset_results();
            state.reset_metrics();
            run_.strategy().setup(run_.module(), Fitting);
            if constexpr (Fitting) {
                run_.set_configured(configure());
                call_all<hooks::on_fit_start>(run_);
            }
            log_hyperparams();
            if constexpr (Fitting) {
                if (checkpoint) {
                    connector.restore_training(*checkpoint);
                }
            }
            const bool resumed = Fitting && checkpoint.has_value();
            checkpoint.reset();  // weights and states of optimizers, all of them copied by now
            body(resumed);
            run_.strategy().teardown(run_.module());
            if constexpr (Fitting) {
                call_all<hooks::on_fit_end>(run_);
                if (run_.world_size() == 1) {
                    AskedToEnd::of_this_process().leave(true);  // of a hook behind the last batch; SIGTERM has nothing left to end
                }
            }
            run_.wait_for_checkpoints();
            teardown(stage);
        } catch (const EarlyExit&) {
            run_.wait_for_checkpoints();
            teardown(stage);
            run_.strategy().teardown(run_.module());
        } catch (const Interrupt& error) {
            fail(error, error.status());
            throw;
        } catch (const std::exception& error) {
            fail(error);
            throw;
        } catch (...) {
            fail(Error("An exception that is no std::exception was thrown."));
            throw;
        }
    }

 private:
    void teardown(Stage stage) {
        call_datamodule<hooks::teardown>(stage);
        call_callbacks<hooks::teardown>(run_, stage);
        call_module<hooks::teardown>(run_, stage);
        finalize_loggers("success");
    }
    /// As in Lightning an exception from `on_exception` comes out instead of the first one, which is told, and the data
    /// module is not called then. Other than there the components behind are, since one of them may be about to save.
    void fail(const std::exception& error, std::optional<Status> asked = std::nullopt) {
        run_.state().asked_to_end_by = asked;
        std::exception_ptr further;
        const auto attempt = [&](auto&& call) {
            try {
                call();
            } catch (...) {
                run_.warn(std::string("on_exception threw while it was handling: ") + error.what());
                further = further ? further : std::current_exception();
            }
        };
        for_each_component(run_.components(), [&]<class C>(C& component) {
            if constexpr (component_listens<hooks::on_exception, Run, C, const std::exception>) {
                const HookScope scope(run_.state(), Hook::on_exception);
                attempt([&] { call_callback_hook<hooks::on_exception>(component, run_, run_.module(), error); });
            }
        });
        if (!further) {
            attempt([&] { call_datamodule<hooks::on_exception>(error); });
        }
        run_.state().asked_to_end_by.reset();
        put_in_order(asked == Status::interrupted);
        if (further) {
            std::rethrow_exception(further);
        }
    }
    void put_in_order(bool interrupted) {
        // What goes wrong here is only told: the exception on its way out is the one to report.
        const auto attempt = [&](auto&& step) {
            try {
                step();
            } catch (const std::exception& further) {
                run_.warn(std::string("after an exception: ") + further.what());
            } catch (...) {
                run_.warn("after an exception: one that is no std::exception");
            }
        };
        attempt([&] { run_.put_modes_back(); });
        attempt([&] { run_.wait_for_checkpoints(); });
        attempt([&] { finalize_loggers("failed"); });
        attempt([&] { run_.strategy().teardown(run_.module()); });
        if (interrupted) {
            // After Ctrl+C the metrics can still be read as they stood, also those of the batch that broke off.
            attempt([&] { run_.state().publish(); });
        }
    }

    template <class H, class... Args>
    void call_datamodule(const Args&... args) {
        if constexpr (Run::has_datamodule) {
            using Data = typename Run::source_type;
            if constexpr (H::template names<Data>) {
                const HookScope scope(run_.state(), H::id);
                call_module_hook<H>(run_, run_.source(), args...);
            }
        }
    }
    void prepare_data() {
        if (run_.is_global_zero()) {
            call_datamodule<hooks::prepare_data>();
            call_module<hooks::prepare_data>(run_);
        }
        run_.collective().barrier();
    }
    /// A fit that goes on from a checkpoint goes on in the folder of the run that wrote it.
    void start_loggers(const std::optional<Dict>& checkpoint) {
        if (logs()) {
            if (const Dict* entry = Fitting && checkpoint ? part(&*checkpoint, lit_key) : nullptr) {
                LitEntry<Run>(run_).restore_loggers(*entry);
            }
            run_.for_each_logger([&](auto& logger) { logger.start(run_.default_root_dir()); });
        }
    }
    void finalize_loggers(std::string_view status) {
        if (logs()) {
            run_.for_each_logger([&](auto& logger) { logger.finalize(status); });
        }
    }
    /// Whether this rank has started its loggers.
    [[nodiscard]] bool logs() const { return run_.is_global_zero() && !run_.fast_dev_run(); }
    void log_hyperparams() {
        using Module = typename Run::module_type;
        if (!run_.options().enable_autolog_hparams || !run_.has_loggers()) {
            return;
        }
        if constexpr (reflection::field_count<typename Module::hparams_type> > 0 || data_has_hparams<Run>()) {
            const Dict params = merged_hparams(run_);  // on every rank: all of them refuse a contradiction
            if (logs()) {
                run_.for_each_logger([&](auto& logger) { logger.log_hyperparams(params); });
            }
        }
        if (!logs()) {
            return;
        }
        run_.for_each_logger([](auto& logger) { logger.save(); });  // from here on a run that fails leaves its files
    }
    auto configure() {
        const HookScope scope(run_.state(), Hook::configure_optimizers);
        return run_.module().configure_optimizers();
    }

    Run& run_;
};

}  // namespace lit::detail
