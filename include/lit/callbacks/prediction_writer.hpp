// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/base_prediction_writer.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace lit {

namespace detail {

template <class T>
struct IsListOfPredictions : std::false_type {};
template <class T>
struct IsListOfPredictions<std::vector<T>> : std::true_type {};

/// What a prediction is in a file: tensors on the CPU, lists, tuples and plain values.
template <class T>
[[nodiscard]] Value prediction_value(const T& prediction) {
    if constexpr (std::same_as<T, at::Tensor>) {
        return prediction.defined() ? Value(prediction.detach().cpu()) : Value();
    } else if constexpr (IsListOfPredictions<T>::value && !std::same_as<T, List>) {
        List items;
        items.reserve(prediction.size());
        for (const auto& item : prediction) {
            items.push_back(prediction_value(static_cast<const typename T::value_type&>(item)));
        }
        return items;
    } else if constexpr (requires { std::tuple_size<T>::value; }) {
        Tuple tuple;
        std::apply([&tuple](const auto&... items) { (tuple.items.push_back(prediction_value(items)), ...); },
                   prediction);
        return tuple;
    } else {
        constexpr bool storable = std::convertible_to<const T&, Value>;
        static_assert(storable,
                      "lit: PredictionWriter stores tensors, numbers, strings, lit::Dict, and vectors, pairs "
                      "and tuples of "
                      "these. Return one of them from predict_step, or derive a writer from "
                      "lit::BasePredictionWriter.");
        if constexpr (storable) {
            return prediction;
        } else {
            return {};
        }
    }
}

}  // namespace detail

struct PredictionWriterOptions {
    std::filesystem::path dirpath{};  ///< made when it is not there
    WriteInterval write_interval = WriteInterval::batch;
};

/// Writes predictions as files that `torch.load(weights_only=True)` reads, each one whole or not at all.
///
/// Files   per batch `<dataloader_idx>/<batch_idx>.pt`, per epoch `predictions.pt`; on several ranks `_rank<N>` stands
///         before the dot. Each holds {"predictions": ..., "batch_indices": ...}: what predict_step returned (per epoch a
///         list per loader of a list of batches) and the samples' places in the dataset.
/// Errors  ConfigError for an empty folder; FileError when a file cannot be written, which ends the run.
/// Cost    a device's tensors are waited for, and the file is on the disk before the next batch begins.
/// Source  the examples of Lightning's `BasePredictionWriter`.
class PredictionWriter : public BasePredictionWriter<PredictionWriter> {
 public:
    explicit PredictionWriter(PredictionWriterOptions options)
        : BasePredictionWriter(options.write_interval), dirpath_(std::move(options.dirpath)) {
        if (dirpath_.empty()) {
            throw ConfigError(
                "PredictionWriter: dirpath is empty. Name the folder that the predictions go to.");
        }
    }

    void write_on_batch_end(auto& trainer, auto& /*module*/, const auto& prediction,
                            const std::vector<std::int64_t>& batch_indices, const auto& /*batch*/,
                            std::int64_t batch_idx, std::int64_t dataloader_idx) const {
        write(dirpath_ / std::to_string(dataloader_idx) / (std::to_string(batch_idx) + suffix(trainer)),
              prediction, batch_indices);
    }
    void write_on_epoch_end(auto& trainer, auto& /*module*/, const auto& predictions,
                            const auto& batch_indices) const {
        write(dirpath_ / ("predictions" + suffix(trainer)), predictions, batch_indices);
    }

 private:
    [[nodiscard]] static std::string suffix(auto& trainer) {
        return (trainer.world_size() > 1 ? "_rank" + std::to_string(trainer.global_rank()) : std::string()) +
               ".pt";
    }
    static void write(const std::filesystem::path& path, const auto& predictions, const auto& batch_indices) {
        save_checkpoint_file(path, Dict{{"predictions", detail::prediction_value(predictions)},
                                        {"batch_indices", detail::prediction_value(batch_indices)}});
    }

    std::filesystem::path dirpath_;
};

}  // namespace lit
