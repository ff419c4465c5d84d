// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/mode.hpp>
#include <lit/core/value.hpp>

#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lit {

/// The k best checkpoints and their scores, in the order in which they were saved. It only keeps the books.
///
/// Units   scores are 32-bit floats, in which Lightning holds them; nan counts as the worst there is. `top_k` = -1
///         keeps all.
/// Source  Lightning `ModelCheckpoint.best_k_models` and its kin.
class BestModels {
 public:
    struct Entry {
        std::string path;
        float score = 0.0F;
    };

    BestModels(Mode mode, std::int64_t top_k) : mode_(mode), top_k_(top_k), worst_score_(worst_value<float>(mode)) {}

    /// Whether a score comes in without another having to go.
    [[nodiscard]] bool has_room() const { return top_k_ == -1 || count() < top_k_; }
    /// Whether it is better, and not just as good, than the worst that is kept.
    [[nodiscard]] bool beats_worst(float score) const { return better(score, worst_score_); }
    /// Strikes out the worst when the table is full, and says which it was; else an empty string.
    std::string make_room() {
        if (top_k_ <= 0 || count() != top_k_) {
            return {};
        }
        std::erase_if(entries_, [this](const Entry& entry) { return entry.path == worst_path_; });
        return worst_path_;
    }
    void add(const std::string& path, float score) {
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

    [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
    /// Path to score, sorted by path.
    [[nodiscard]] Dict table() const {
        std::vector<Entry> sorted = entries_;
        std::ranges::sort(sorted, {}, &Entry::path);
        Dict table;
        for (const Entry& entry : sorted) {
            table.set(entry.path, static_cast<double>(entry.score));
        }
        return table;
    }
    [[nodiscard]] const std::string& best_path() const { return best_path_; }
    /// Without a monitor the newest file is the best one.
    void set_best_path(std::string path) { best_path_ = std::move(path); }
    [[nodiscard]] std::optional<double> best_score() const { return widened(best_score_); }
    /// Of the file that was saved last.
    [[nodiscard]] std::optional<double> current_score() const { return widened(current_score_); }
    [[nodiscard]] const std::string& worst_path() const { return worst_path_; }
    [[nodiscard]] double worst_score() const { return static_cast<double>(worst_score_); }

    /// Lightning's entries, in Lightning's order, with `dirpath` where it stands there.
    void store(Dict& state, const std::string& dirpath) const {
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
    /// `same_folder`: whether the files of the state are the ones of this run; else only the best path is taken over.
    void load(const Dict& state, bool same_folder) {
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

 private:
    [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(entries_.size()); }
    [[nodiscard]] bool better(float a, float b) const { return is_better(mode_, a, b); }
    static at::Tensor tensor(float score) { return at::scalar_tensor(score, at::kFloat); }
    static float number(const Value& score) {
        return score.is<at::Tensor>() ? score.tensor().to(at::kFloat).item<float>()
                                      : static_cast<float>(score.to_double());
    }
    static std::optional<double> widened(std::optional<float> score) {
        return score ? std::optional(static_cast<double>(*score)) : std::nullopt;
    }

    Mode mode_;
    std::int64_t top_k_;
    std::vector<Entry> entries_;
    std::string best_path_;
    std::optional<float> best_score_;
    std::optional<float> current_score_;
    std::string worst_path_;
    float worst_score_;
};

}  // namespace lit
