// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/checkpoint_name.hpp>
#include <lit/callbacks/detail/python_text.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/error.hpp>
#include <lit/core/metric_names.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace lit {

LIT_INLINE CheckpointName::CheckpointName(std::string_view pattern, bool auto_insert) {
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

LIT_INLINE CheckpointName::CheckpointName(const CheckpointName&) = default;
LIT_INLINE CheckpointName::CheckpointName(CheckpointName&&) noexcept = default;
LIT_INLINE CheckpointName& CheckpointName::operator=(const CheckpointName&) = default;
LIT_INLINE CheckpointName& CheckpointName::operator=(CheckpointName&&) noexcept = default;
LIT_INLINE CheckpointName::~CheckpointName() = default;

LIT_INLINE void CheckpointName::refuse_unless(bool fine, std::string_view pattern, const char* what) {
    if (!fine) {
        throw ConfigError(who + std::string(pattern) + "\" has " + what +
                          ". Write names in braces, for instance \"{epoch:02d}-{val_loss:.3f}\".");
    }
}

}  // namespace lit
