// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/python_text.hpp>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lit::detail {

/// `66`, `1.5 K`, `30.4 M`.
[[nodiscard]] inline std::string human_count(std::int64_t number) {
    static constexpr std::array<std::string_view, 5> units{" ", "K", "M", "B", "T"};
    std::size_t groups = 1;
    auto value = static_cast<double>(number);
    for (std::int64_t rest = number / 1000; rest > 0 && groups < units.size(); rest /= 1000) {
        ++groups;
        value /= 1000.0;
    }
    const bool whole = groups == 1 || value >= 100.0;
    const FormatSpec format{.grouping = ',', .type = whole ? 'd' : 'f', .precision = whole ? -1 : 1};
    return format(value, whole) + " " + std::string(units[groups - 1]);
}

/// The class as a person would name it: `torch::nn::LinearImpl` is `Linear`.
[[nodiscard]] inline std::string short_type(std::string_view name) {
    const std::size_t arguments = std::min(name.find('<'), name.size());
    std::string_view plain = name.substr(0, arguments);
    if (const std::size_t colons = plain.rfind("::"); colons != std::string_view::npos) {
        plain.remove_prefix(colons + 2);
    }
    if (plain.size() > 4 && plain.ends_with("Impl")) {
        plain.remove_suffix(4);
    }
    return std::string(plain);
}

/// Counts a module's parts and lays them out.
class SummaryTable {
 public:
    SummaryTable(const torch::nn::Module& root, std::int64_t max_depth) : max_depth_(max_depth) {
        Seen parts{&root};
        walk(root, "", 1, parts);
        Tensors tensors;
        total_ = count(root, tensors);
    }

    [[nodiscard]] std::string text() const {
        std::vector<Row> rows{{" ", "Name", "Type", "Params", "Mode"}};
        std::int64_t listed = 0;
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            const Part& part = parts_[i];
            rows.push_back({std::to_string(i), part.name, part.type, human_count(part.parameters),
                            part.training ? "train" : "eval"});
            listed += part.parameters;
        }
        if (total_.parameters > listed) {
            rows.push_back({" ", "other params", "n/a", human_count(total_.parameters - listed), "n/a"});
        }
        std::array<std::size_t, columns> widths{};
        std::size_t width = 3 * (columns + 1);
        for (std::size_t column = 0; column < columns; ++column) {
            for (const Row& row : rows) {
                widths[column] = std::max(widths[column], row[column].size());
            }
            width += widths[column];
        }
        const std::string rule = std::string(width, '-') + "\n";
        std::string all;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            for (std::size_t column = 0; column < columns; ++column) {
                all += (column == 0 ? "" : " | ") + padded(rows[i][column], widths[column]);
            }
            all += "\n" + (i == 0 ? rule : std::string());
        }
        const FormatSpec megabytes{.grouping = ',', .type = 'f', .precision = 3};
        return all + rule + line(human_count(total_.trainable), "Trainable params\n") +
               line(human_count(total_.parameters - total_.trainable), "Non-trainable params\n") +
               line(human_count(total_.parameters), "Total params\n") +
               line(megabytes(static_cast<double>(total_.bytes) * 1e-6, false),
                    "Total estimated model params size (MB)\n") +
               line(std::to_string(in_training_), "Modules in train mode\n") +
               line(std::to_string(in_evaluation_), "Modules in eval mode");
    }

 private:
    static constexpr std::size_t columns = 5;
    using Row = std::array<std::string, columns>;
    using Seen = std::set<const torch::nn::Module*>;
    using Tensors = std::set<const void*>;

    struct Sum {
        std::int64_t parameters = 0;
        std::int64_t trainable = 0;
        std::int64_t bytes = 0;
    };
    struct Part {
        std::string name;
        std::string type;
        std::int64_t parameters = 0;
        bool training = false;
    };

    // A part or a parameter that is used twice counts once, as in Python.
    void walk(const torch::nn::Module& module, const std::string& prefix, std::int64_t depth, Seen& seen) {
        for (const auto& child : module.named_children()) {
            const torch::nn::Module& part = *child.value();
            if (!seen.insert(&part).second) {
                continue;
            }
            ++(part.is_training() ? in_training_ : in_evaluation_);
            const std::string name = prefix + child.key();
            if (max_depth_ == -1 || depth <= max_depth_) {
                Tensors tensors;
                parts_.push_back(
                    {name, short_type(part.name()), count(part, tensors).parameters, part.is_training()});
            }
            walk(part, name + ".", depth + 1, seen);
        }
    }
    static Sum count(const torch::nn::Module& module, Tensors& seen) {
        Sum sum;
        for (const at::Tensor& parameter : module.parameters()) {
            if (parameter.defined() && seen.insert(parameter.unsafeGetTensorImpl()).second) {
                sum.parameters += parameter.numel();
                sum.trainable += parameter.requires_grad() ? parameter.numel() : 0;
                sum.bytes += parameter.numel() * static_cast<std::int64_t>(parameter.element_size());
            }
        }
        return sum;
    }
    static std::string padded(const std::string& text, std::size_t width) {
        return text + std::string(width - std::min(width, text.size()), ' ');
    }
    static std::string line(const std::string& number, const char* what) { return padded(number, 10) + what; }

    std::int64_t max_depth_;
    std::vector<Part> parts_;
    Sum total_;
    std::int64_t in_training_ = 0;
    std::int64_t in_evaluation_ = 0;
};

}  // namespace lit::detail
