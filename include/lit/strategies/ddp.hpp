// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/environment.hpp>
#include <lit/collectives/process_group.hpp>
#include <lit/core/error.hpp>
#include <lit/strategies/detail/equal_modules.hpp>
#include <lit/strategies/detail/gradient_parcels.hpp>
#include <lit/strategies/strategy.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/nn/module.h>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/logger.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace lit {

struct DDPOptions {
    bool find_unused_parameters =
        false;  ///< parameters may be left out of a loss; costs a walk of the graph per step
    bool gradient_as_bucket_view =
        false;  ///< gradients are views of what is exchanged: a copy and its memory less
    std::int64_t bucket_cap_mb = 25;  ///< gradients travel in parts of about this size
    bool broadcast_buffers = true;    ///< buffers are those of rank 0 before each step that synchronises
    bool static_graph = false;        ///< every step uses the same parameters in the same way
    std::chrono::milliseconds timeout = std::chrono::minutes{30};  ///< for meeting, and for each exchange
};

/// One process for each share of the data; gradients are averaged while they are computed.
///
/// The processes are started by `torchrun --no-python --nproc-per-node=N program`; without it there is one process, and
/// nothing is exchanged. Rank 0's parameters and buffers are everybody's from the start. Parameters that do not
/// require a gradient at setup are left out. The mean over ranks of the ranks' mean losses is the mean over the joint
/// batch where all ranks have equally many samples, which the sharded loaders see to.
///
/// Errors  ConfigError for `bucket_cap_mb` < 1, a timeout that is not positive, a bad environment; DistributedError when
///         another process is gone, when the ranks' modules differ (all ranks are told, with the first difference), and
///         when a parameter got no gradient without `find_unused_parameters` (with its name).
/// Cost    per step one exchange of all gradients, overlapping with the backward pass, or following it where a step computes its
///         gradients without autograd, as those of static networks do; a broadcast of the buffers.
/// Source  torch's `DistributedDataParallel` (the same c10d Reducer) and Lightning's `DDPStrategy`, same defaults. On
///         the CPU, over Gloo; CUDA, communication hooks and launching processes are not offered yet. With
///         `find_unused_parameters` the graph is walked from the loss, not from the outputs of the forward pass.
class DDP {
 public:
    explicit DDP(DDPOptions options = {}) : options_(options) {
        if (options_.bucket_cap_mb < 1) {
            throw ConfigError("DDP: bucket_cap_mb = " + std::to_string(options_.bucket_cap_mb) +
                              ", expected at least 1 (megabytes).");
        }
        if (options_.timeout.count() <= 0) {
            throw ConfigError("DDP: timeout = " + std::to_string(options_.timeout.count()) +
                              " ms, expected a positive duration, for instance std::chrono::minutes{30}.");
        }
    }
    /// With processes that have met already.
    DDP(DDPOptions options, ProcessGroupCollective collective) : DDP(options) {
        collective_.emplace(std::move(collective));
    }

    DDP(DDP&&) = default;
    DDP& operator=(DDP&&) = default;

    void setup_environment() {
        if (!collective_) {
            collective_.emplace(ProcessGroupCollective::join(ClusterEnvironment::from_environment(),
                                                             {.timeout = options_.timeout}));
        }
    }
    [[nodiscard]] static at::Device device() { return {at::kCPU}; }
    [[nodiscard]] const ProcessGroupCollective& collective() const {
        if (!collective_) {
            throw Error(
                "DDP: the processes have not met yet. Call setup_environment() first; a trainer does so at "
                "the "
                "start of a run.");
        }
        return *collective_;
    }
    [[nodiscard]] const DDPOptions& options() const { return options_; }

    void setup(torch::nn::Module& module, bool training) {
        if (collective().world_size() == 1) {
            return;
        }
        teardown(module);
        std::vector<at::Tensor> state;
        collect(module, state);
        detail::require_equal_modules(collective(), module);
        if (!state.empty()) {
            collective().guarded("sending the module of rank 0", [&] {
                c10d::broadcast_coalesced(collective().group(), state, coalesced_bytes, 0);
            });
        }
        if (training && !parameters_.empty()) {
            make_reducer();
        }
    }

