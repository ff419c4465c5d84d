// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/data/mnist.hpp>

#include <array>
#include <filesystem>
#include <string_view>

namespace lit {

/// Fashion-MNIST: 60,000 training and 10,000 test images of clothing in ten classes, in MNIST's files.
///
/// Shapes  data uint8 [n, 28, 28], target int64 [n]; make floats of a batch with `mapped`.
/// Errors  as MNIST; where the folder is missing the message names Debian's package that brings it.
/// Source  Xiao, Rasul, Vollgraf 2017. Debian: dataset-fashion-mnist, which installs to `default_folder`.
class FashionMNIST : public TensorDataset {
 public:
    static constexpr const char* default_folder = "/usr/share/datasets/fashion-mnist";
    static constexpr std::array<std::string_view, 10> classes{
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

    explicit FashionMNIST(const std::filesystem::path& folder = default_folder, bool train = true)
        : TensorDataset(detail::read_mnist(folder, train, "FashionMNIST",
                                           "On Debian, `apt install dataset-fashion-mnist` puts the four "
                                           "files into /usr/share/datasets/fashion-mnist; "
                                           "elsewhere give the folder that holds them.")) {}
};
static_assert(DatasetPolicy<FashionMNIST>);

}  // namespace lit
