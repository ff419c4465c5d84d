// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "checkpoint/support.hpp"

#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/schema.hpp>

#include <string>

namespace {

lit::FitProgress some_progress() {
    lit::FitProgress progress;
    progress.epoch = {.total = {2, 2, 2, 1}, .current = {2, 2, 2, 1}};
    progress.batch.total = {6, 6, 6, 6};
    progress.batch.current = {3, 3, 3, 3};
    progress.batch.is_last_batch = true;
    progress.scheduler = {.total = {.ready = 2, .completed = 2}, .current = {.ready = 1, .completed = 1}};
    progress.optimizer_step = {.total = {.ready = 6, .completed = 6},
                               .current = {.ready = 3, .completed = 3}};
    progress.optimizer_zero_grad = {.total = {.ready = 6, .started = 6, .completed = 6},
                                    .current = {.ready = 3, .started = 3, .completed = 3}};
    progress.manual_step = {.total = {.ready = 8, .completed = 8}, .current = {.ready = 4, .completed = 4}};
    progress.validation_batch.total = {5, 5, 5, 5};
    progress.validation_batch.current = {5, 4, 4, 4};
    progress.batches_that_stepped = 6;
    return progress;
}

// The keys of nested dicts, in order, with the type of what lies behind.
void outline(const lit::Value& value, const std::string& prefix, std::string& into) {
    if (const auto* dict = value.get_if<lit::Dict>()) {
        into += prefix + " dict\n";
        for (const auto& item : *dict) {
            outline(item.second, prefix + "/" + item.first.string(), into);
        }
    } else {
        into += prefix + " " + std::string(value.type_name()) + "\n";
    }
}

}  // namespace

TEST_SUITE("checkpoint/schema") {
    TEST_CASE("`loops` has the keys, the order and the types of a file that Lightning wrote") {
        const lit::Value file = lit::load_checkpoint(checkpoint_test::fixture("lightning.ckpt"));
        std::string theirs;
        std::string ours;
        outline(file.at("loops"), "", theirs);
        outline(lit::loops_state(some_progress()), "", ours);
        CHECK(ours == theirs);
        CHECK(file.at(lit::checkpoint_key::version).string() == lit::lightning_version);
    }

    TEST_CASE("Lightning's `loops`, read and written, are the same") {
        const lit::Value file = lit::load_checkpoint(checkpoint_test::fixture("lightning.ckpt"));
        const lit::FitProgress progress = lit::read_loops(file.at("loops").dict());
        CHECK(progress.epoch.total.completed == 2);
        CHECK(progress.batch.total.ready == 6);
        CHECK(progress.batch.current.processed == 3);
        CHECK(progress.batch.is_last_batch);
        CHECK(progress.optimizer_step.total.completed == 6);
        CHECK(progress.batches_that_stepped == 6);
        CHECK(checkpoint_test::same(lit::loops_state(progress).at("fit_loop"),
                                    file.at("loops").at("fit_loop")));
    }

    TEST_CASE("every counter comes back") {
        const lit::FitProgress progress = some_progress();
        const lit::FitProgress back = lit::read_loops(lit::loops_state(progress));
        CHECK(back.epoch == progress.epoch);
        CHECK(back.batch == progress.batch);
        CHECK(back.batch.is_last_batch);
        CHECK(back.scheduler == progress.scheduler);
        CHECK(back.optimizer_step == progress.optimizer_step);
        CHECK(back.optimizer_zero_grad == progress.optimizer_zero_grad);
        CHECK(back.manual_step == progress.manual_step);
        CHECK(back.validation_batch == progress.validation_batch);
        CHECK(back.batches_that_stepped == 6);
    }

    TEST_CASE("the state of the loaders goes where Lightning looks for it") {
        const lit::Dict loops = lit::loops_state({}, lit::Dict{{"combined_loader", lit::List{1}}});
        CHECK(loops.at("fit_loop").at("state_dict").at("combined_loader").items().size() == 1);
    }

    TEST_CASE("what a file lacks stays zero, what it holds must be a count") {
        CHECK(lit::read_loops({}).epoch == lit::Progress{});
        const lit::Dict total{{"total", lit::Dict{{"ready", 3}, {"completed", 2}}}};
        const lit::FitProgress partial =
            lit::read_loops(lit::Dict{{"fit_loop", lit::Dict{{"epoch_progress", total}}}});
        CHECK(partial.epoch.total.ready == 3);
        CHECK(partial.epoch.total.completed == 2);
        CHECK(partial.batch.total.ready == 0);
        for (const lit::Value& wrong : {lit::Value(-1), lit::Value("three"), lit::Value(1.5)}) {
            const lit::Dict bad{{"fit_loop", lit::Dict{{"epoch_progress",
                                                        lit::Dict{{"total", lit::Dict{{"ready", wrong}}}}}}}};
            CHECK_THROWS_AS(lit::read_loops(bad), lit::CheckpointError);
        }
    }
}
