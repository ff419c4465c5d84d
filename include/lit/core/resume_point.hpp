// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/rng_state.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace lit {

/// What a checkpoint holds of one rank's place inside an epoch, besides the counters: taken up where training goes on, so
/// that nothing that comes before (hooks, the sanity check) leaves a trace in it.
struct ResumePoint {
    RngStates rng;
    Dict callback_metrics;  ///< what monitors look at; taken up at once, but forgotten while a sanity check runs
    Dict train_loader;      ///< what the training loader's `state_dict()` gave
    Dict gradients;         ///< of an accumulation window under way, by the parameters' names; one for all ranks
    List metrics;           ///< the epoch's logged values under way
    List validation_rows;   ///< batches of each validation loader so far: the x of their rows
    bool batch_finished = false;  ///< what comes after the last batch's end hooks was done as well
    bool in_validation = false;   ///< the validation under way is done again from its beginning, with its generator's state

    [[nodiscard]] bool empty() const { return !rng.defined(); }
    /// Without the gradients, which a file holds once.
    [[nodiscard]] Dict state_dict() const;
    /// What the file lacks stays empty.
    void load_state_dict(const Dict& state);

 private:
    static void visit(auto& point, auto&& each) {
        each("rng_state", point.rng.cpu);
        each("device_rng_state", point.rng.device);
        each("callback_metrics", point.callback_metrics);
        each("train_loader", point.train_loader);
        each("metrics", point.metrics);
        each("validation_rows", point.validation_rows);
        each("batch_finished", point.batch_finished);
        each("in_validation", point.in_validation);
    }
    [[nodiscard]] static Value saved(const at::Tensor& own) { return own.defined() ? Value(own) : Value(); }
    [[nodiscard]] static Value saved(const auto& own) { return own; }
    static void load(const Value& found, at::Tensor& own) { own = found.tensor(); }
    static void load(const Value& found, Dict& own) { own = found.dict(); }
    static void load(const Value& found, List& own) { own = found.items(); }
    static void load(const Value& found, bool& own) { own = found.to_bool(); }
};

/// How a fit stood when the validation under way began, which a resumed run does again from there.
struct ValidationBegin {
    RngStates rng;  ///< defined while a validation is under way
    std::vector<std::int64_t> rows;  ///< batches of each loader before
    List loggers;                    ///< how far each logger's run was
};

/// The training loader of a fit, for whoever writes a checkpoint and does not know its type.
struct LoaderStateRef {
    void* object = nullptr;
    Dict (*read)(void* object) = nullptr;

    [[nodiscard]] Dict state_dict() const { return read != nullptr ? read(object) : Dict(); }
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/resume_point.hpp>
#endif