    void before_forward(bool synchronise) {
        if (!reducer_) {
            return;
        }
        if (synchronise) {
            logger_->set_runtime_stats_and_log();
            reducer_->prepare_for_forward();
        }
        if (at::GradMode::is_enabled()) {
            explained("arranging the gradients", [&] { reducer_->rebuild_buckets(); });
        }
        before_evaluation();
        send_buffers_ = synchronise;
    }
    void before_backward(const at::Tensor& loss, bool synchronise) {
        if (!reducer_ || !synchronise) {
            return;
        }
        explained("preparing the exchange of gradients", [&] {
            reducer_->prepare_for_backward(options_.find_unused_parameters && !options_.static_graph
                                               ? std::vector<at::Tensor>{loss}
                                               : std::vector<at::Tensor>{});
        });
        if (options_.static_graph && first_backward_ && loss.requires_grad()) {
            // The first pass is watched; its exchange comes when all gradients are there.
            loss.register_hook([reducer = reducer_](const at::Tensor& gradient) {
                torch::autograd::Engine::get_default_engine().queue_callback(
                    [reducer] { reducer->delay_all_reduce(); });
                return gradient;
            });
        }
        first_backward_ = false;
    }
    /// In the place of before_forward(), for a step that computes its gradients itself: the Reducer listens to autograd.
    void before_own_step(bool synchronise) {
        before_evaluation();
        send_buffers_ = synchronise;
    }
    /// The mean over the ranks of the gradients that such a step computed, in the Reducer's arithmetic.
    void average_gradients() {
        if (parameters_.empty()) {  // one process, too
            return;
        }
        const at::NoGradGuard no_grad;
        const at::Tensor used = used_by_any();
        if (!parcels_) {
            parcels_.emplace(parameters_, cap());
        }
        parcels_->average(collective(), used);
    }
    /// What the backward pass threw, if it tells of other processes: throws a DistributedError in its place.
    void explain(const std::exception& error) const {
        if (collective_ && detail::is_communication_error(error)) {
            throw collective_->failure("the exchange of gradients", error);
        }
    }
    /// Rank 0's buffers to all, once after the last step that synchronised.
    void before_evaluation() {
        if (send_buffers_ && options_.broadcast_buffers && !buffers_.empty()) {
            const at::NoGradGuard no_grad;
            collective().guarded("sending the buffers of rank 0", [&] {
                c10d::broadcast_coalesced(collective().group(), buffers_, coalesced_bytes, 0);
            });
        }
        send_buffers_ = false;
    }

    void teardown(torch::nn::Module& /*module*/) noexcept {
        logger_.reset();
        reducer_.reset();
        parameters_.clear();
        names_.clear();
        buffers_.clear();
        parcels_.reset();
        send_buffers_ = false;
        first_backward_ = true;
    }

 private:
    static constexpr std::size_t coalesced_bytes = std::size_t{250} << 20U;
    static constexpr std::size_t first_bucket_bytes = std::size_t{1} << 20U;

    static bool is_known(const std::vector<at::Tensor>& known, const at::Tensor& tensor) {
        return std::any_of(known.begin(), known.end(),
                           [&](const at::Tensor& other) { return other.is_same(tensor); });
    }

    /// `state`: everything that rank 0 sends. A tensor that is registered twice counts once.
    void collect(torch::nn::Module& module, std::vector<at::Tensor>& state) {
        std::vector<at::Tensor> seen;
        for (const auto& item : module.named_parameters()) {
            const at::Tensor& parameter = item.value();
            if (!parameter.defined() || is_known(seen, parameter)) {
                continue;
            }
            seen.push_back(parameter);
            state.push_back(parameter.detach());
            if (parameter.requires_grad()) {
                parameters_.push_back(parameter);
                names_.push_back(item.key());
            }
        }
        for (const auto& item : module.named_buffers()) {
            if (item.value().defined() && !is_known(seen, item.value())) {
                seen.push_back(item.value());
                buffers_.push_back(item.value().detach());
                state.push_back(buffers_.back());
            }
        }
    }

    [[nodiscard]] std::size_t cap() const { return static_cast<std::size_t>(options_.bucket_cap_mb) << 20U; }

