// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/batch.hpp>

#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace {

struct Pair {
    at::Tensor x;
    std::vector<at::Tensor> extra;
    std::int64_t id = 0;
    std::string name;
    std::optional<at::Tensor> mask;
};
struct Nested {
    std::string name;
    Pair inner;
};
struct Base {
    int number = 0;
};
struct Derived : Base {
    at::Tensor x;
};
struct Packed {  // not an aggregate, but it can go to a device
    explicit Packed(at::Tensor t) : tensor(std::move(t)) {}
    [[nodiscard]] Packed to(at::Device device) const { return Packed(tensor.to(device)); }
    at::Tensor tensor;
};

static_assert(lit::MappableBatch<at::Tensor> && lit::MappableBatch<lit::Example>);
static_assert(lit::MappableBatch<lit::ExampleOf<at::Tensor, void>>);
static_assert(lit::MappableBatch<Pair> && lit::MappableBatch<Nested> &&
              lit::MappableBatch<std::vector<Pair>>);
static_assert(lit::MappableBatch<std::map<std::string, std::pair<at::Tensor, int>>>);
static_assert(lit::MappableBatch<std::variant<at::Tensor, std::array<at::Tensor, 2>>>);
static_assert(lit::MappableBatch<std::filesystem::path>);
static_assert(!lit::MappableBatch<Derived> && !lit::MappableBatch<std::shared_ptr<int>>);
static_assert(!lit::MappableBatch<std::tuple<at::Tensor, std::unique_ptr<int>>>);
static_assert(!lit::MappableBatch<Packed> && lit::TransferableBatch<Packed>);
static_assert(!lit::TransferableBatch<std::shared_ptr<int>>);

at::Tensor rows(std::int64_t count) { return at::zeros({count, 2}); }

}  // namespace

TEST_SUITE("core/batch") {
    TEST_CASE("the first tensor, found depth first, tells the batch size") {
        CHECK(lit::batch_size(rows(3)) == 3);
        CHECK(lit::batch_size(at::scalar_tensor(1.0)) == 1);
        CHECK(lit::batch_size(lit::Example{rows(4), rows(9)}) == 4);
        CHECK(lit::batch_size(std::vector{rows(5), rows(6)}) == 5);
        CHECK(lit::batch_size(std::tuple{1, std::string("a"), rows(7), rows(8)}) == 7);
        CHECK(lit::batch_size(std::pair{std::vector<at::Tensor>{}, rows(2)}) == 2);
        CHECK(lit::batch_size(std::optional<at::Tensor>{}) == -1);
        CHECK(lit::batch_size(std::map<std::string, at::Tensor>{{"b", rows(1)}, {"a", rows(6)}}) == 6);
        CHECK(lit::batch_size(std::variant<int, at::Tensor>{rows(3)}) == 3);
        CHECK(lit::batch_size(Nested{"n", Pair{{}, {rows(8)}, 3, "p", rows(2)}}) == 8);
    }
    TEST_CASE("a batch without tensors, or of a type unknown to lit, has size -1") {
        CHECK(lit::batch_size(3) == -1);
        CHECK(lit::batch_size(std::vector<std::string>{"a"}) == -1);
        CHECK(lit::batch_size(at::Tensor{}) == -1);
        CHECK(lit::batch_size(std::make_shared<int>(3)) == -1);
        CHECK(lit::batch_size(std::tuple{std::make_shared<int>(3), rows(2)}) == 2);
    }
    TEST_CASE("map_tensors replaces every tensor and leaves the rest") {
        const Nested batch{"n", Pair{rows(2), {rows(3), rows(4)}, 7, "p", rows(5)}};
        const Nested mapped = lit::map_tensors(batch, [](const at::Tensor& t) { return t + 1; });
        CHECK(mapped.name == "n");
        CHECK(mapped.inner.id == 7);
        CHECK(mapped.inner.x.sum().item<double>() == 4.0);
        CHECK(mapped.inner.extra.at(1).sum().item<double>() == 8.0);
        CHECK(mapped.inner.mask->sum().item<double>() == 10.0);
        CHECK(batch.inner.x.sum().item<double>() == 0.0);

        const auto dict =
            lit::map_tensors(std::map<std::string, at::Tensor>{{"a", rows(1)}, {"b", at::Tensor{}}},
                             [](const at::Tensor& t) { return t + 2; });
        CHECK(dict.at("a").sum().item<double>() == 4.0);
        CHECK_FALSE(dict.at("b").defined());
        const auto unlabelled = lit::map_tensors(lit::ExampleOf<at::Tensor, void>{rows(1)},
                                                 [](const at::Tensor& t) { return t + 1; });
        CHECK(unlabelled.data.sum().item<double>() == 2.0);
    }
    TEST_CASE("a batch is moved to a device, and one that is there keeps its tensors") {
        lit::Example batch{rows(2), rows(2)};
        const void* before = batch.data.data_ptr();
        lit::move_to_device(batch, at::kCPU);
        CHECK(batch.data.data_ptr() == before);
        const lit::Example meta = lit::to_device(batch, at::kMeta);
        CHECK(meta.data.is_meta());
        CHECK(meta.target.is_meta());
        CHECK(batch.data.is_cpu());
        CHECK(lit::to_device(Packed(rows(2)), at::kMeta).tensor.is_meta());
        CHECK(lit::to_device(std::vector{rows(1)}, at::kMeta).at(0).is_meta());
    }
}
