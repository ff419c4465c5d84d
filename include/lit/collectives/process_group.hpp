// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/collective.hpp>
#include <lit/collectives/environment.hpp>
#include <lit/core/error.hpp>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/util/Exception.h>
#include <c10/util/intrusive_ptr.h>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/Work.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

namespace lit {
namespace detail {

/// What an exception says, without c10's backtrace.
inline std::string plain_text(const std::exception& error) {
    const auto* known = dynamic_cast<const c10::Error*>(&error);
    std::string text = known != nullptr ? known->what_without_backtrace() : error.what();
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
        text.pop_back();
    }
    return text;
}

/// Whether an exception tells of other processes: c10d's, or Gloo's, whose types its headers keep to themselves.
inline bool is_communication_error(const std::exception& error) {
    return dynamic_cast<const c10::DistError*>(&error) != nullptr ||
           std::string_view(typeid(error).name()).starts_with("N4gloo");
}

/// The meeting place of all processes of the environment: one connection a process, whoever asks for it, since a
/// second server could not have the same port. It is left open until the process ends.
inline c10::intrusive_ptr<c10d::Store> environment_store(const ClusterEnvironment& environment,
                                                         std::chrono::milliseconds timeout) {
    static std::mutex mutex;
    static std::string open_for;
    static c10::intrusive_ptr<c10d::Store> open;
    const std::lock_guard lock(mutex);
    const std::string key = environment.master_addr + ":" + std::to_string(environment.master_port) + "/" +
                            std::to_string(environment.rank) + "/" +
                            std::to_string(environment.restart_count);
    if (!open || open_for != key) {
        open.reset();
        c10d::TCPStoreOptions options;
        options.port = environment.master_port;
        options.numWorkers = static_cast<std::size_t>(environment.world_size);
        options.timeout = timeout;
        options.isServer = !environment.agent_serves && environment.rank == 0;
        options.waitWorkers = !environment.agent_serves;
        open = c10::make_intrusive<c10d::TCPStore>(environment.master_addr, options);
        open_for = key;
    }
    return open;
}

/// The network that Gloo takes: what GLOO_SOCKET_IFNAME names, the loopback when all are on one machine, else the
/// one that the machine's name leads to.
inline auto gloo_devices(bool on_one_machine) {
    using Gloo = c10d::ProcessGroupGloo;
    std::vector<decltype(Gloo::createDefaultDevice())> devices;
    const char* interfaces = std::getenv("GLOO_SOCKET_IFNAME");
    std::string_view left = interfaces != nullptr ? interfaces : "";
    while (!left.empty()) {
        const std::size_t comma = left.find(',');
        devices.push_back(Gloo::createDeviceForInterface(std::string(left.substr(0, comma))));
        left.remove_prefix(comma == std::string_view::npos ? left.size() : comma + 1);
    }
    if (devices.empty()) {
        devices.push_back(on_one_machine ? Gloo::createDeviceForHostname("127.0.0.1")
                                         : Gloo::createDefaultDevice());
    }
    return devices;
}

}  // namespace detail

/// A reduction that goes on by itself; it may be left without waiting.
class PendingReduction {
 public:
    PendingReduction(c10::intrusive_ptr<c10d::Work> work, at::Tensor value)
        : work_(std::move(work)), value_(std::move(value)) {}

    /// The reduced value; null work is a world of one. Errors  as those of the operation.
    [[nodiscard]] at::Tensor wait() const {
        if (work_) {
            work_->wait();
        }
        return value_;
    }

 private:
    c10::intrusive_ptr<c10d::Work> work_;
    at::Tensor value_;
};

struct ProcessGroupOptions {
    std::chrono::milliseconds timeout = std::chrono::minutes{30};  ///< for meeting, and for each operation
    bool on_one_machine = true;  ///< talk over the loopback; joining by the environment decides for itself
};

/// The processes of a distributed run, over c10d's Gloo group.
///
/// Every operation waits for its result. `all_reduce` leaves its argument alone; the mean of whole numbers is rounded
/// towards zero. A tensor of another device goes to the CPU and back. A default-made one, and a world of one, is a
/// single process that talks to nobody.
///
/// Shapes  as in CollectivePolicy; all ranks give the same shape and type (Gloo ends the process where sizes differ).
/// Errors  ConfigError for a timeout that is not positive, and for a bad environment; DistributedError that says which
///         operation failed on which rank, with the original text: a process that dies is told within milliseconds,
///         one that does not answer after `timeout`. After an error the group is of no more use.
/// Cost    0.3 ms or more an operation; copies share one group.
/// Source  torch.distributed with the backend gloo; Lightning `_sync_ddp` for the mean.
class ProcessGroupCollective {
 public:
    ProcessGroupCollective() = default;
    /// A group of those who share the store, for instance threads of one process over a `c10d::HashStore`. Threads set
    /// TORCH_FR_BUFFER_SIZE=0 before the first operation: LibTorch's flight recorder is made for one rank a process.
    ProcessGroupCollective(const c10::intrusive_ptr<c10d::Store>& store, std::int64_t rank,
                           std::int64_t world_size, ProcessGroupOptions options = {})
        : rank_(rank), world_size_(world_size), timeout_(options.timeout) {
        if (world_size < 1 || rank < 0 || rank >= world_size) {
            throw ConfigError("ProcessGroupCollective: rank " + std::to_string(rank) + " of world size " +
                              std::to_string(world_size) +
                              "; the world size is at least 1 and ranks go from 0 to world size - 1.");
        }
        check(options.timeout);
        if (world_size > 1) {
            guarded("joining the group", [&] { connect(store, options); });
        }
    }

