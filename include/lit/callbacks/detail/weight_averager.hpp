// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/weights_copy.hpp>
#include <lit/checkpoint/module_state.hpp>
#include <lit/checkpoint/schema.hpp>
#include <lit/core/hooks.hpp>
#include <lit/core/stage.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/core/Device.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace lit::detail {

/// What WeightAveraging and EMAWeightAveraging have in common: when the average is brought up to date, where it stands
/// in for the module's weights, and what of it a checkpoint holds.
///
/// `Self` has `should_update(step_idx, epoch_idx)` and `average(mine, current, n_averaged)`.
template <class Self>
class WeightAverager {
 public:
    void setup(auto& trainer, auto& module, Stage stage) {
        if (stage != Stage::fit) {
            return;
        }
        using Module = std::remove_cvref_t<decltype(module)>;
        if constexpr (hooks::configure_model::names<Module>) {
            trainer.warn(
                "WeightAveraging: the average is a copy of the module, so configure_model() is called before "
                "it is "
                "made. The copy is whole: of a sharded model it may not fit into memory.");
            call_module_hook<hooks::configure_model>(trainer, module);
        }
        copy_.emplace(module, device_.value_or(trainer.device()));
        current_.emplace(module);
        n_averaged_ = 0;
        swapped_ = false;
    }
    void on_train_batch_end(auto& trainer, auto& /*module*/) {
        const std::int64_t steps = trainer.global_step();
        if (steps > latest_update_step_ && self().should_update(steps - 1, std::nullopt)) {
            update();
            latest_update_step_ = steps;
        }
    }
    void on_train_epoch_end(auto& trainer, auto& /*module*/) {
        const std::int64_t epoch = trainer.current_epoch();
        if (epoch > latest_update_epoch_ && self().should_update(std::nullopt, epoch)) {
            update();
            latest_update_epoch_ = epoch;
        }
    }
    void on_train_end(auto& /*trainer*/, auto& module) {
        const OwnTensors current(module);
        copy_->copy_to(current, current.tensors.size());
    }
    void on_validation_epoch_start(auto& /*trainer*/, auto& module) { swap(module); }
    void on_validation_epoch_end(auto& /*trainer*/, auto& module) { swap(module); }
    void on_exception(auto& /*trainer*/, auto& module, const std::exception& /*error*/) {
        if (swapped_) {
            swap(module);
        }
    }

    /// How many times weights were averaged in; the first time counts.
    [[nodiscard]] std::int64_t n_averaged() const { return n_averaged_; }

    [[nodiscard]] Dict state_dict() const { return Dict{{"latest_update_step", latest_update_step_}}; }
    void load_state_dict(const Dict& state) { latest_update_step_ = state.at("latest_update_step").to_int(); }
    /// The file's weights are the average; the module's own go beside them.
    void on_save_checkpoint(auto& trainer, auto& /*module*/, Dict& checkpoint) {
        if (!copy_) {
            trainer.print(
                "lit: WeightAveraging: this checkpoint is saved outside of fit, so it has no state of the "
                "average. After a "
                "fit the module's weights are the average.");
            return;
        }
        if (swapped_) {  // inside a validation the module holds the average, and the copy the weights in training
            checkpoint.set(current_key, copy_->state_dict());
        } else {
            Value& weights = checkpoint[checkpoint_key::state_dict];
            checkpoint.set(current_key, std::exchange(weights, copy_->state_dict()));
        }
        checkpoint.set(averaging_key, Dict{{"n_averaged", at::scalar_tensor(n_averaged_, at::kLong)}});
    }
    void on_load_checkpoint(auto& trainer, auto& module, const Dict& checkpoint) {
        const Value* weights = checkpoint.find(checkpoint_key::state_dict);
        if (!copy_) {
            trainer.warn(
                "WeightAveraging: this checkpoint is loaded outside of fit, where there is no average to "
                "restore. To "
                "predict or to test with its weights that does not matter.");
            return;
        }
        const Value* current = checkpoint.find(current_key);
        const Value* averaging = checkpoint.find(averaging_key);
        if (current != nullptr && averaging != nullptr) {
            copy_->load_state_dict(weights->dict());
            n_averaged_ = averaging->at("n_averaged").tensor().template item<std::int64_t>();
            load_module_state(module, current->dict());
        } else {
            trainer.warn(
                "WeightAveraging: this checkpoint was saved without weight averaging. The weights and their "
                "average "
                "both begin with what is in it.");
            copy_->load_state_dict(weights->dict(), false);
        }
    }

 protected:
    WeightAverager(std::optional<at::Device> device, bool use_buffers)
        : device_(device), use_buffers_(use_buffers) {}

 private:
    static constexpr std::string_view current_key = "current_model_state";
    static constexpr std::string_view averaging_key = "averaging_state";

    Self& self() { return static_cast<Self&>(*this); }
    void update() {
        const std::size_t count = use_buffers_ ? copy_->size() : copy_->parameters();
        copy_->update(
            *current_,
            [this](auto& mine, const auto& theirs, std::int64_t n) {
                return self().average(mine, theirs, n);
            },
            n_averaged_, count);
        if (!use_buffers_) {
            copy_->copy_from(*current_, copy_->parameters());
        }
        ++n_averaged_;
    }
    void swap(auto& module) {
        if (copy_) {
            copy_->swap_with(OwnTensors(module));
            swapped_ = !swapped_;
        }
    }

    std::optional<at::Device> device_;
    bool use_buffers_;
    std::optional<WeightsCopy> copy_;    ///< none before the first fit
    std::optional<OwnTensors> current_;  ///< of the module that is trained
    bool swapped_ = false;               ///< the average stands in the module, the module's weights in the copy
    std::int64_t n_averaged_ = 0;
    std::int64_t latest_update_step_ = 0;  ///< optimizer steps
    std::int64_t latest_update_epoch_ = -1;
};

}  // namespace lit::detail
