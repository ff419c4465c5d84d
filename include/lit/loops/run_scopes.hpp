// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/run_state.hpp>
#include <lit/loops/trainer_options.hpp>
#include <lit/module/module.hpp>

#include <ATen/Context.h>

#include <cstdlib>
#include <exception>

namespace lit::detail {

/// Thrown by a component that has what it was run for: the run is torn down in order, as if it had come to its end.
struct EarlyExit : std::exception {};

/// Ties the module to the run's state for as long as the run lasts; a run inside a run gives it back.
class Attachment {
 public:
    template <class ThisRun>
    explicit Attachment(ThisRun& run)
        : pointer_(ModuleAccess::run(run.module())), outer_(pointer_), state_(run.state()) {
        pointer_ = &state_;
    }
    Attachment(const Attachment&) = delete;
    Attachment& operator=(const Attachment&) = delete;
    ~Attachment() {
        state_.release_metrics();
        pointer_ = outer_;
        state_.results = nullptr;
        state_.running = RunningStage::none;
        state_.current_hook = Hook::none;
    }

 private:
    RunState*& pointer_;
    RunState* outer_;
    RunState& state_;
};

/// The global switches that the options name, and back.
class DeterminismScope {
 public:
    template <class ThisRun>
    explicit DeterminismScope(const ThisRun& run)
        : deterministic_(at::globalContext().deterministicAlgorithms()),
          warn_only_(at::globalContext().deterministicAlgorithmsWarnOnly()),
          benchmark_(at::globalContext().benchmarkCuDNN()) {
        const TrainerOptions& options = run.options();
        const bool wanted = options.deterministic && options.deterministic->wanted();
        if (options.deterministic) {
            at::globalContext().setDeterministicAlgorithms(wanted, options.deterministic->only_warns());
        }
        if (wanted) {
            if (options.benchmark.value_or(false)) {
                run.warn("deterministic and benchmark are both on: cuDNN's search may choose another kernel each time. "
                         "Leave benchmark out.");
            }
            // cuBLAS reads it once, when it is first used; without it torch refuses its matrix products.
            ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 1);
        }
        if (options.benchmark || wanted) {
            at::globalContext().setBenchmarkCuDNN(options.benchmark.value_or(false));
        }
    }
    DeterminismScope(const DeterminismScope&) = delete;
    DeterminismScope& operator=(const DeterminismScope&) = delete;
    ~DeterminismScope() {
        at::globalContext().setDeterministicAlgorithms(deterministic_, warn_only_);
        at::globalContext().setBenchmarkCuDNN(benchmark_);
    }

 private:
    bool deterministic_;
    bool warn_only_;
    bool benchmark_;
};

}  // namespace lit::detail
