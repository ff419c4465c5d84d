// SPDX-License-Identifier: Apache-2.0
// Section 2 of docs/lightning.md: who is called when, and with what.
#include <lit/callbacks/callback.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/core/hooks.hpp>

#include "loops/probe.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

using probe::Tape;

struct Rate {
    double lr = 1.0;
};

/// Says what it is asked to save and load, and what its weight is then.
struct Keeper : probe::LineBase<Keeper, Rate> {
    Tape* tape = nullptr;

    explicit Keeper(Tape& t) : tape(&t) {}
    void say(const std::string& text) const { tape->push_back("M." + text); }
    [[nodiscard]] std::string worth() const { return "=" + std::to_string(static_cast<int>(value())); }

    void setup(lit::Stage) { say("setup"); }
    void configure_model() { say("configure_model"); }
    auto configure_optimizers() {
        say("configure_optimizers");
        return lit::SGD{parameters(), {.lr = hparams.lr}};
    }
    void on_fit_start() { say("on_fit_start"); }
    void on_train_start() { say("on_train_start" + worth()); }
    void on_save_checkpoint(lit::Dict& checkpoint) {
        say(checkpoint.contains("from callback") ? "save, after the callbacks" : "save");
    }
    void on_load_checkpoint(const lit::Dict&) { say("load" + worth()); }
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void validation_step(const at::Tensor&) {}
};

struct Stateful {
    Tape* tape;
    std::string name;
    std::filesystem::path path{};
    bool weights_only = false;

    void say(const std::string& text) const { tape->push_back(name + "." + text); }
    void setup(auto&, auto&, lit::Stage) const { say("setup"); }
    void on_train_end(auto& trainer, auto&) const {
        if (!path.empty()) {
            trainer.save_checkpoint(path, weights_only);
        }
    }
    void on_save_checkpoint(auto&, auto&, lit::Dict& checkpoint) const {
        say(checkpoint.contains("optimizer_states") ? "save" : "save, too early");
        checkpoint.set("from callback", 1);
    }
    void on_load_checkpoint(auto&, auto& module, const lit::Dict&) const { say("load" + module.worth()); }
    [[nodiscard]] std::string state_key() const { return name; }
    [[nodiscard]] lit::Dict state_dict() const {
        say("state_dict");
        return {{"n", 1}};
    }
    void load_state_dict(const lit::Dict&) const { say("load_state_dict"); }
};

