// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/batch.hpp>
#include <lit/core/hooks.hpp>
#include <lit/data/loader.hpp>
#include <lit/loops/data_source.hpp>
#include <lit/loops/dispatch.hpp>

#include <c10/core/Device.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace lit::detail {

/// Stands for the place of a batch that was read ahead of.
struct NoPosition {};

/// Hands the loader's own place along to who wants it.
template <class Visit, class Position, class Batch>
bool visit_at(Visit& visit, [[maybe_unused]] Position& position, const Batch& batch, std::int64_t index, bool is_last) {
    if constexpr (std::is_invocable_v<Visit&, const Batch&, std::int64_t, bool, Position&>) {
        return visit(batch, index, is_last, position);
    } else {
        return visit(batch, index, is_last);
    }
}

/// The batch at a place that is gone with the next step: a copy of one that is somebody's, the batch itself where it is given away.
template <class Position>
auto taken(Position& position) {
    using Given = decltype(*position);
    if constexpr (std::is_lvalue_reference_v<Given> && std::is_copy_constructible_v<std::remove_cvref_t<Given>>) {
        return std::remove_cvref_t<Given>(*position);
    } else {
        return std::remove_cvref_t<Given>(std::move(*position));
    }
}

/// Walks through the batches of a loader from batch `first` on, `limit` of them at most. A loader that can seek does so;
/// one that is `placed` starts there by itself; any other is walked up to there.
///
/// A loader that can brings its batches to `device`.
///
/// `visit(batch, index, is_last)`, or `visit(batch, index, is_last, iterator)`, answers whether to go on. A loader that does
/// not know its size is read one batch ahead, so that the last batch is known when it is visited.
template <class Loader, class Visit>
void for_each_batch(Loader& loader, at::Device device, std::int64_t first, std::optional<std::int64_t> limit, Visit&& visit,
                    bool placed = false) {
    if (limit && first >= *limit) {
        return;
    }
    if constexpr (Seekable<Loader>) {
        if (first > 0) {
            loader.seek(first);
            placed = true;
        }
    }
    auto position = [&] {
        if constexpr (BeginsOnDevice<Loader>) {
            if (!device.is_cpu()) {
                return loader.begin_on(device);
            }
        }
        return std::begin(loader);
    }();
    const auto end = std::end(loader);
    std::int64_t index = placed ? first : 0;
    for (; index < first && position != end; ++index) {
        ++position;
    }
    if (const auto size = loader_size(loader)) {
        const std::int64_t stop = limit ? std::min(*limit, *size) : *size;
        while (index < stop && position != end) {
            if (!visit_at(visit, position, std::as_const(*position), index, index + 1 == stop)) {
                return;
            }
            // The last batch is not followed by a wait for one that nobody asked for.
            if (++index < stop) {
                ++position;
            }
        }
        return;
    }
    while (position != end) {
        if constexpr (std::forward_iterator<decltype(position)>) {
            const auto& batch = *position;
            ++position;
            const bool last = position == end || (limit && index + 1 >= *limit);
            NoPosition ahead;
            if (!visit_at(visit, ahead, batch, index++, last) || last) {
                return;
            }
        } else {
            const auto batch = taken(position);
            bool last = limit && index + 1 >= *limit;
            if (!last) {
                ++position;
                last = !(position != end);
            }
            NoPosition ahead;
            if (!visit_at(visit, ahead, batch, index++, last) || last) {
                return;
            }
        }
    }
}

/// Calls a batch-transfer hook of the data module if it has it, else of the module, else hands the batch on.
template <class H, class Run, class Batch, class Next, class... Args>
decltype(auto) through_transfer_hook(Run& run, const Batch& batch, Next&& next, Args&&... args) {
    if constexpr (Run::has_datamodule &&
                  has_module_hook<H, Run, typename Run::source_type, const Batch&, Args&...>) {
        const HookScope scope(run.state(), H::id);
        return next(call_module_hook<H>(run, run.source(), batch, args...));
    } else if constexpr (module_listens<H, Run, const Batch, Args...>) {
        return next(call_module<H>(run, batch, args...));
    } else {
        return next(batch);
    }
}