    /// Meets the other processes of the environment. Every process calls it equally often: each call is a new group.
    [[nodiscard]] static ProcessGroupCollective join(const ClusterEnvironment& environment,
                                                     ProcessGroupOptions options = {}) {
        check(options.timeout);
        ProcessGroupCollective joined;
        joined.rank_ = environment.rank;
        joined.world_size_ = environment.world_size;
        joined.timeout_ = options.timeout;
        if (environment.world_size > 1) {
            options.on_one_machine = environment.on_one_machine();
            const std::string where = environment.master_addr + ":" + std::to_string(environment.master_port);
            joined.guarded("meeting at " + where, [&] {
                auto store = detail::environment_store(environment, options.timeout);
                static std::atomic<std::int64_t> groups{0};
                // The agent's store outlives a restart, and the store outlives a group: each has names of its own.
                store = c10::make_intrusive<c10d::PrefixStore>("lit/attempt_" +
                                                                   std::to_string(environment.restart_count) +
                                                                   "/group_" + std::to_string(groups++),
                                                               store);
                joined.connect(store, options);
            });
        }
        return joined;
    }

    [[nodiscard]] std::int64_t rank() const { return rank_; }
    [[nodiscard]] std::int64_t world_size() const { return world_size_; }
    /// c10d's group; null in a world of one.
    [[nodiscard]] const c10::intrusive_ptr<c10d::ProcessGroup>& group() const { return group_; }

    [[nodiscard]] at::Tensor all_reduce(at::Tensor value, ReduceOp op) const {
        if (!group_) {
            return value;
        }
        std::vector<at::Tensor> tensors{own_copy(value)};
        c10d::AllreduceOptions options;
        options.reduceOp = c10d_op(op);
        guarded("all_reduce", [&] { group_->allreduce(tensors, options)->wait(); });
        if (op == ReduceOp::mean) {
            if (tensors[0].is_floating_point() || tensors[0].is_complex()) {
                tensors[0].div_(world_size_);
            } else if (tensors[0].scalar_type() == at::kBool) {  // whether one is true
                tensors[0].copy_(tensors[0] / world_size_);
            } else {
                tensors[0].div_(world_size_, "trunc");
            }
        }
        return tensors[0].to(value.device());
    }

    /// Starts `all_reduce` of a CPU tensor, for every `op` but the mean; `finish_all_reduce` waits for the result.
    [[nodiscard]] PendingReduction start_all_reduce(const at::Tensor& value, ReduceOp op) const {
        std::vector<at::Tensor> tensors{own_copy(value)};
        c10::intrusive_ptr<c10d::Work> work;
        if (group_) {
            c10d::AllreduceOptions options;
            options.reduceOp = c10d_op(op);
            guarded("all_reduce", [&] { work = group_->allreduce(tensors, options); });
        }
        return {std::move(work), std::move(tensors[0])};
    }
    [[nodiscard]] at::Tensor finish_all_reduce(const PendingReduction& pending) const {
        at::Tensor value;
        guarded("all_reduce", [&] { value = pending.wait(); });
        return value;
    }

    [[nodiscard]] at::Tensor all_gather(const at::Tensor& value) const {
        if (!group_) {
            return value.unsqueeze(0);
        }
        std::vector<at::Tensor> mine{own_copy(value)};
        std::vector<std::int64_t> shape = value.sizes().vec();
        shape.insert(shape.begin(), world_size_);
        at::Tensor all = at::empty(shape, mine[0].options());
        std::vector<std::vector<at::Tensor>> parts(1);
        for (std::int64_t rank = 0; rank < world_size_; ++rank) {
            parts[0].push_back(all.select(0, rank));
        }
        guarded("all_gather", [&] { group_->allgather(parts, mine)->wait(); });
        return all.to(value.device());
    }

