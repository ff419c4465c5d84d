// SPDX-License-Identifier: Apache-2.0
#include "record.hpp"
#include "run.hpp"
#include "support/any_device.hpp"

#include <lit/callbacks/model_summary.hpp>
#include <lit/callbacks/progress_bar.hpp>
#include <lit/trainer/default_trainer.hpp>

#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace conformance {
namespace {

std::optional<lit::CSVLogger> given_logger(const Json& kind, const fs::path& root) {
    return kind == "csv" ? std::optional(lit::CSVLogger{{.save_dir = root.string()}}) : std::nullopt;
}
/// With the folder that it chooses by itself.
std::optional<Checkpoint> given_checkpoint(const Json& arguments) {
    if (!arguments.is_object()) {
        return std::nullopt;
    }
    lit::ModelCheckpointOptions options = checkpoint_options(arguments, {});
    options.dirpath.clear();
    return Checkpoint{options};
}

/// `lit::default_trainer`, with a logger, a checkpoint callback, both or neither given (or left out on purpose).
template <bool GivesLogger, bool GivesCheckpoint>
struct WithDefaults {
    static auto make(Recording& r, const Json& extra) {
        Json spec = r.scenario.value("trainer", Json::object());
        spec.update(extra);
        const Json callbacks = r.scenario.value("callbacks", Json::object());
        const Json& given = r.scenario["defaults"];
        const auto with = [&](auto... given_components) {
            return lit::default_trainer(trainer_options(spec, r.root),
                                        lit::testing::any_device(), Recorder{&r},
                                        std::move(given_components)..., early_stopping(callbacks), lr_monitor(callbacks),
                                        behind(r), accumulation(spec), clip(spec));
        };
        if constexpr (GivesLogger && GivesCheckpoint) {
            return with(given_checkpoint(given["checkpoint"]), given_logger(given["logger"], r.root));
        } else if constexpr (GivesLogger) {
            return with(given_logger(given["logger"], r.root));
        } else if constexpr (GivesCheckpoint) {
            return with(given_checkpoint(given["checkpoint"]));
        } else {
            return with();
        }
    }
    using type = decltype(make(std::declval<Recording&>(), std::declval<const Json&>()));
    static std::unique_ptr<type> build(Recording& r, const Json& extra) {
        return std::unique_ptr<type>(new type(make(r, extra)));
    }
    static void describe(type& trainer, const Recording& r, Json& trace) {
        if (!GivesCheckpoint || r.scenario["defaults"]["checkpoint"].is_object()) {
            trace["checkpoints"] = Json::array({checkpoint_state(trainer.template get<Checkpoint>(), r.root)});
        }
    }
    static void describe_files(const Recording& r, Json& trace) {
        trace["added"] = added(static_cast<type*>(nullptr));
        trace["tree"] = tree(r.root);
        const fs::path folder = r.root / "lightning_logs" / "version_0";
        trace["csv"] = read_csv(folder / "metrics.csv");
        trace["tensorboard"] = read_events(folder);
        trace["hparams"] = nullptr;
        if (std::ifstream file(folder / "hparams.yaml"); file) {
            trace["hparams"] = std::string(std::istreambuf_iterator<char>(file), {});
        }
    }

 private:
    /// The callbacks that stand in the trainer without having been given, in its order.
    template <class Strategy, class Precision, class... Components>
    static Json added(const lit::Trainer<Strategy, Precision, Components...>*) {
        Json names = Json::array();
        const auto note = [&]<class C>(std::type_identity<C>) {
            const char* name = std::is_same_v<C, lit::ProgressBar>    ? "ProgressBar"
                               : std::is_same_v<C, lit::ModelSummary> ? "ModelSummary"
                               : std::is_same_v<C, Checkpoint>        ? "ModelCheckpoint"
                                                                      : nullptr;
            if (name != nullptr) {
                names.push_back(name);
            }
        };
        (note(std::type_identity<Components>{}), ...);
        return names;
    }
};

}  // namespace

Json run_defaults(const Json& scenario, const fs::path& root) {
    const auto with = [&]<bool Logger, bool Checkpoint>() {
        return record<Net<true>, GivenData, WithDefaults<Logger, Checkpoint>>(scenario, root);
    };
    const bool logger = scenario["defaults"].contains("logger");
    return scenario["defaults"].contains("checkpoint")
               ? (logger ? with.operator()<true, true>() : with.operator()<false, true>())
               : (logger ? with.operator()<true, false>() : with.operator()<false, false>());
}

}  // namespace conformance
