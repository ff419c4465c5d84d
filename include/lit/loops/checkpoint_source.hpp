// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/callbacks/callback.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/newest_whole.hpp>
#include <lit/checkpoint/schema.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>
#include <lit/loops/run_options.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace lit::detail {

/// The checkpoint that a run starts from: a file, or the best or last of what its components saved.
template <class Run, bool Fitting>
class CheckpointSource {
 public:
    explicit CheckpointSource(Run& run) : run_(run) {}

    /// Nothing where none was named. Every rank calls; rank 0 looks for the file, and all read the one that it found.
    ///
    /// Errors  ConfigError for a "best" that nobody saved; FileError and CheckpointError of `load_checkpoint`.
    std::optional<Dict> load(const RunOptions& run_options) {
        const bool by_itself = Fitting && run_options.ckpt_path.empty() && resumes_by_itself();
        const std::string wanted = by_itself ? "last" : run_options.ckpt_path;
        if (wanted.empty()) {
            return std::nullopt;
        }
        std::filesystem::path path = wanted;
        std::optional<Value> value;
        if (wanted == "best") {
            path = best_path();
        } else if (wanted == "last") {  // any newest one is meant, so another may stand in for a damaged one
            path.clear();
            if (run_.is_global_zero()) {
                path = last_path(!by_itself);
                if (!path.empty()) {
                    auto [found, contents] =
                        load_newest_whole_checkpoint(path, [this](const std::string& text) { run_.warn(text); }, serves);
                    path = std::move(found);
                    value = std::move(contents);
                }
            }
            path = run_.collective().broadcast(path.string(), 0);
        }
        if (path.empty()) {
            return std::nullopt;
        }
        run_.set_ckpt_path(path);
        if (!value) {
            value = load_named(path);
        }
        return std::move(value->dict());
    }

 private:
    /// Whether training can go on from the file, if it is to.
    static bool serves(const Value& file) {
        return file.is<Dict>() && (!Fitting || file.dict().contains(checkpoint_key::optimizer_states));
    }
    /// A file that somebody chose is the one that is read; which whole one lies beside it is only told.
    static Value load_named(const std::filesystem::path& path) {
        try {
            Value value = load_checkpoint(path);
            if (!value.is<Dict>()) {
                throw CheckpointError("\"" + path.string() + "\" holds a " + std::string(value.type_name()) +
                                      " where a dict was expected. It is no checkpoint of Lightning or lit.");
            }
            return value;
        } catch (const CheckpointError& error) {
            const auto other = find_newest_whole_checkpoint(path, [](const std::string&) {}, serves);
            throw CheckpointError(error.what() + (other ? " The newest whole file beside it is \"" + other->first.string() +
                                                              "\"."
                                                        : std::string(" There is no whole one beside it.")));
        }
    }
    /// Whether a component picks up what it saved without being told to.
    bool resumes_by_itself() {
        bool any = false;
        for_each_component(run_.components(), [&any]<class C>(const C& /*component*/) {
            if constexpr (requires { C::resumes_by_itself; }) {
                any |= C::resumes_by_itself;
            }
        });
        return any;
    }
    /// Of the first component that knows of a best one.
    std::filesystem::path best_path() {
        std::optional<std::filesystem::path> found;
        for_each_component(run_.components(), [&found](auto& component) {
            if constexpr (requires { component.best_model_path(); }) {
                found = found ? found : std::optional<std::filesystem::path>(component.best_model_path());
            }
        });
        if (!found || found->empty()) {
            throw ConfigError(
                found ? "ckpt_path = \"best\": the checkpoint callback has not saved anything yet. Fit first, or name a "
                        "file."
                      : "ckpt_path = \"best\": this trainer has no checkpoint callback. Add lit::ModelCheckpoint<...>, "
                        "or name a file.");
        }
        return *found;
    }
    /// The newest of what the components saved last; empty when there is none. `of_earlier_runs`: where a component has no
    /// folder of its own, also what its like saved in the folders of earlier versions.
    std::filesystem::path last_path(bool of_earlier_runs) {
        std::filesystem::path newest;
        std::filesystem::file_time_type time{};
        const auto consider = [&](const std::filesystem::path& path) {
            std::error_code missing;
            const auto written = std::filesystem::last_write_time(path, missing);
            if (!missing && (newest.empty() || written > time)) {
                newest = path;
                time = written;
            }
        };
        for_each_component(run_.components(), [&](auto& component) {
            if constexpr (requires { component.find_last(run_); }) {
                consider(component.find_last(run_));
            }
            if constexpr (requires { component.find_last_of_earlier_runs(run_); }) {
                if (of_earlier_runs) {
                    consider(component.find_last_of_earlier_runs(run_));
                }
            }
        });
        if (newest.empty()) {
            run_.warn("ckpt_path = \"last\": no last checkpoint was found, so nothing is loaded.");
        }
        return newest;
    }

    Run& run_;
};

}  // namespace lit::detail
