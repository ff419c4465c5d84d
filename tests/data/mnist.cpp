// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "data/idx_files.hpp"

#include <lit/core/error.hpp>
#include <lit/data/mnist.hpp>

#include <vector>

using idx_files::Bytes;
using idx_files::Folder;

TEST_SUITE("data/mnist") {
    TEST_CASE("the four files are found plain or packed, labels become int64") {
        const Folder folder;
        folder.packed("train-images-idx3-ubyte.gz",
                      idx_files::idx(0x08, {2, 28, 28}, idx_files::counting(2 * 784)));
        folder.plain("train-labels-idx1-ubyte", idx_files::idx(0x08, {2}, Bytes{7, 1}));
        const lit::MNIST train{folder.path()};
        CHECK(train.size() == 2);
        CHECK(train.data().sizes().vec() == std::vector<std::int64_t>{2, 28, 28});
        CHECK((train.data().scalar_type() == at::kByte));
        CHECK(at::equal(train.target(), at::tensor({7, 1}, at::kLong)));
        CHECK_THROWS_WITH_AS((lit::MNIST{folder.path(), false}),
                             doctest::Contains("neither t10k-images-idx3-ubyte nor"), lit::FileError);
        folder.plain("train-labels-idx1-ubyte", idx_files::idx(0x08, {3}, Bytes{7, 1, 2}));
        CHECK_THROWS_WITH_AS((lit::MNIST{folder.path()}), doctest::Contains("has 2 images, but"),
                             lit::DataError);
    }
}
