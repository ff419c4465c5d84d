// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/data/collate.hpp>

#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

static_assert(lit::CollatableSample<std::tuple<at::Tensor, int, std::string>>);
static_assert(!lit::CollatableSample<std::unique_ptr<int>> && !lit::CollatableSample<std::pair<int, void*>>);

TEST_SUITE("data/collate") {
    TEST_CASE("samples become a batch, part by part") {
        const auto example = lit::collate(
            std::vector<lit::ExampleOf<at::Tensor, int>>{{at::ones({2}), 4}, {at::zeros({2}), 5}});
        static_assert(std::is_same_v<decltype(example), const lit::Example>);
        CHECK(example.data.sizes().vec() == std::vector<std::int64_t>{2, 2});
        CHECK(at::equal(example.target, at::tensor({4, 5}, at::kLong)));
        const auto tuple = lit::collate(
            std::vector<std::tuple<float, std::string, bool>>{{0.5F, "a", true}, {1.5F, "b", false}});
        CHECK((std::get<0>(tuple).scalar_type() == at::kFloat));
        CHECK(std::get<1>(tuple) == std::vector<std::string>{"a", "b"});
        CHECK((std::get<2>(tuple).scalar_type() == at::kBool));
        CHECK(lit::collate(std::vector<lit::ExampleOf<at::Tensor, void>>{at::ones({3})}).data.size(1) == 3);
        CHECK((lit::collate(std::vector{1.0, 2.0}).scalar_type() == at::kDouble));
    }
}
