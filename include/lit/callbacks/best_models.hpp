// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/mode.hpp>
#include <lit/core/value.hpp>

#include <ATen/core/Tensor.h>

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

    BestModels(Mode mode, std::int64_t top_k);
    BestModels(const BestModels&);
    BestModels(BestModels&&) noexcept;
    BestModels& operator=(const BestModels&);
    BestModels& operator=(BestModels&&) noexcept;
    ~BestModels();

    /// Whether a score comes in without another having to go.
    [[nodiscard]] bool has_room() const { return top_k_ == -1 || count() < top_k_; }
    /// Whether it is better, and not just as good, than the worst that is kept.
    [[nodiscard]] bool beats_worst(float score) const { return better(score, worst_score_); }
    /// Strikes out the worst when the table is full, and says which it was; else an empty string.
    std::string make_room();
    void add(const std::string& path, float score);

    [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
    /// Path to score, sorted by path.
    [[nodiscard]] Dict table() const;
    [[nodiscard]] const std::string& best_path() const { return best_path_; }
    /// Without a monitor the newest file is the best one.
    void set_best_path(std::string path) { best_path_ = std::move(path); }
    [[nodiscard]] std::optional<double> best_score() const { return widened(best_score_); }
    /// Of the file that was saved last.
    [[nodiscard]] std::optional<double> current_score() const { return widened(current_score_); }
    [[nodiscard]] const std::string& worst_path() const { return worst_path_; }
    [[nodiscard]] double worst_score() const { return static_cast<double>(worst_score_); }

    /// Lightning's entries, in Lightning's order, with `dirpath` where it stands there.
    void store(Dict& state, const std::string& dirpath) const;
    /// `same_folder`: whether the files of the state are the ones of this run; else only the best path is taken over.
    void load(const Dict& state, bool same_folder);

 private:
    [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(entries_.size()); }
    [[nodiscard]] bool better(float a, float b) const { return is_better(mode_, a, b); }
    static at::Tensor tensor(float score);
    static float number(const Value& score);
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

#if !defined(LIT_COMPILED)
#include <lit/callbacks/impl/best_models.hpp>
#endif