/// A data module that brings batches over itself.
struct Carrier : lit::DataModule<Carrier> {
    std::vector<at::Tensor> train_dataloader() { return probe::batches(1); }
    at::Tensor on_after_batch_transfer(const at::Tensor& batch, std::int64_t) { return batch * 10; }
};
struct Carried : probe::LineBase<Carried> {
    double seen = 0.0, callback_saw = 0.0;
    at::Tensor on_after_batch_transfer(const at::Tensor& batch, std::int64_t) { return batch * 100; }
    at::Tensor training_step(const at::Tensor& batch) {
        seen = batch[0].item<double>();
        return loss(batch);
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};
struct Onlooker {
    void on_train_batch_start(auto&, auto& module, const at::Tensor& batch) const {
        module.callback_saw = batch[0].template item<double>();
    }
};

/// Throws where it is told to.
struct Breaks : probe::LineBase<Breaks> {
    lit::Hook where = lit::Hook::none;
    void maybe(lit::Hook here) const {
        if (here == where) {
            throw std::runtime_error("broken");
        }
    }
    void setup(lit::Stage) { maybe(lit::Hook::setup); }
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void validation_step(const at::Tensor&) { maybe(lit::Hook::validation_step); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};
struct Ends {
    Tape* tape;
    void on_exception(auto&, auto&, const std::exception&) const { tape->push_back("exception"); }
    void on_train_end(auto&, auto&) const { tape->push_back("train_end"); }
    void on_fit_end(auto&, auto&) const { tape->push_back("fit_end"); }
    void teardown(auto&, auto&, lit::Stage) const { tape->push_back("teardown"); }
};

/// What the module's mode and the recording of gradients are in each hook.
struct Mode {
    Tape* tape;
    void note(const char* hook, const auto& module) const {
        tape->push_back(std::string(hook) + (module.is_training() ? ":train" : ":eval") +
                        (at::GradMode::is_enabled() ? "+grad" : ""));
    }
    void on_sanity_check_start(auto&, auto& module) const { note("sanity_start", module); }
    void on_sanity_check_end(auto&, auto& module) const { note("sanity_end", module); }
    void on_train_start(auto&, auto& module) const { note("train_start", module); }
    void on_train_batch_end(auto&, auto& module) const { note("batch_end", module); }
    void on_validation_start(auto&, auto& module) const { note("val_start", module); }
    void on_validation_end(auto&, auto& module) const { note("val_end", module); }
    void on_train_epoch_end(auto&, auto& module) const { note("epoch_end", module); }
    void on_train_end(auto&, auto& module) const { note("train_end", module); }
};

// Roles decide who comes last.
struct First {
    Tape* tape;
    void on_train_epoch_end(auto&, auto&) const { tape->push_back("plain"); }
    void on_validation_end(auto&, auto&) const { tape->push_back("plain:val"); }
};
struct Monitoring {
    using Role = lit::role::monitor;
    Tape* tape;
    void on_train_epoch_end(auto&, auto&) const { tape->push_back("monitor"); }
    void on_validation_end(auto&, auto&) const { tape->push_back("monitor:val"); }
};
struct Saving {
    using Role = lit::role::checkpoint;
    Tape* tape;
    void on_train_epoch_end(auto&, auto&) const { tape->push_back("checkpoint"); }
    void on_validation_end(auto&, auto&) const { tape->push_back("checkpoint:val"); }
};
struct EpochEnds : probe::LineBase<EpochEnds> {
    Tape* tape = nullptr;
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void validation_step(const at::Tensor&) {}
    void on_train_epoch_end() const { tape->push_back("module"); }
    void on_validation_end() const { tape->push_back("module:val"); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

}  // namespace

TEST_SUITE("loops/semantics_hooks") {
    TEST_CASE("a checkpoint asks the callbacks for their states, then their hooks, then the module's hook") {
        const semantics::Folder folder;
        Tape tape;
        Keeper module(tape);
        auto trainer = probe::trainer({.max_epochs = 1, .limit_val_batches = 0},
                                      Stateful{&tape, "A", folder.path() / "a.ckpt"}, Stateful{&tape, "B"});
        trainer.fit(module, probe::batches(1), probe::batches(1));
        const auto from = std::ranges::find(tape, "A.state_dict");
        CHECK(probe::joined({from, tape.end()}) ==
              "A.state_dict B.state_dict A.save B.save M.save, after the callbacks");
    }

    TEST_CASE("a file of weights alone asks the module's hook, but no callback") {
        const semantics::Folder folder;
        Tape tape;
        Keeper module(tape);
        auto trainer = probe::trainer({.max_epochs = 1, .limit_val_batches = 0},
                                      Stateful{&tape, "A", folder.path() / "a.ckpt", true});
        trainer.fit(module, probe::batches(1), probe::batches(1));
        CHECK(tape.back() == "M.save");
        CHECK(std::ranges::find(tape, "A.state_dict") == tape.end());
        CHECK(std::ranges::find(tape, "A.save") == tape.end());
        const lit::Value file = lit::load_checkpoint(folder.path() / "a.ckpt");
        CHECK(file.dict().contains("loops"));
        CHECK(file.dict().contains("hyper_parameters"));
        CHECK_FALSE(file.dict().contains("optimizer_states"));
        CHECK_FALSE(file.dict().contains("callbacks"));
        // Without "callbacks" in the file their hooks are left out when it is read.
        tape.clear();
        auto reader = probe::trainer({}, Stateful{&tape, "A"});
        reader.validate(module, probe::batches(1),
                        {.ckpt_path = (folder.path() / "a.ckpt").string(), .verbose = false});
        CHECK(probe::joined(tape) == "A.setup M.setup M.configure_model M.load=0");
    }

    TEST_CASE(
        "a checkpoint is read module first, then all callbacks' hooks, then their states, in every stage") {
        const semantics::Folder folder;
        const std::string path = (folder.path() / "a.ckpt").string();
        Tape ignored;
        Keeper first(ignored);
        auto writer = probe::trainer({.max_epochs = 1, .limit_val_batches = 0}, Stateful{&ignored, "A", path},
                                     Stateful{&ignored, "B"});
        writer.fit(first, probe::batches(2), probe::batches(1));
        CHECK(first.value() == 1.0F - 1.0F - 2.0F);

        const char* order =
            "A.setup B.setup M.setup M.configure_model M.load=1 A.load=-2 B.load=-2 "
            "A.load_state_dict B.load_state_dict";
        Tape tape;
        Keeper second(tape);
        auto reader = probe::trainer({.max_epochs = 2, .limit_val_batches = 0}, Stateful{&tape, "A"},
                                     Stateful{&tape, "B"});
        reader.fit(second, probe::batches(2), probe::batches(1), {.ckpt_path = path});
        CHECK(probe::joined(tape) ==
              std::string(order) + " M.configure_optimizers M.on_fit_start M.on_train_start=-2");
        tape.clear();
        Keeper third(tape);
        reader.validate(third, probe::batches(1), {.ckpt_path = path, .verbose = false});
        CHECK(probe::joined({tape.begin(), tape.end()}).find("A.load=-2 B.load=-2 A.load_state_dict") !=
              std::string::npos);
        CHECK(third.value() == -2.0F);
    }

    TEST_CASE("hyperparameters reach the loggers after on_fit_start and before training") {
        Tape tape;
        Keeper module(tape);
        auto trainer = probe::trainer({.max_epochs = 1}, probe::Rows{.tape = &tape});
        trainer.fit(module, probe::batches(1), probe::batches(1));
        CHECK(probe::joined(tape) ==
              "L.start M.setup M.configure_model M.configure_optimizers M.on_fit_start L.hyperparams "
              "M.on_train_start=1 L.finalize(success)");
        tape.clear();
        auto silent =
            probe::trainer({.max_epochs = 1, .enable_autolog_hparams = false}, probe::Rows{.tape = &tape});
        silent.fit(module, probe::batches(1), probe::batches(1));
        CHECK(std::ranges::find(tape, "L.hyperparams") == tape.end());
    }

    TEST_CASE("the data module's transfer hook goes before the module's, and callbacks see what came out") {
        Carrier data;
        Carried module;
        auto trainer = probe::trainer({.max_epochs = 1}, Onlooker{});
        trainer.fit(module, data);
        CHECK(module.seen == 10.0);
        CHECK(module.callback_saw == 10.0);
        auto other = probe::trainer({.max_epochs = 1}, Onlooker{});
        Carried alone;
        other.fit(alone, probe::batches(1));
        CHECK(alone.seen == 100.0);
    }

    TEST_CASE("an exception from setup or from validation is heard, and no end hook follows") {
        for (const lit::Hook where : {lit::Hook::setup, lit::Hook::validation_step}) {
            CAPTURE(lit::info(where).name);
            Tape tape;
            Breaks module;
            module.where = where;
            auto trainer = probe::trainer({.max_epochs = 1}, Ends{&tape});
            CHECK_THROWS_WITH(trainer.fit(module, probe::batches(1), probe::batches(1)), "broken");
            CHECK(probe::joined(tape) == "exception");
        }
    }

    TEST_CASE("the module trains with gradients and is evaluated without, and the hooks see which") {
        Tape tape;
        probe::Line module;
        auto trainer = probe::trainer({.max_epochs = 1}, Mode{&tape});
        trainer.fit(module, probe::batches(1), probe::batches(1));
        // Lightning 2.6.6: the sanity check and validation run under no_grad from start to end.
        CHECK(probe::joined(tape) ==
              "sanity_start:train+grad val_start:eval val_end:eval sanity_end:train+grad "
              "train_start:train+grad "
              "batch_end:train+grad val_start:eval val_end:eval epoch_end:train+grad train_end:train+grad");
    }

    TEST_CASE(
        "at an epoch's end monitors and checkpoints come after the module, at a validation's end checkpoints "
        "come last of the callbacks") {
        Tape tape;
        EpochEnds module;
        module.tape = &tape;
        auto trainer = probe::trainer({.max_epochs = 1, .num_sanity_val_steps = 0}, Saving{&tape},
                                      Monitoring{&tape}, First{&tape});
        trainer.fit(module, probe::batches(1), probe::batches(1));
        CHECK(probe::joined(tape) ==
              "monitor:val plain:val checkpoint:val module:val plain module monitor checkpoint");
    }
}
