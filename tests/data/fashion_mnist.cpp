// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "data/idx_files.hpp"

#include <lit/core/error.hpp>
#include <lit/data/fashion_mnist.hpp>

#include <filesystem>
#include <vector>

TEST_SUITE("data/fashion_mnist") {
    TEST_CASE("a missing folder names Debian's package") {
        const idx_files::Folder folder;
        CHECK_THROWS_WITH_AS((lit::FashionMNIST{folder.path() / "absent"}),
                             doctest::Contains("apt install dataset-fashion-mnist"), lit::FileError);
        CHECK_THROWS_WITH_AS((lit::FashionMNIST{folder.path()}), doctest::Contains("has neither"),
                             lit::FileError);
    }
    TEST_CASE("the real data set, where it is installed, has 70,000 images in ten even classes") {
        if (!std::filesystem::is_directory(lit::FashionMNIST::default_folder)) {
            MESSAGE("skipped: no folder ", lit::FashionMNIST::default_folder);
            return;
        }
        const lit::FashionMNIST train;
        const lit::FashionMNIST test{lit::FashionMNIST::default_folder, false};
        CHECK(train.data().sizes().vec() == std::vector<std::int64_t>{60000, 28, 28});
        CHECK(test.data().sizes().vec() == std::vector<std::int64_t>{10000, 28, 28});
        CHECK(at::equal(train.target().bincount(), at::full({10}, 6000, at::kLong)));
        CHECK(at::equal(test.target().bincount(), at::full({10}, 1000, at::kLong)));
        // The mean and deviation known for this data set: 0.2860 and 0.3530 of full scale.
        const at::Tensor pixels = train.data().to(at::kDouble).div(255);
        CHECK(pixels.mean().item<double>() == doctest::Approx(0.2860).epsilon(1e-3));
        CHECK(pixels.std().item<double>() == doctest::Approx(0.3530).epsilon(1e-3));
        CHECK(lit::FashionMNIST::classes.at(
                  static_cast<std::size_t>(train.target()[0].item<std::int64_t>())) == "Ankle boot");
    }
}
