// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/checkpoint/module_state.hpp>
#include <lit/checkpoint/schema.hpp>
#include <lit/core/error.hpp>
#include <lit/core/hparams.hpp>
#include <lit/core/reflection.hpp>
#include <lit/core/stage.hpp>
#include <lit/loops/checkpoint_keeper.hpp>
#include <lit/loops/data_hparams.hpp>
#include <lit/loops/dispatch.hpp>
#include <lit/loops/lit_entry.hpp>
#include <lit/loops/resume_differences.hpp>
#include <lit/loops/run.hpp>
#include <lit/precision/precision.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit::detail {

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
            if constexpr (StatefulPrecision<Precision>) {
                checkpoint.set(precision_key(), run_.precision().state_dict());
            }
            checkpoint.set(lit_key, LitEntry<Run>(run_).dump());
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
        std::vector<std::string> unclaimed;
        for (const auto& item : callbacks->dict()) {
            const Value& key = item.first;
            if (key.is<std::string>() && !key.equals(max_time_key)) {
                unclaimed.push_back(key.string());
            }
        }
        for_each_component(run_.components(), [&](auto& component) {
            if constexpr (StatefulCallback<std::remove_reference_t<decltype(component)>>) {
                const std::string key = component.state_key();
                if (const Value* own = callbacks->dict().find(std::string_view(key))) {
                    component.load_state_dict(own->dict());
                    std::erase(unclaimed, key);
                }
            }
        });
        if (!unclaimed.empty() && run_.stage() == Stage::fit) {
            run_.warn("\"" + run_.ckpt_path().string() + "\" holds the state of components that this trainer does not have: " +
                      listed(unclaimed, ", ") + ". Add them, with the same settings, to go on with their state.");
        }
    }

    /// After the optimizers were made: counters, optimizers, schedulers, the precision, the generators, what monitors look
    /// at.
    ///
    /// Errors  CheckpointError for a file of weights alone, and one that says field by field where optimizers or schedulers
    ///         are others; ConfigError when the file has more epochs than `max_epochs`.
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
        const Dict* entry = part(&checkpoint, lit_key);
        const List& optimizers = checkpoint.at(checkpoint_key::optimizer_states).items();
        // A schedule that takes the place of the module's comes with its component's state.
        const bool own_schedule = replaces_schedule(run_.components());
        const List schedulers = own_schedule ? List() : checkpoint.at(checkpoint_key::lr_schedulers).items();
        check_optimizers(optimizers, schedulers, own_schedule, entry);
        std::size_t index = 0;
        run_.for_each_optimizer([&](auto, auto& optimizer) { load_optimizer_state(optimizer, optimizers[index++]); });
        if (!own_schedule) {
            index = 0;
            run_.for_each_scheduler([&](auto& slot, auto&) { slot.load_state_dict(schedulers[index++]); });
        }
        if constexpr (StatefulPrecision<Precision>) {
            if (const Value* own = checkpoint.find(precision_key())) {
                run_.precision().load_state_dict(own->dict());
            }
        }
        run_.state().resume_point = {};
        if (entry != nullptr) {
            LitEntry<Run>(run_).restore_place(*entry);
        } else {
            run_.print("lit: \"" + run_.ckpt_path().string() +
                       "\" has no entry of lit's, as Lightning writes none: the random generators, the order of an unseeded "
                       "shuffle and the values logged in the epoch under way begin anew.");
        }
    }

 private:
    using Precision = std::remove_cvref_t<decltype(std::declval<Run&>().precision())>;

    [[nodiscard]] static std::string_view precision_key() { return reflection::class_name<Precision>; }

    void check_optimizers(const List& optimizers, const List& schedulers, bool own_schedule, const Dict* entry) {
        const auto check_count = [this](std::string_view what, std::size_t saved, std::size_t here) {
            if (saved != here) {
                throw CheckpointError("fit: " + run_.ckpt_path().string() + " has the state of " + std::to_string(saved) +
                                      " " + std::string(what) + ", configure_optimizers() returned " + std::to_string(here) +
                                      ".");
            }
        };
        ResumeDifferences differences;
        std::size_t count = 0;
        run_.for_each_optimizer([&](auto, auto& optimizer) {
            if (count < optimizers.size()) {
                differences.compare_optimizer(count, optimizer, optimizers[count], LitEntry<Run>::optimizer_at(entry, count));
            }
            ++count;
        });
        check_count("optimizers", optimizers.size(), count);
        if (!own_schedule) {
            count = 0;
            run_.for_each_scheduler([&](auto& slot, auto&) {
                if (count < schedulers.size()) {
                    differences.compare_scheduler(count, slot.state_dict(), schedulers[count]);
                }
                ++count;
            });
            check_count("schedulers", schedulers.size(), count);
        }
        differences.refuse(run_.ckpt_path());
        if (const std::string others = differences.text(); !others.empty()) {
            run_.warn("\"" + run_.ckpt_path().string() + "\" was written with other optimizers, whose state fits:" + others);
        }
    }

    Run& run_;
};

template <class Run>
void CheckpointKeeper<Run>::save_checkpoint(const std::filesystem::path& path, bool weights_only) {
    Run& run = static_cast<Run&>(*this);
    const Dict checkpoint = CheckpointConnector<Run>(run).dump(weights_only);
    if (run.is_global_zero()) {
        with_io([&](auto& io) { io.save_checkpoint(checkpoint, path); });
    }
    run.collective().barrier();
}

}  // namespace lit::detail
