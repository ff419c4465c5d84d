// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/detail/python_text.hpp>
#include <lit/core/error.hpp>
#include <lit/core/metric_names.hpp>

#include <cstddef>
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
    explicit CheckpointName(std::string_view pattern, bool auto_insert = true) {
        std::string_view rest = pattern.empty() ? std::string_view("{epoch}-{step}") : pattern;
        std::string text;
        while (!rest.empty()) {
            const std::size_t open = rest.find('{');
            text += rest.substr(0, open);
            refuse_unless(text.find('}') == std::string::npos, pattern, "a } without its {");
            if (open == std::string_view::npos) {
                break;
            }
            rest.remove_prefix(open + 1);
            const std::size_t close = rest.find('}');
            refuse_unless(close != std::string_view::npos, pattern, "a { without its }");
            const std::string_view inside = rest.substr(0, close);
            const std::size_t colon = inside.find(':');
            const std::string name(inside.substr(0, colon));
            refuse_unless(!name.empty() && name.find('{') == std::string::npos, pattern,
                          "braces without a name");
            const std::string format(colon == std::string_view::npos ? std::string_view()
                                                                     : inside.substr(colon + 1));
            const std::string context = who + std::string(pattern) + "\"";
            const auto spec = detail::FormatSpec::parse(format, context);
            refuse_unless(spec.type != 'd' || name == "epoch" || name == "step", pattern,
                          "the format d for a logged value, which is no whole number (use .0f)");
            pieces_.push_back(
                {text + (auto_insert ? name + "=" : ""), name, MetricNames::intern(name), spec});
            text.clear();
            rest.remove_prefix(close + 1);
        }
        tail_ = text;
    }

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

    static void refuse_unless(bool fine, std::string_view pattern, const char* what) {
        if (!fine) {
            throw ConfigError(who + std::string(pattern) + "\" has " + what +
                              ". Write names in braces, for instance \"{epoch:02d}-{val_loss:.3f}\".");
        }
    }

    std::vector<Piece> pieces_;
    std::string tail_;
};

}  // namespace lit
