// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

#include <string_view>
#include <utility>

namespace lit {

/// What a checkpoint holds of a place inside an epoch, besides the counters: taken up where training goes on, so that
/// nothing that comes before (hooks, the sanity check) leaves a trace in it.
struct ResumePoint {
    at::Tensor rng_state;  ///< of the CPU's default generator, uint8 [5056]
    Dict callback_metrics;  ///< what monitors look at; taken up at once, but forgotten while a sanity check runs
    Dict train_loader;     ///< what the training loader's `state_dict()` gave
    Dict gradients;        ///< of an accumulation window under way, by the parameters' names
    List metrics;          ///< the epoch's logged values under way
    bool batch_finished = false;  ///< what comes after the last batch's end hooks was done as well
    bool in_validation = false;   ///< the validation under way is done again from its beginning, with its generator's state

    [[nodiscard]] bool empty() const { return !rng_state.defined(); }
    [[nodiscard]] Dict state_dict() const {
        return Dict{{"rng_state", rng_state},       {"callback_metrics", callback_metrics}, {"train_loader", train_loader},
                    {"gradients", gradients},       {"metrics", metrics},                   {"batch_finished", batch_finished},
                    {"in_validation", in_validation}};
    }
    /// What the file lacks stays empty.
    void load_state_dict(const Dict& state) {
        *this = {};
        if (const Value* own = state.find("rng_state")) {
            rng_state = own->tensor();
        }
        for (const auto& [key, into] : {std::pair<std::string_view, Dict*>{"callback_metrics", &callback_metrics},
                                        {"train_loader", &train_loader}, {"gradients", &gradients}}) {
            if (const Value* own = state.find(key)) {
                *into = own->dict();
            }
        }
        if (const Value* own = state.find("metrics")) {
            metrics = own->items();
        }
        for (const auto& [key, into] : {std::pair<std::string_view, bool*>{"batch_finished", &batch_finished},
                                        {"in_validation", &in_validation}}) {
            if (const Value* own = state.find(key)) {
                *into = own->to_bool();
            }
        }
    }
};

/// The training loader of a fit, for whoever writes a checkpoint and does not know its type.
struct LoaderStateRef {
    void* object = nullptr;
    Dict (*read)(void* object) = nullptr;

    [[nodiscard]] Dict state_dict() const { return read != nullptr ? read(object) : Dict(); }
};

}  // namespace lit
