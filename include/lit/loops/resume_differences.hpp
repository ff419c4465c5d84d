// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/optim/optimizer.hpp>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit::detail {

/// Where what a file holds of optimizers and schedulers does not fit those of this run, field by field.
///
/// A setting with another value is no difference: the file's is taken over, as in Python. Flags and what Python keeps for
/// itself (`_last_lr`) may be missing, since not every version writes them.
class ResumeDifferences {
 public:
    /// `name`: of the optimizer that wrote the file, empty where the file does not say.
    template <OptimizerPolicy Optimizer>
    void compare_optimizer(std::size_t index, const Optimizer& optimizer, const Value& saved, std::string_view name) {
        const std::string which = "optimizer " + std::to_string(index);
        const std::string own_name = optimizer_name(optimizer);
        if (!name.empty() && name != own_name) {
            lines_.push_back(which + ": the file has " + std::string(name) + ", this run " + own_name);
        }
        const Value own = optimizer_state(optimizer);
        const Dict* own_state = own.get_if<Dict>();
        if (own_state == nullptr || !own_state->contains("param_groups") || !saved.is<Dict>() ||
            !saved.dict().contains("param_groups")) {
            return;
        }
        const List& groups = own.at("param_groups").items();
        const List& saved_groups = saved.at("param_groups").items();
        if (groups.size() != saved_groups.size()) {
            misfit(which + ": " + std::to_string(saved_groups.size()) + " parameter groups in the file, " +
                   std::to_string(groups.size()) + " here");
        }
        for (std::size_t g = 0; g < groups.size() && g < saved_groups.size(); ++g) {
            const std::string group = which + ", group " + std::to_string(g);
            const std::size_t parameters = groups[g].at("params").items().size();
            const std::size_t saved_parameters = saved_groups[g].at("params").items().size();
            if (parameters != saved_parameters) {
                misfit(group + ": " + std::to_string(saved_parameters) + " parameters in the file, " +
                       std::to_string(parameters) + " here");
            }
            compare_settings(group, groups[g].dict(), saved_groups[g].dict());
        }
    }
    void compare_scheduler(std::size_t index, const Value& own, const Value& saved);

    /// Errors  CheckpointError that lists every difference, when at least one stands in the way.
    void refuse(const std::filesystem::path& file) const;
    /// Differences that do not stand in the way, one a line; empty where there is none.
    [[nodiscard]] std::string text() const;

 private:
    void misfit(std::string line) {
        lines_.push_back(std::move(line));
        stand_in_the_way_ = true;
    }
    static bool is_private(const Value& key) { return key.is<std::string>() && key.string().starts_with('_'); }
    static bool is_flag(const Value& value) { return value.is_none() || value.is<bool>(); }

    /// What this run needs and the file lacks makes it another kind; then what only the file has is told as well.
    void compare_settings(const std::string& which, const Dict& own, const Dict& saved);
    static std::string missing_in(const Dict& where, const Dict& all);

    std::vector<std::string> lines_;
    bool stand_in_the_way_ = false;
};

}  // namespace lit::detail

#if !defined(LIT_COMPILED)
#include <lit/loops/impl/resume_differences.hpp>
#endif