/// Brings a batch to the device, through the three hooks, and calls `use(batch)` with what came out.
///
/// Cost    on the CPU without hooks the batch is handed on as it is.
template <class Run, class Batch, class Use>
decltype(auto) with_transferred(Run& run, const Batch& batch, std::int64_t dataloader_idx, Use&& use) {
    return through_transfer_hook<hooks::on_before_batch_transfer>(
        run, batch,
        [&](const auto& before) -> decltype(auto) {
            using Before = std::remove_cvref_t<decltype(before)>;
            const auto finish = [&](const auto& moved) -> decltype(auto) {
                return through_transfer_hook<hooks::on_after_batch_transfer>(run, moved, use, dataloader_idx);
            };
            const at::Device device = run.device();
            if constexpr (module_listens<hooks::transfer_batch_to_device, Run, const Before, const at::Device,
                                         std::int64_t> ||
                          (Run::has_datamodule &&
                           has_module_hook<hooks::transfer_batch_to_device, Run, typename Run::source_type,
                                           const Before&, const at::Device&, std::int64_t&>)) {
                return through_transfer_hook<hooks::transfer_batch_to_device>(run, before, finish, device,
                                                                              dataloader_idx);
            } else if constexpr (TransferableBatch<Before>) {
                if (device.is_cpu()) {
                    return finish(before);
                }
                return finish(to_device(before, device, true));
            } else {
                if (!device.is_cpu()) {
                    throw ConfigError(
                        "Trainer: this batch type cannot be moved to a device by itself. Write "
                        "transfer_batch_to_device("
                        "batch, device) in the module, or build the batch of tensors, tuples, vectors and "
                        "aggregates.");
                }
                return finish(before);
            }
        },
        dataloader_idx);
}

template <class H, class Run>
inline constexpr bool someone_transfers = H::template names<typename Run::module_type> ||
                                          (Run::has_datamodule &&
                                           H::template names<typename Run::source_type>);
/// Whether a hook brings batches to the device, or may want them as the loader made them.
template <class Run>
inline constexpr bool transfers_by_hooks =
    someone_transfers<hooks::on_before_batch_transfer, Run> || someone_transfers<hooks::transfer_batch_to_device, Run>;
/// Where a loader that can is to bring its batches.
template <class Run>
at::Device wanted_device(const Run& run) {
    return transfers_by_hooks<Run> ? at::Device(at::kCPU) : run.device();
}

struct TypeOfBatch {
    // Never called, but g++ wants the body of what is named in an unevaluated chain of calls.
    template <class Batch>
    std::type_identity<Batch> operator()(const Batch& /*batch*/) const {
        return {};
    }
};
/// The batch that the steps see: what the loader gives, after the transfer hooks.
template <class Run, class Batch>
consteval auto moved_batch() {
    if constexpr (transfers_by_hooks<Run> || someone_transfers<hooks::on_after_batch_transfer, Run>) {
        return decltype(with_transferred(std::declval<Run&>(), std::declval<const Batch&>(), std::int64_t{},
                                         TypeOfBatch{})){};
    } else {
        return std::type_identity<Batch>{};
    }
}
template <class Run, class Batch>
using moved_batch_t = typename decltype(moved_batch<Run, std::remove_cv_t<Batch>>())::type;

template <class T>
consteval auto first_batch_type() {
    using Plain = std::remove_cvref_t<T>;
    if constexpr (LoaderPolicy<Plain>) {
        return std::type_identity<loader_batch_t<Plain>>{};
    } else if constexpr (is_loader_tuple<Plain>()) {
        return first_batch_type<std::tuple_element_t<0, Plain>>();
    } else {
        return first_batch_type<decltype(*std::begin(std::declval<deref_t<Plain>&>()))>();
    }
}
template <class Source, class Request>
using loaded_batch_t = typename decltype(first_batch_type<requested_t<Source, Request>>())::type;

/// What the steps see of the loader that `Request` asks for.
template <class Run, class Request>
using batch_of = moved_batch_t<Run, loaded_batch_t<typename Run::source_type, Request>>;

/// Whether the module has the step; of a final class only the call can be tried.
template <class Step, class Run, class Request, class... Indices>
consteval bool find_step() {
    using M = typename Run::module_type;
    if constexpr (!std::is_final_v<M>) {
        return Step::template names<M>;
    } else if constexpr (Request::template offered<typename Run::source_type>) {
        return has_module_hook<Step, Run, M, const batch_of<Run, Request>&, Indices&...>;
    } else {
        return Step::template names<M>;
    }
}
template <class Step, class Run, class Request, class... Indices>
inline constexpr bool has_step_for = find_step<Step, Run, Request, Indices...>();

}  // namespace lit::detail
