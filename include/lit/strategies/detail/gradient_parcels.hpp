// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/collectives/process_group.hpp>

#include <ATen/ScalarOps.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <c10/util/intrusive_ptr.h>
#include <torch/csrc/distributed/c10d/Work.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

namespace lit::detail {

/// Gradients that were computed without autograd, packed together for their way to the other ranks, in parts of about `cap` bytes
/// whose memory is kept.
///
/// Errors  DistributedError where another process is gone.
class GradientParcels {
 public:
    GradientParcels(const std::vector<at::Tensor>& parameters, std::size_t cap) : parameters_(parameters) {
        const auto buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(parameters_, {cap}));
        for (const std::vector<std::size_t>& bucket : buckets) {
            std::int64_t numel = 0;
            for (const std::size_t index : bucket) {
                numel += parameters_[index].numel();
            }
            Parcel parcel{at::empty({numel}, parameters_[bucket[0]].options().requires_grad(false)), {}};
            std::int64_t begin = 0;
            for (const std::size_t index : bucket) {
                const at::Tensor& parameter = parameters_[index];
                parcel.parts.emplace_back(
                    index, parcel.whole.narrow(0, begin, parameter.numel()).view(parameter.sizes()));
                begin += parameter.numel();
            }
            parcels_.push_back(std::move(parcel));
        }
    }

    /// The mean over the ranks, in the Reducer's arithmetic. A parameter without a gradient counts as 0, and gets one where
    /// `used_by_any`, which may be undefined, says so of its index.
    void average(const ProcessGroupCollective& ranks, const at::Tensor& used_by_any) {
        const auto exchanging = [&](auto&& f) { ranks.guarded("the exchange of gradients", f); };
        const at::Tensor share =
            at::native::wrapped_scalar_tensor(1.0 / static_cast<double>(ranks.world_size()));
        std::vector<c10::intrusive_ptr<c10d::Work>> works;
        for (Parcel& parcel : parcels_) {
            pack(parcel, share);
            std::vector<at::Tensor> whole{parcel.whole};
            exchanging([&] { works.push_back(ranks.group()->allreduce(whole)); });
        }
        for (std::size_t i = 0; i < parcels_.size(); ++i) {
            exchanging([&] { works[i]->wait(); });
            unpack(parcels_[i], used_by_any);
        }
    }

 private:
    /// What is sent as one.
    struct Parcel {
        at::Tensor whole;
        std::vector<std::pair<std::size_t, at::Tensor>>
            parts;  ///< of which parameter, and its place in the whole
    };

    void pack(Parcel& parcel, const at::Tensor& share) {
        for (auto& [index, part] : parcel.parts) {
            const at::Tensor& gradient = parameters_[index].grad();
            if (gradient.defined()) {
                at::mul_out(part, gradient, share);
            } else {
                part.zero_();
            }
        }
    }
    void unpack(Parcel& parcel, const at::Tensor& used_by_any) {
        for (auto& [index, part] : parcel.parts) {
            at::Tensor& gradient = parameters_[index].mutable_grad();
            if (gradient.defined()) {
                gradient.copy_(part);
            } else if (used_by_any.defined() && used_by_any[static_cast<std::int64_t>(index)].item<bool>()) {
                gradient = part.clone();
            }
        }
    }

    std::vector<at::Tensor> parameters_;
    std::vector<Parcel> parcels_;
};

}  // namespace lit::detail
