// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/module_state.hpp>
#include <lit/checkpoint/schema.hpp>
#include <lit/core/error.hpp>
#include <lit/core/hparams.hpp>
#include <lit/core/reflection.hpp>
#include <lit/core/seed.hpp>
#include <lit/loops/data_hparams.hpp>
#include <lit/loops/dispatch.hpp>
#include <lit/loops/open_window.hpp>
#include <lit/loops/run.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace lit {
namespace detail {

/// lit's own entry beside Lightning's: what Lightning does not store.
inline constexpr std::string_view lit_key = "lit";
/// In Lightning `max_time` is a Timer among the callbacks.
inline constexpr std::string_view max_time_key = "Timer";

/// A data module that says where it stands, so that a resumed run goes on from there.
template <class D>
concept StatefulData = requires(D& data, const Dict& state) {
    { data.state_dict() } -> std::convertible_to<Dict>;
    data.load_state_dict(state);
};
template <class D>
inline constexpr bool has_half_a_state =
    (requires(D& data) { data.state_dict(); } || requires(D& data, const Dict& state) { data.load_state_dict(state); }) &&
    !StatefulData<D>;

/// Builds the contents of a checkpoint and takes them up again, in Lightning's schema and order.
template <class Run>
class CheckpointConnector {
 public:
    using Module = typename Run::module_type;
    using Source = typename Run::source_type;
    static_assert(!Run::has_datamodule || !has_half_a_state<Source>,
                  "lit: a data module with a state needs both halves: lit::Dict state_dict() and void "
                  "load_state_dict(const lit::Dict& state).");

    explicit CheckpointConnector(Run& run) : run_(run) {}

    [[nodiscard]] Dict dump(bool weights_only) {
        RunState& state = run_.state();
        Dict checkpoint{{checkpoint_key::epoch, state.current_epoch()},
                        {checkpoint_key::global_step, state.global_step()},
                        {checkpoint_key::version, lightning_version},
                        {checkpoint_key::state_dict, module_state_dict(run_.module())},
                        {checkpoint_key::loops, loops_state(state.progress)}};
        if (!weights_only) {
            Dict callbacks;
            for_each_component(run_.components(), [&](auto& component) {
                if constexpr (StatefulCallback<std::remove_reference_t<decltype(component)>>) {
                    if (Dict own = component.state_dict(); !own.empty()) {
                        callbacks.set(component.state_key(), std::move(own));
                    }
                }
            });
            if (keeps_max_time(run_)) {
                callbacks.set(max_time_key, state.max_time_clock.state_dict());
            }
            checkpoint.set(checkpoint_key::callbacks, std::move(callbacks));
            List optimizers;
            List schedulers;
            run_.for_each_optimizer([&](auto, auto& optimizer) { optimizers.push_back(optimizer_state(optimizer)); });
            run_.for_each_scheduler([&](auto& slot, auto&) { schedulers.push_back(slot.state_dict()); });
            checkpoint.set(checkpoint_key::optimizer_states, std::move(optimizers));
            checkpoint.set(checkpoint_key::lr_schedulers, std::move(schedulers));
            // A resumed run that broke off before it could go on hands the place on that it came from.
            const ResumePoint& pending = state.resume_point;
            checkpoint.set(lit_key, (pending.empty() ? resume_point() : pending).state_dict());
        }
        if constexpr (reflection::field_count<typename Module::hparams_type> > 0) {
            checkpoint.set(checkpoint_key::hparams_name, "kwargs");
            checkpoint.set(checkpoint_key::hyper_parameters, to_dict(run_.module().hparams));
        }
        if constexpr (data_has_hparams<Run>()) {
            checkpoint.set(checkpoint_key::datamodule_hparams_name, "kwargs");
            checkpoint.set(checkpoint_key::datamodule_hyper_parameters, to_dict(run_.source().hparams));
        }
        if constexpr (Run::has_datamodule && StatefulData<Source>) {
            if (Dict own = run_.source().state_dict(); !own.empty()) {
                checkpoint.set(reflection::class_name<Source>, std::move(own));
            }
        }
        if (!weights_only) {
            call_callbacks<hooks::on_save_checkpoint>(run_, checkpoint);
        }
        call_module<hooks::on_save_checkpoint>(run_, checkpoint);
        return checkpoint;
    }

