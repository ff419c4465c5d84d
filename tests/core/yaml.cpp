// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/yaml.hpp>

#include <torch/types.h>

#include <limits>
#include <string>

namespace {

using lit::Dict;
using lit::List;
using lit::Tuple;

TEST_SUITE("core/yaml") {
    // That PyYAML reads these texts back to the same values is checked in
    // tests/interop/tensorboard_reader.py.
    TEST_CASE("hyperparameters become one line each, with nested dicts indented") {
        const Dict dict{{"lr", 1e-5},
                        {"wide", 1e20},
                        {"hidden", 128},
                        {"bias", true},
                        {"seed", nullptr},
                        {"name", "adam"},
                        {"size", Tuple{{28, 28.0}}},
                        {"optim", Dict{{"betas", List{0.9, 0.999}}, {"empty", Dict{}}}},
                        {"layers", List{Dict{{"size", 1}}, Dict{{"size", 2}}}}};
        CHECK(
            lit::to_yaml(dict) ==
            "lr: 1.0e-05\nwide: 1.0e+20\nhidden: 128\nbias: true\nseed: null\nname: adam\nsize: [28, 28.0]\n"
            "optim:\n  betas: [0.9, 0.999]\n  empty: {}\nlayers: [{size: 1}, {size: 2}]\n");
        CHECK(lit::to_yaml(Dict{}) == "{}\n");
    }

    TEST_CASE("texts that YAML 1.1 would take for something else are quoted") {
        struct Row {
            const char* text;
            const char* yaml;
        };
        for (const Row& row : {Row{"adam", "adam"},
                               Row{"runs/a-1.txt", "runs/a-1.txt"},
                               Row{"", "\"\""},
                               Row{"yes", "\"yes\""},
                               Row{"NO", "\"NO\""},
                               Row{"n", "\"n\""},
                               Row{"null", "\"null\""},
                               Row{"12", "\"12\""},
                               Row{"1e-05", "\"1e-05\""},
                               Row{"~", "\"~\""},
                               Row{"a: b", "\"a: b\""},
                               Row{"a #b", "\"a #b\""},
                               Row{"-x", "\"-x\""},
                               Row{"a,b", "\"a,b\""},
                               Row{"say \"hi\"\\", "\"say \\\"hi\\\"\\\\\""},
                               Row{"two\nlines\t", "\"two\\nlines\\t\""},
                               Row{"\x01\x7f", "\"\\x01\\x7f\""},
                               Row{"größe", "\"größe\""},
                               Row{"a\xE2\x80\xA8z", "\"a\\u2028z\""},
                               Row{"\xFF", "\"\\xff\""},
                               Row{"\xC2\x85", "\"\\x85\""}}) {
            CAPTURE(row.text);
            CHECK(lit::to_yaml(Dict{{"k", row.text}}) == "k: " + std::string(row.yaml) + "\n");
        }
        CHECK(lit::to_yaml(Dict{{"on", 1}, {"a b", 2}}) == "\"on\": 1\n\"a b\": 2\n");
    }

    TEST_CASE("special floats, tensors and foreign objects have a form that reads back") {
        const double infinity = std::numeric_limits<double>::infinity();
        CHECK(
            lit::to_yaml(Dict{{"a", List{infinity, -infinity, std::numeric_limits<double>::quiet_NaN()}}}) ==
            "a: [.inf, -.inf, .nan]\n");
        CHECK(lit::to_yaml(Dict{{"w", torch::tensor({{1.0F, 0.5F}, {2.0F, 1e-7F}}).to(torch::kDouble)}}) ==
              "w: [[1.0, 0.5], [2.0, 1.0000000116860974e-07]]\n");
        CHECK(lit::to_yaml(Dict{{"i", torch::tensor(3)}, {"b", torch::tensor(true)}}) == "i: 3\nb: true\n");
        CHECK(lit::to_yaml(Dict{{"w", torch::zeros({100, 20})}}) ==
              "w: \"Float tensor of shape [100, 20]\"\n");
        CHECK(lit::to_yaml(Dict{{"o", lit::Opaque{"builtins.object", {}}}}) == "o: builtins.object\n");
    }
}

}  // namespace
