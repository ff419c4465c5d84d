// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/python_text.hpp>
#include <lit/core/error.hpp>
#include <lit/core/metric_names.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace lit {

/// A pattern for the names of checkpoints: `{epoch:02d}-{val_loss:.3f}` becomes `epoch=02-val_loss=0.123`.
///
/// Each `{name}` or `{name:format}` stands for a value, with Python's format; `auto_insert` writes `name=` before it.
/// `epoch` and `step` are whole numbers, logged values print as Python prints a 32-bit float. A name that nobody has
/// logged stands for 0, and a slash in the result makes a folder, both as in Lightning.
/// Errors  ConfigError on construction for a brace without its partner, and for a format that is none.
/// Source  Lightning `ModelCheckpoint.format_checkpoint_name`.
class CheckpointName {
 public:
    /// One value that a name may show.
    struct Shown {
        double value = 0.0;
        bool whole = true;
    };

    /// An empty pattern is `{epoch}-{step}`.
    explicit CheckpointName(std::string_view pattern, bool auto_insert = true);
    CheckpointName(const CheckpointName&);
    CheckpointName(CheckpointName&&) noexcept;
    CheckpointName& operator=(const CheckpointName&);
    CheckpointName& operator=(CheckpointName&&) noexcept;
    ~CheckpointName();

    /// `look_up(name, id)` answers with a Shown.
    template <class LookUp>
    [[nodiscard]] std::string operator()(LookUp&& look_up) const {
        std::string text;
        for (const Piece& piece : pieces_) {
            const Shown shown = look_up(piece.name, piece.id);
            text += piece.text + piece.spec(shown.value, shown.whole);
        }
        return text + tail_;
    }

 private:
    static constexpr const char* who = "ModelCheckpoint: filename = \"";

    struct Piece {
        std::string text;  ///< before the value
        std::string name;
        MetricId id = 0;
        detail::FormatSpec spec;
    };

    static void refuse_unless(bool fine, std::string_view pattern, const char* what);

    std::vector<Piece> pieces_;
    std::string tail_;
};

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/callbacks/impl/checkpoint_name.hpp>
#endif