    /// Before the strategy moves the module: weights, data module and callbacks.
    /// Errors  CheckpointError that lists the keys and shapes of another model.
    void restore_module_and_callbacks(const Dict& checkpoint) {
        call_module<hooks::on_load_checkpoint>(run_, checkpoint);
        load_module_state(run_.module(), checkpoint.at(checkpoint_key::state_dict).dict());
        if constexpr (Run::has_datamodule && StatefulData<Source>) {
            if (const Value* own = checkpoint.find(reflection::class_name<Source>)) {
                run_.source().load_state_dict(own->dict());
            }
        }
        const Value* callbacks = checkpoint.find(checkpoint_key::callbacks);
        if (callbacks == nullptr) {
            return;
        }
        call_callbacks<hooks::on_load_checkpoint>(run_, checkpoint);
        if (const Value* timer = callbacks->dict().find(max_time_key); timer != nullptr && keeps_max_time(run_)) {
            run_.state().max_time_clock.load_state_dict(timer->dict());
        }
        for_each_component(run_.components(), [&](auto& component) {
            if constexpr (StatefulCallback<std::remove_reference_t<decltype(component)>>) {
                if (const Value* own = callbacks->dict().find(std::string_view(std::string(component.state_key())))) {
                    component.load_state_dict(own->dict());
                }
            }
        });
    }

    /// After the optimizers were made: counters, optimizers, schedulers, the generator, what monitors look at.
    /// Errors  CheckpointError for a file of weights alone, and for another number of optimizers or schedulers;
    ///         ConfigError when the file has more epochs than `max_epochs`.
    void restore_training(const Dict& checkpoint) {
        if (!checkpoint.contains(checkpoint_key::optimizer_states)) {
            throw CheckpointError("fit: " + run_.ckpt_path().string() +
                                  " holds only the weights, so training cannot go on from it. Load it with "
                                  "load_from_checkpoint and begin a new fit.");
        }
        if (const Value* loops = checkpoint.find(checkpoint_key::loops)) {
            const FitProgress progress = read_loops(loops->dict());
            const std::int64_t max_epochs = run_.options().max_epochs.value_or(-1);
            if (max_epochs != -1 && progress.epoch.current.completed > max_epochs) {
                throw ConfigError("fit: " + run_.ckpt_path().string() + " was written after " +
                                  std::to_string(progress.epoch.current.completed) + " epochs, max_epochs = " +
                                  std::to_string(max_epochs) + ". Set max_epochs to that or more.");
            }
            run_.state().progress = progress;
        }
        restore_list("optimizers", checkpoint.at(checkpoint_key::optimizer_states).items(), [&](auto&& visit) {
            run_.for_each_optimizer(
                [&](auto, auto& optimizer) { visit([&](const Value& state) { load_optimizer_state(optimizer, state); }); });
        });
        // A schedule that takes the place of the module's comes with its component's state.
        if (!replaces_schedule(run_.components())) {
            restore_list("schedulers", checkpoint.at(checkpoint_key::lr_schedulers).items(), [&](auto&& visit) {
                run_.for_each_scheduler(
                    [&](auto& slot, auto&) { visit([&](const Value& state) { slot.load_state_dict(state); }); });
            });
        }
        ResumePoint& point = run_.state().resume_point;
        point = {};
        if (const Value* own = checkpoint.find(lit_key)) {
            point.load_state_dict(own->dict());
            if (!point.empty()) {
                set_rng_state(point.rng_state);
            }
            for (const auto& [name, value] : point.callback_metrics) {
                run_.set_callback_metric(MetricNames::intern(name.string()), value.to_double());
            }
        }
    }

 private:
    /// Where the run is now.
    [[nodiscard]] ResumePoint resume_point() {
        RunState& state = run_.state();
        ResumePoint point{.rng_state = get_rng_state()};
        for (const auto& [id, number] : run_.callback_metrics().items()) {
            point.callback_metrics.append(MetricNames::name(id), number.value());
        }
        if (run_.stage() != Stage::fit) {
            return point;
        }
        if (run_.world_size() == 1) {  // what one rank has gathered is not what another has
            point.metrics = state.train_results.state(state.ranks);
        }
        point.gradients = gradients_of_open_window(run_);
        if (!state.progress.batch.is_last_batch) {  // else the next epoch takes no order up
            point.train_loader = state.train_loader.state_dict();
        }
        if (state.validation_began_from.defined()) {
            point.rng_state = state.validation_began_from;
            point.in_validation = true;
        }
        point.batch_finished = state.batch_finished;
        return point;
    }
    template <class Each>
    void restore_list(std::string_view what, const List& states, Each&& each) {
        std::size_t count = 0;
        each([&](auto&&) { ++count; });
        if (count != states.size()) {
            throw CheckpointError("fit: " + run_.ckpt_path().string() + " has the state of " +
                                  std::to_string(states.size()) + " " + std::string(what) +
                                  ", configure_optimizers() returned " + std::to_string(count) + ".");
        }
        std::size_t index = 0;
        each([&](auto&& load) { load(states[index++]); });
    }

    Run& run_;
};

}  // namespace detail

template <class Parts, class Module, class Source>
void Run<Parts, Module, Source>::save_checkpoint(const std::filesystem::path& path, bool weights_only) {
    const Dict checkpoint = detail::CheckpointConnector<Run>(*this).dump(weights_only);
    if (is_global_zero()) {
        save_checkpoint_file(path, checkpoint);
    }
    collective().barrier();
}

}  // namespace lit