    /// Which parameters have a gradient on some rank; undefined where all of them have to.
    /// Errors  DistributedError with the names of those that have none then.
    [[nodiscard]] at::Tensor used_by_any() const {
        if (options_.find_unused_parameters) {
            at::Tensor used = at::empty({static_cast<std::int64_t>(parameters_.size())}, at::kByte);
            std::transform(parameters_.begin(), parameters_.end(), used.mutable_data_ptr<std::uint8_t>(),
                           [](const at::Tensor& parameter) -> std::uint8_t { return parameter.grad().defined(); });
            return collective().all_reduce(used, ReduceOp::maximum);
        }
        if (std::any_of(parameters_.begin(), parameters_.end(),
                        [](const at::Tensor& parameter) { return !parameter.grad().defined(); })) {
            std::vector<std::size_t> without;
            for (std::size_t i = 0; i < parameters_.size(); ++i) {
                if (!parameters_[i].grad().defined()) {
                    without.push_back(i);
                }
            }
            throw unused_error(without);
        }
        return {};
    }
    /// The parameters whose indices the Reducer lists in its complaint.
    static std::vector<std::size_t> listed(const std::string& complaint) {
        constexpr std::string_view before = "Parameter indices which did not receive grad for rank ";
        std::vector<std::size_t> indices;
        if (const auto found = complaint.find(before); found != std::string::npos) {
            std::istringstream text(complaint.substr(found + before.size()));
            std::int64_t rank = 0;
            char colon = ' ';
            text >> rank >> colon;
            for (std::size_t index = 0; text >> index;) {
                indices.push_back(index);
            }
        }
        return indices;
    }
    [[nodiscard]] DistributedError unused_error(const std::vector<std::size_t>& indices) const {
        std::string unused;
        for (const std::size_t index : indices) {
            unused += (unused.empty() ? "" : ", ") + names_.at(index);
        }
        return DistributedError("DDP: in the last step some parameters of rank " +
                                std::to_string(collective().rank()) +
                                " took no part in the loss, so their gradients could not be averaged" +
                                (unused.empty() ? "" : ": " + unused) +
                                ". Use every parameter, freeze those before fit, or set "
                                "lit::DDP{{.find_unused_parameters = true}}.");
    }

    void make_reducer() {
        const std::vector<bool> expect_sparse(parameters_.size(), false);
        std::unordered_map<std::size_t, std::string> names;
        for (std::size_t i = 0; i < names_.size(); ++i) {
            names.emplace(i, names_[i]);
        }
        collective().guarded("preparing the exchange of gradients", [&] {
            auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(
                parameters_, {first_bucket_bytes, cap()}, expect_sparse);
            // The last layer's gradients come first.
            std::reverse(buckets.begin(), buckets.end());
            reducer_ = std::make_shared<c10d::Reducer>(
                parameters_, std::move(buckets), collective().group(), expect_sparse,
                static_cast<std::int64_t>(cap()), options_.find_unused_parameters,
                options_.gradient_as_bucket_view, std::move(names),
                static_cast<std::int64_t>(first_bucket_bytes), false, false, std::vector<std::int64_t>{});
            logger_ = std::make_shared<c10d::Logger>(reducer_);
            reducer_->set_logger(logger_);
            logger_->set_construction_data_and_log("Module", {}, -1, options_.broadcast_buffers, false,
                                                   options_.static_graph);
            if (options_.static_graph) {
                reducer_->set_static_graph();
                logger_->set_static_graph();
            }
        });
    }

    /// Runs what belongs to the Reducer, and says in lit's words what it complains of.
    template <class F>
    void explained(std::string_view operation, F&& f) const {
        try {
            f();
        } catch (const std::exception& error) {
            const std::string text = detail::plain_text(error);
            if (text.find("finished reduction in the prior iteration") == std::string::npos) {
                throw collective().failure(operation, error);
            }
            throw unused_error(listed(text));
        }
    }

    DDPOptions options_;
    std::optional<ProcessGroupCollective> collective_;
    std::vector<at::Tensor> parameters_;
    std::vector<std::string> names_;
    std::vector<at::Tensor> buffers_;
    std::optional<detail::GradientParcels> parcels_;
    // Destroyed first, while the group is there.
    std::shared_ptr<c10d::Reducer> reducer_;
    std::shared_ptr<c10d::Logger> logger_;
    bool send_buffers_ = false;
    bool first_backward_ = true;
};
static_assert(StrategyPolicy<DDP>);

}  // namespace lit
