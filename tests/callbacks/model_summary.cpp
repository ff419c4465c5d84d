// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "callbacks/scripted.hpp"

#include <lit/callbacks/model_summary.hpp>

#include <ATen/ops/ones.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <type_traits>

namespace {

static_assert(lit::CallbackPolicy<lit::ModelSummary>);
static_assert(!std::is_polymorphic_v<lit::ModelSummary>);

struct Parts : torch::nn::Module {
    Parts() {
        register_parameter("scale", at::ones({3}));
        auto net = torch::nn::Sequential(torch::nn::Linear(256, 512), torch::nn::BatchNorm1d(512),
                                         torch::nn::ReLU());
        auto head = torch::nn::Linear(512, 10);
        register_module("net", net);
        register_module("head", head);
        head->bias.requires_grad_(false);
        net->eval();
    }
};

std::string written(std::FILE* file) {
    std::string text;
    std::rewind(file);
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
        text += static_cast<char>(c);
    }
    std::fclose(file);
    return text;
}

}  // namespace

TEST_SUITE("callbacks/model_summary") {
    // The same module in Lightning 2.6.6, less its column of FLOPs and the blanks at the ends of lines.
    TEST_CASE("prints Lightning's table") {
        CHECK(lit::summary_text(Parts{}, 1) ==
              "  | Name         | Type       | Params | Mode \n"
              "----------------------------------------------------\n"
              "0 | net          | Sequential | 132 K  | eval \n"
              "1 | head         | Linear     | 5.1 K  | train\n"
              "  | other params | n/a        | 3      | n/a  \n"
              "----------------------------------------------------\n"
              "137 K     Trainable params\n"
              "10        Non-trainable params\n"
              "137 K     Total params\n"
              "0.551     Total estimated model params size (MB)\n"
              "1         Modules in train mode\n"
              "4         Modules in eval mode");
        CHECK(lit::summary_text(Parts{}, -1)
                  .find("2 | net.1 | BatchNorm1d | 1.0 K  | eval \n"
                        "3 | net.2 | ReLU        | 0      | eval \n"
                        "4 | head  | Linear      | 5.1 K  | train\n") != std::string::npos);
        CHECK(lit::summary_text(Parts{}, 2) == lit::summary_text(Parts{}, -1));
    }
    TEST_CASE("a module without parts has an empty table") {
        const std::string text = lit::summary_text(torch::nn::Module{});
        CHECK(text.starts_with("  | Name | Type | Params | Mode\n"));
        CHECK(text.find("0         Total params\n") != std::string::npos);
    }
    TEST_CASE("is printed once when a fit begins, unless the depth is 0") {
        for (const std::int64_t depth : {std::int64_t{1}, std::int64_t{0}}) {
            std::FILE* file = std::tmpfile();
            auto trainer =
                scripted::trainer({.max_epochs = 2}, lit::ModelSummary{{.max_depth = depth, .file = file}});
            scripted::Script module;
            trainer.fit(module, scripted::batches(1));
            const std::string text = written(file);
            CHECK(text == (depth == 0 ? "" : lit::summary_text(module) + "\n"));
            CHECK((depth == 0 || text.find("0 | layer | Linear | 3      | train") != std::string::npos));
        }
    }
    TEST_CASE("refuses a depth below -1") {
        CHECK_THROWS_AS(lit::ModelSummary{{.max_depth = -2}}, lit::ConfigError);
    }
}
