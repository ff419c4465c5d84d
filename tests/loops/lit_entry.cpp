// SPDX-License-Identifier: Apache-2.0
#include <lit/checkpoint/file.hpp>

#include "loops/probe.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"

#include <filesystem>
#include <string>
#include <utility>

namespace {

struct SavesAtEnd {
    std::filesystem::path path;
    void on_train_end(auto& trainer, auto&) const { trainer.save_checkpoint(path); }
};

/// Goes on from a file whose entries `change` has changed; what was printed meanwhile.
template <class Change>
std::string resumed(Change&& change) {
    const semantics::Folder folder;
    const std::filesystem::path path = folder.path() / "end.ckpt";
    {
        probe::Line module;
        auto trainer = probe::trainer({.max_epochs = 1}, SavesAtEnd{path});
        trainer.fit(module, probe::batches(3), probe::batches(1));
    }
    lit::Value file = lit::load_checkpoint(path);
    change(file.dict());
    lit::save_checkpoint_file(path, file);
    probe::Line module;
    auto trainer = probe::trainer({.max_epochs = 2});
    const semantics::Stderr messages;
    const lit::FitResult result =
        trainer.fit(module, probe::batches(3), probe::batches(1), {.ckpt_path = path.string()});
    CHECK(result.global_step == 6);
    return messages.text();
}
bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("loops/lit_entry") {
    TEST_CASE("its own file is gone on with without a word") {
        const std::string text = resumed([](lit::Dict&) {});
        CHECK_FALSE(contains(text, "written by lit"));
        CHECK_FALSE(contains(text, "begin anew"));
    }

    TEST_CASE("a file of another version goes on, and is told entry by entry") {
        const std::string text = resumed([](lit::Dict& file) {
            lit::Dict entry = file.at("lit").dict();
            entry.set("version", "9.8.7");
            entry.set("tomorrow", 1);
            entry.erase("gradients");
            file.set("lit", std::move(entry));
        });
        CHECK(contains(text, "was written by lit 9.8.7, this is lit "));
        CHECK(contains(text, "Not known here, and left alone: tomorrow."));
        CHECK(contains(text, "Not in the file, and begun anew: gradients."));
    }

    TEST_CASE(
        "a file without an entry of lit's, as Lightning writes it, goes on, and what begins anew is told") {
        const std::string text = resumed([](lit::Dict& file) { file.erase("lit"); });
        CHECK(contains(text, "has no entry of lit's"));
        CHECK(contains(text, "begin anew"));
    }
}
