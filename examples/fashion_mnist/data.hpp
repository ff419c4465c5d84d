// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/lit.hpp>

#include <cstdint>
#include <filesystem>
#include <utility>

namespace fashion {

/// Bytes [n, 28, 28] to floats [n, 1, 28, 28] around 0 with deviation 1 (over the training images).
inline lit::Example normalized(lit::Example batch) {
    return {batch.data.to(torch::kFloat).unsqueeze_(1).sub_(0.2860 * 255).div_(0.3530 * 255), batch.target};
}

/// The 60,000 training images, 5,000 of them held out for validation, and the 10,000 test images.
struct Data : lit::DataModule<Data> {
    Data(std::filesystem::path folder, std::int64_t batch_size, std::uint64_t seed)
        : folder(std::move(folder)), batch_size(batch_size), seed(seed) {}

    void setup(lit::Stage stage) {
        if (stage == lit::Stage::fit && parts.empty()) {
            auto [train, val] = lit::random_split(lit::FashionMNIST{folder}, {55000, 5000}, seed);
            parts = {std::move(train), std::move(val)};
        }
    }
    // [readme]
    auto train_dataloader() {
        return lit::DataLoader{lit::mapped(parts.at(0), normalized),
                               {.batch_size = batch_size, .shuffle = true, .num_workers = 1,
                                .seed = static_cast<std::int64_t>(seed), .persistent_workers = true}};
    }
    // [readme]
    auto val_dataloader() { return lit::DataLoader{lit::mapped(parts.at(1), normalized), {.batch_size = 500}}; }
    auto test_dataloader() {
        return lit::DataLoader{lit::mapped(lit::FashionMNIST{folder, false}, normalized), {.batch_size = 500}};
    }
    auto predict_dataloader() { return test_dataloader(); }

    std::filesystem::path folder;
    std::int64_t batch_size;
    std::uint64_t seed;
    std::vector<lit::Subset<lit::FashionMNIST>> parts;
};

}  // namespace fashion