    [[nodiscard]] at::Tensor broadcast(at::Tensor value, std::int64_t root) const {
        check_root(root);
        if (!group_) {
            return value;
        }
        std::vector<at::Tensor> tensors{own_copy(value)};
        broadcast_in_place(tensors, root);
        return tensors[0].to(value.device());
    }

    [[nodiscard]] std::string broadcast(std::string value, std::int64_t root) const {
        check_root(root);
        if (!group_) {
            return value;
        }
        std::vector<at::Tensor> tensors{
            at::scalar_tensor(static_cast<std::int64_t>(value.size()), at::kLong)};
        broadcast_in_place(tensors, root);
        value.resize(
            static_cast<std::size_t>(*static_cast<const std::int64_t*>(tensors[0].const_data_ptr())));
        if (value.empty()) {
            return value;
        }
        tensors[0] = at::empty({static_cast<std::int64_t>(value.size())}, at::kByte);
        if (rank_ == root) {
            std::memcpy(tensors[0].mutable_data_ptr(), value.data(), value.size());
        }
        broadcast_in_place(tensors, root);
        std::memcpy(value.data(), tensors[0].const_data_ptr(), value.size());
        return value;
    }

    void barrier() const {
        if (group_) {
            // Of the backend: the group's own writes to one tensor of the whole process, without a lock.
            guarded("barrier", [&] { group_->getDefaultBackend()->barrier()->wait(); });
        }
    }

    /// Runs what talks to the other processes; what it throws becomes a DistributedError that names it.
    template <class F>
    void guarded(std::string_view operation, F&& f) const {
        try {
            f();
        } catch (const Error&) {
            throw;
        } catch (const std::exception& error) {
            throw failure(operation, error);
        }
    }
    [[nodiscard]] DistributedError failure(std::string_view operation, const std::exception& error) const {
        return DistributedError(
            "ProcessGroupCollective: " + std::string(operation) + " failed on rank " + std::to_string(rank_) +
            " of " + std::to_string(world_size_) + ": " + detail::plain_text(error) +
            (detail::is_communication_error(error)
                 ? "\nAnother process has ended, or did not answer within " + std::to_string(timeout_.count()) +
                       " ms. The first error of all processes is the one to look at."
                 : std::string()));
    }

 private:
    static void check(std::chrono::milliseconds timeout) {
        if (timeout.count() <= 0) {
            throw ConfigError("ProcessGroupCollective: timeout = " + std::to_string(timeout.count()) +
                              " ms, expected a positive duration, for instance std::chrono::minutes{30}.");
        }
    }
    void check_root(std::int64_t root) const {
        if (root < 0 || root >= world_size_) {
            throw ConfigError("ProcessGroupCollective: broadcast from rank " + std::to_string(root) +
                              ", expected 0 to " + std::to_string(world_size_ - 1) + ".");
        }
    }

    void connect(const c10::intrusive_ptr<c10d::Store>& store, const ProcessGroupOptions& options) {
        const auto rank = static_cast<int>(rank_);
        const auto world_size = static_cast<int>(world_size_);
        store->setTimeout(options.timeout);
        auto gloo_options = c10d::ProcessGroupGloo::Options::create(options.timeout);
        gloo_options->devices = detail::gloo_devices(options.on_one_machine);
        auto gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, world_size, gloo_options);
        auto group = c10::make_intrusive<c10d::ProcessGroup>(store, rank, world_size);
        group->setBackend(c10::DeviceType::CPU, c10d::ProcessGroup::BackendType::GLOO, gloo);
        group->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
        group->setGroupName("lit");
        group->setGroupDesc("default_pg");
        group_ = std::move(group);
    }

    // Gloo writes into what it is given.
    static at::Tensor own_copy(const at::Tensor& value) {
        const at::Tensor plain = value.detach();
        return plain.is_cpu() ? plain.clone(at::MemoryFormat::Contiguous) : plain.cpu().contiguous();
    }
    void broadcast_in_place(std::vector<at::Tensor>& tensors, std::int64_t root) const {
        c10d::BroadcastOptions options;
        options.rootRank = root;
        guarded("broadcast", [&] { group_->broadcast(tensors, options)->wait(); });
    }
    static c10d::ReduceOp c10d_op(ReduceOp op) {
        switch (op) {
            case ReduceOp::minimum:
                return c10d::ReduceOp::MIN;
            case ReduceOp::maximum:
                return c10d::ReduceOp::MAX;
            default:
                return c10d::ReduceOp::SUM;  // Gloo's mean: the sum, divided afterwards
        }
    }

    std::int64_t rank_ = 0;
    std::int64_t world_size_ = 1;
    std::chrono::milliseconds timeout_ = std::chrono::minutes{30};
    c10::intrusive_ptr<c10d::ProcessGroup> group_;
};
static_assert(CollectivePolicy<ProcessGroupCollective>);

}  // namespace lit
