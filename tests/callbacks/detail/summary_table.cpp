// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/callbacks/detail/summary_table.hpp>

#include <ATen/ops/ones.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <memory>
#include <string>

namespace {

using lit::detail::SummaryTable;

struct Inner : torch::nn::Module {
    torch::nn::Linear deep{nullptr};
    Inner() { deep = register_module("deep", torch::nn::Linear(10, 100)); }
};
struct Net : torch::nn::Module {
    std::shared_ptr<Inner> inner;
    torch::nn::Linear head{nullptr};
    at::Tensor scale;

    Net() {
        inner = register_module("inner", std::make_shared<Inner>());
        head = register_module("head", torch::nn::Linear(4, 2));
        scale = register_parameter("scale", at::ones({7}));
        head->bias.set_requires_grad(false);
        head->eval();
    }
};
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_SUITE("callbacks/detail/summary_table") {
    TEST_CASE("one level lists the children, and what lies outside of them") {
        const std::string text = SummaryTable(Net(), 1).text();
        CHECK(has(text, "0 | inner        | Inner  | 1.1 K  | train"));
        CHECK(has(text, "1 | head         | Linear | 10     | eval"));
        CHECK(has(text, "  | other params | n/a    | 7      | n/a"));
        CHECK_FALSE(has(text, "inner.deep"));
        CHECK(has(text, "1.1 K     Trainable params\n"));
        CHECK(has(text, "2         Non-trainable params\n"));
        CHECK(has(text, "0.004     Total estimated model params size (MB)\n"));
        CHECK(has(text, "2         Modules in train mode\n"));
        CHECK(has(text, "1         Modules in eval mode"));
    }
    TEST_CASE("-1 lists every level") { CHECK(has(SummaryTable(Net(), -1).text(), "inner.deep")); }
    TEST_CASE("a part that is used twice counts once") {
        struct Twice : torch::nn::Module {
            Twice() {
                const torch::nn::Linear layer(4, 2);
                register_module("a", layer);
                register_module("b", layer);
            }
        };
        const std::string text = SummaryTable(Twice(), 1).text();
        CHECK(has(text, "10        Total params\n"));
        CHECK_FALSE(has(text, "| b "));
    }
    TEST_CASE("types are named as a person would") {
        CHECK(lit::detail::short_type("torch::nn::LinearImpl") == "Linear");
        CHECK(lit::detail::short_type("my::Block<int, a::b>") == "Block");
        CHECK(lit::detail::short_type("Impl") == "Impl");
    }
    TEST_CASE("shortens counts as Lightning does") {
        struct Row {
            std::int64_t count;
            const char* text;
        };
        for (const Row& row :
             {Row{0, "0  "}, Row{123, "123  "}, Row{1234, "1.2 K"}, Row{2000000, "2.0 M"},
              Row{3000000000, "3.0 B"}, Row{400000000000000, "400 T"}, Row{5000000000000000, "5,000 T"},
              Row{999, "999  "}, Row{1000, "1.0 K"}, Row{100000, "100 K"}}) {
            CHECK(lit::detail::human_count(row.count) == row.text);
        }
    }
}
