// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/number_text.hpp>
#include <lit/core/value.hpp>
#include <lit/core/yaml.hpp>
#include <lit/loggers/logger.hpp>
#include <lit/loggers/needs_protozero.hpp>

#include <protozero/pbf_writer.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit::detail {

/// A value as Python's `str` prints it, for what TensorBoard's table can only show as text.
inline void append_python(std::string& out, const Value& value, bool inside = false) {
    const auto items = [&](const List& list) {
        for (std::size_t i = 0; i < list.size(); ++i) {
            out += i == 0 ? "" : ", ";
            append_python(out, list[i], true);
        }
    };
    if (const auto* flag = value.get_if<bool>()) {
        out += *flag ? "True" : "False";
    } else if (const auto* whole = value.get_if<std::int64_t>()) {
        append_int(out, *whole);
    } else if (const auto* real = value.get_if<double>()) {
        append_float(out, *real);
    } else if (const auto* text = value.get_if<std::string>()) {
        const char quote =
            text->find('\'') != std::string::npos && text->find('"') == std::string::npos ? '"' : '\'';
        out += inside ? std::string(1, quote) + *text + quote : *text;
    } else if (value.is<Tuple>()) {
        out += '(';
        items(value.items());
        out += value.items().size() == 1 ? ",)" : ")";
    } else if (value.is<List>()) {
        out += '[';
        items(value.items());
        out += ']';
    } else if (const auto* dict = value.get_if<Dict>()) {
        out += '{';
        bool first = true;
        for (const auto& [key, item] : *dict) {
            out += first ? "" : ", ";
            first = false;
            append_python(out, key, true);
            out += ": ";
            append_python(out, item, true);
        }
        out += '}';
    } else if (value.is_none()) {
        out += "None";
    } else {
        append_yaml_flow(out, value);  // a tensor, or an object of a Python class
    }
}

/// Nested dicts and lists of dicts as one level: `{"a": {"b": 1}}` is `a/b`.
inline void flatten_hparams(std::vector<std::pair<std::string, Value>>& out, const Dict& dict,
                            const std::string& parent) {
    for (const auto& [key, value] : dict) {
        std::string name = parent;
        append_python(name, key);
        const auto* list = value.get_if<List>();
        if (const auto* inner = value.get_if<Dict>()) {
            flatten_hparams(out, *inner, name + "/");
        } else if (list != nullptr && !list->empty() &&
                   std::ranges::all_of(*list, [](const Value& item) { return item.is<Dict>(); })) {
            for (std::size_t i = 0; i < list->size(); ++i) {
                flatten_hparams(out, (*list)[i].dict(), name + "/" + std::to_string(i) + "/");
            }
        } else {
            out.emplace_back(std::move(name), value);
        }
    }
}

/// The three records behind TensorBoard's HPARAMS tab: what there is, what this run has, how it ended.
///
/// Source  tensorboard/plugins/hparams/{api,plugin_data}.proto; torch.utils.tensorboard.summary.hparams,
/// except that a
///         bool stays one (there it turns into 1.0) and that the end is written when it is known.
struct HParamsPlugin {
    static constexpr std::string_view name = "hparams";
    static constexpr std::string_view experiment_tag = "_hparams_/experiment";
    static constexpr std::string_view start_tag = "_hparams_/session_start_info";
    static constexpr std::string_view end_tag = "_hparams_/session_end_info";

    [[nodiscard]] static std::string experiment(const Dict& params, std::string_view prefix,
                                                std::span<const Scalar> metrics, double now) {
        std::string content;
        protozero::pbf_writer data(content);
        data.add_int32(1, 0);
        protozero::pbf_writer experiment(data, 2);
        experiment.add_double(3, now);
        for (const auto& [key, value] : flat(params)) {
            protozero::pbf_writer info(experiment, 4);
            info.add_string(1, key);
            info.add_enum(4, value.is<bool>() ? 2 : is_number(value) ? 3 : 1);
        }
        for (const Scalar& metric : metrics) {
            protozero::pbf_writer info(experiment, 5);
            protozero::pbf_writer metric_name(info, 1);
            metric_name.add_string(2, std::string(prefix).append(metric.name));
        }
        return finished(content, experiment, data);
    }

    [[nodiscard]] static std::string session_start(const Dict& params, double now) {
        std::string content;
        protozero::pbf_writer data(content);
        data.add_int32(1, 0);
        protozero::pbf_writer start(data, 3);
        for (const auto& [key, value] : flat(params)) {
            protozero::pbf_writer entry(start, 1);
            entry.add_string(1, key);
            protozero::pbf_writer field(entry, 2);
            if (const auto* flag = value.get_if<bool>()) {
                field.add_bool(4, *flag);
            } else if (is_number(value)) {
                field.add_double(2, value.to_double());
            } else {
                std::string text;
                append_python(text, value);
                field.add_string(3, text);
            }
        }
        start.add_double(5, now);
        return finished(content, start, data);
    }

    [[nodiscard]] static std::string session_end(bool success, double now) {
        std::string content;
        protozero::pbf_writer data(content);
        data.add_int32(1, 0);
        protozero::pbf_writer end(data, 4);
        end.add_enum(1, success ? 1 : 2);
        end.add_double(2, now);
        return finished(content, end, data);
    }

 private:
    [[nodiscard]] static bool is_number(const Value& value) {
        return value.is<std::int64_t>() || value.is<double>();
    }

    [[nodiscard]] static std::vector<std::pair<std::string, Value>> flat(const Dict& params) {
        std::vector<std::pair<std::string, Value>> all;
        flatten_hparams(all, params, "");
        return all;
    }

    /// A nested writer writes its length when it is destroyed, which has to come before the content is handed
    /// out.
    [[nodiscard]] static std::string finished(std::string& content, protozero::pbf_writer& inner,
                                              protozero::pbf_writer& outer) {
        inner.commit();
        outer = protozero::pbf_writer();
        return std::move(content);
    }
};

}  // namespace lit::detail
