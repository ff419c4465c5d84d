// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/best_models.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/mode.hpp>
#include <lit/core/value.hpp>

#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lit {

LIT_INLINE BestModels::BestModels(Mode mode, std::int64_t top_k)
    : mode_(mode), top_k_(top_k), worst_score_(worst_value<float>(mode)) {}
LIT_INLINE BestModels::BestModels(const BestModels&) = default;
LIT_INLINE BestModels::BestModels(BestModels&&) noexcept = default;
LIT_INLINE BestModels& BestModels::operator=(const BestModels&) = default;
LIT_INLINE BestModels& BestModels::operator=(BestModels&&) noexcept = default;
LIT_INLINE BestModels::~BestModels() = default;

LIT_INLINE std::string BestModels::make_room() {
    if (top_k_ <= 0 || count() != top_k_) {
        return {};
    }
    std::erase_if(entries_, [this](const Entry& entry) { return entry.path == worst_path_; });
    return worst_path_;
}

LIT_INLINE void BestModels::add(const std::string& path, float score) {
    score = std::isnan(score) ? worst_value<float>(mode_) : score;
    const std::int64_t full = top_k_ == -1 ? count() + 1 : top_k_;
    const auto same = std::ranges::find(entries_, path, &Entry::path);
    if (same != entries_.end()) {
        same->score = score;
    } else {
        entries_.push_back({path, score});
    }
    current_score_ = score;
    if (count() == full) {
        // Of equals the earliest saved.
        const auto worst = std::ranges::min_element(
            entries_, [this](const Entry& a, const Entry& b) { return better(b.score, a.score); });
        worst_path_ = worst->path;
        worst_score_ = worst->score;
    }
    const auto best = std::ranges::min_element(
        entries_, [this](const Entry& a, const Entry& b) { return better(a.score, b.score); });
    best_path_ = best->path;
    best_score_ = best->score;
}

LIT_INLINE Dict BestModels::table() const {
    std::vector<Entry> sorted = entries_;
    std::ranges::sort(sorted, {}, &Entry::path);
    Dict table;
    for (const Entry& entry : sorted) {
        table.set(entry.path, static_cast<double>(entry.score));
    }
    return table;
}

LIT_INLINE void BestModels::store(Dict& state, const std::string& dirpath) const {
    Dict best_k;
    for (const Entry& entry : entries_) {
        best_k.append(entry.path, tensor(entry.score));
    }
    state.set("best_model_score", best_score_ ? Value(tensor(*best_score_)) : Value());
    state.set("best_model_path", best_path_);
    state.set("current_score", current_score_ ? Value(tensor(*current_score_)) : Value());
    state.set("dirpath", dirpath);
    state.set("best_k_models", std::move(best_k));
    state.set("kth_best_model_path", worst_path_);
    state.set("kth_value", tensor(worst_score_));
}

LIT_INLINE void BestModels::load(const Dict& state, bool same_folder) {
    best_path_ = state.at("best_model_path").string();
    if (!same_folder) {
        return;
    }
    const Value& best = state.at("best_model_score");
    best_score_ = best.is_none() ? std::nullopt : std::optional(number(best));
    if (const Value* current = state.find("current_score"); current != nullptr && !current->is_none()) {
        current_score_ = number(*current);
    }
    if (const Value* worst = state.find("kth_best_model_path")) {
        worst_path_ = worst->string();
    }
    if (const Value* worst = state.find("kth_value")) {
        worst_score_ = number(*worst);
    }
    if (const Value* best_k = state.find("best_k_models")) {
        entries_.clear();
        for (const auto& [path, score] : best_k->dict()) {
            entries_.push_back({path.string(), number(score)});
        }
    }
}

LIT_INLINE at::Tensor BestModels::tensor(float score) { return at::scalar_tensor(score, at::kFloat); }

LIT_INLINE float BestModels::number(const Value& score) {
    return score.is<at::Tensor>() ? score.tensor().to(at::kFloat).item<float>()
                                  : static_cast<float>(score.to_double());
}

}  // namespace lit
