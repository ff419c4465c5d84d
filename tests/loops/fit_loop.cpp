// SPDX-License-Identifier: Apache-2.0
#include <lit/loops/fit_loop.hpp>

#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/optim/step_lr.hpp>

#include "loops/probe.hpp"
#include "loops/saves_at.hpp"
#include "loops/semantics_tools.hpp"
#include "support/doctest.hpp"

#include <iterator>
#include <optional>
#include <stdexcept>
#include <tuple>
#include <vector>

namespace {

using probe::Tape;

// The lists below are those that PyTorch Lightning 2.6.6 fires for the same runs, without configure_callbacks and
// zero_grad of the module, which lit does not call as hooks.
struct Talker : probe::LineBase<Talker> {
    Tape* tape;
    bool throws = false;
    at::Tensor moved;

    explicit Talker(Tape& t) : tape(&t) {}
    void say(const char* text) const { tape->push_back(std::string("M.") + text); }

    void prepare_data() { say("prepare_data"); }
    void setup(lit::Stage) { say("setup"); }
    void teardown(lit::Stage) { say("teardown"); }
    auto configure_optimizers() {
        say("configure_optimizers");
        return lit::OptimizerConfig{.optimizer = lit::SGD{parameters(), {.lr = 0.5}},
                                    .lr_scheduler = lit::StepLR{{.step_size = 1}}};
    }
    const at::Tensor& on_before_batch_transfer(const at::Tensor& batch, std::int64_t) {
        say("before_transfer");
        return batch;
    }
    const at::Tensor& transfer_batch_to_device(const at::Tensor& batch, at::Device device, std::int64_t) {
        say("transfer");
        moved = batch.to(device);
        return moved;
    }
    const at::Tensor& on_after_batch_transfer(const at::Tensor& batch, std::int64_t) {
        say("after_transfer");
        return batch;
    }
    void on_fit_start() { say("fit_start"); }
    void on_fit_end() { say("fit_end"); }
    void on_train_start() { say("train_start"); }
    void on_train_end() { say("train_end"); }
    void on_train_epoch_start() { say("epoch_start"); }
    void on_train_epoch_end() { say("epoch_end"); }
    void on_train_batch_start() { say("batch_start"); }
    void on_train_batch_end() { say("batch_end"); }
    at::Tensor training_step(const at::Tensor& batch) {
        say("training_step");
        if (throws) {
            throw std::runtime_error("on purpose");
        }
        return loss(batch);
    }
    void on_before_zero_grad(auto& /*optimizer*/) { say("before_zero_grad"); }
    void optimizer_zero_grad(std::int64_t, std::int64_t, auto& optimizer) {
        say("zero_grad");
        optimizer.zero_grad();
    }
    void on_before_backward(const at::Tensor&) { say("before_backward"); }
    void backward(const at::Tensor& loss) {
        say("backward");
        loss.backward();
    }
    void on_after_backward() { say("after_backward"); }
    void on_before_optimizer_step(auto& /*optimizer*/) { say("before_step"); }
    void configure_gradient_clipping(auto& trainer, auto& optimizer, std::optional<double> value,
                                     lit::ClipAlgorithm algorithm) {
        say("clip");
        trainer.clip_gradients(optimizer, value, algorithm);
    }
    void optimizer_step(std::int64_t, std::int64_t, auto& optimizer, const auto& closure) {
        say("step[");
        optimizer.step(closure);
        say("]step");
    }
    void lr_scheduler_step(auto& scheduler, std::optional<double> metric) {
        say("scheduler_step");
        scheduler.step(metric);
    }
    void on_validation_model_zero_grad() { say("val_zero_grad"); }
    void on_validation_model_eval() {
        say("val_eval");
        eval();
    }
    void on_validation_model_train() {
        say("val_train");
        train();
    }
    void on_validation_start() { say("val_start"); }
    void on_validation_end() { say("val_end"); }
    void on_validation_epoch_start() { say("val_epoch_start"); }
    void on_validation_epoch_end() { say("val_epoch_end"); }
    void on_validation_batch_start() { say("val_batch_start"); }
    void on_validation_batch_end() { say("val_batch_end"); }
    void validation_step(const at::Tensor&) { say("validation_step"); }
    void on_test_start() { say("test_start"); }
    void on_test_end() { say("test_end"); }
    void test_step(const at::Tensor&) { say("test_step"); }
    void on_predict_model_eval() {
        say("predict_eval");
        eval();
    }
    void on_predict_start() { say("predict_start"); }
    void on_predict_end() { say("predict_end"); }
    void on_predict_epoch_start() { say("predict_epoch_start"); }
    void on_predict_epoch_end() { say("predict_epoch_end"); }
    void on_predict_batch_start() { say("predict_batch_start"); }
    void on_predict_batch_end() { say("predict_batch_end"); }
    at::Tensor predict_step(const at::Tensor& batch) {
        say("predict_step");
        return batch;
    }
};

struct Listener {
    Tape* tape;
    void say(const char* text) const { tape->push_back(std::string("C.") + text); }

    void setup(auto&, auto&, lit::Stage) { say("setup"); }
    void teardown(auto&, auto&, lit::Stage) { say("teardown"); }
    void on_fit_start(auto&, auto&) { say("fit_start"); }
    void on_fit_end(auto&, auto&) { say("fit_end"); }
    void on_sanity_check_start(auto&, auto&) { say("sanity_start"); }
    void on_sanity_check_end(auto&, auto&) { say("sanity_end"); }
    void on_train_start(auto&, auto&) { say("train_start"); }
    void on_train_end(auto&, auto&) { say("train_end"); }
    void on_train_epoch_start(auto&, auto&) { say("epoch_start"); }
    void on_train_epoch_end(auto&, auto&) { say("epoch_end"); }
    void on_train_batch_start(auto&, auto&) { say("batch_start"); }
    void on_train_batch_end(auto&, auto&) { say("batch_end"); }
    void on_before_zero_grad(auto&, auto&, auto&) { say("before_zero_grad"); }
    void on_before_backward(auto&, auto&, const at::Tensor&) { say("before_backward"); }
    void on_after_backward(auto&, auto&) { say("after_backward"); }
    void on_before_optimizer_step(auto&, auto&, auto&) { say("before_step"); }
    void on_validation_start(auto&, auto&) { say("val_start"); }
    void on_validation_end(auto&, auto&) { say("val_end"); }
    void on_validation_epoch_start(auto&, auto&) { say("val_epoch_start"); }
    void on_validation_epoch_end(auto&, auto&) { say("val_epoch_end"); }
    void on_validation_batch_start(auto&, auto&) { say("val_batch_start"); }
    void on_validation_batch_end(auto&, auto&) { say("val_batch_end"); }
    void on_test_start(auto&, auto&) { say("test_start"); }
    void on_test_end(auto&, auto&) { say("test_end"); }
    void on_predict_start(auto&, auto&) { say("predict_start"); }
    void on_predict_end(auto&, auto&) { say("predict_end"); }
    void on_predict_epoch_start(auto&, auto&) { say("predict_epoch_start"); }
    void on_predict_epoch_end(auto&, auto&) { say("predict_epoch_end"); }
    void on_predict_batch_start(auto&, auto&) { say("predict_batch_start"); }
    void on_predict_batch_end(auto&, auto&) { say("predict_batch_end"); }
    void on_exception(auto&, auto&, const std::exception&) { say("exception"); }
};

struct Data : lit::DataModule<Data> {
    Tape* tape;
    std::int64_t train_batches = 2;

    explicit Data(Tape& t) : tape(&t) {}
    void say(const char* text) const { tape->push_back(std::string("D.") + text); }
    void prepare_data() { say("prepare_data"); }
    void setup(lit::Stage) { say("setup"); }
    void teardown(lit::Stage) { say("teardown"); }
    void on_exception(const std::exception&) { say("exception"); }
    std::vector<at::Tensor> train_dataloader() {
        say("train_dataloader");
        return probe::batches(train_batches);
    }
    std::vector<at::Tensor> val_dataloader() {
        say("val_dataloader");
        return probe::batches(2);
    }
    std::vector<at::Tensor> test_dataloader() {
        say("test_dataloader");
        return probe::batches(1);
    }
    std::vector<at::Tensor> predict_dataloader() {
        say("predict_dataloader");
        return probe::batches(1);
    }
};

struct Stopper {
    std::int64_t at;
    void on_train_batch_end(auto& trainer, auto&) {
        if (trainer.global_step() == at) {
            trainer.request_stop("enough");
        }
    }
};

struct EarlyStopper {
    void on_fit_start(auto& trainer, auto&) { trainer.request_stop("early"); }
};

struct Counting : probe::LineBase<Counting> {
    std::vector<std::int64_t> sanity{0, 0};
    bool leaked = false;
    at::Tensor training_step(const at::Tensor& batch) { return loss(batch); }
    void validation_step(const at::Tensor& /*batch*/, std::int64_t, std::int64_t loader) {
        if (sanity_checking()) {
            ++sanity[static_cast<std::size_t>(loader)];
            static_cast<void>(torch::rand({3}));
            log("v", 1.0);
        }
    }
    void on_train_start(auto& trainer) { leaked = !trainer.callback_metrics().empty(); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

// Abbreviations, as the lists repeat them.
std::string expand(std::string text) {
    const std::pair<std::string, std::string> macros[] = {
        {"VAL",
         "M.val_eval C.val_start M.val_start C.val_epoch_start M.val_epoch_start VB VB C.val_epoch_end "
         "M.val_epoch_end C.val_end M.val_end M.val_train"},
        {"VB", "XFER C.val_batch_start M.val_batch_start M.validation_step C.val_batch_end M.val_batch_end"},
        {"PRE", "C.before_step M.before_step M.clip"},
        {"BWD", "C.before_backward M.before_backward M.backward C.after_backward M.after_backward"},
        {"ZG", "C.before_zero_grad M.before_zero_grad M.zero_grad"},
        {"STEP", "M.step[ M.training_step ZG BWD PRE M.]step"},
        {"TBS", "C.batch_start M.batch_start"},
        {"TBE", "C.batch_end M.batch_end"},
        {"XFER", "M.before_transfer M.transfer M.after_transfer"}};
    for (bool again = true; again;) {
        again = false;
        for (const auto& [name, meaning] : macros) {
            for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos;) {
                const bool word = (at == 0 || text[at - 1] == ' ') &&
                                  (at + name.size() == text.size() || text[at + name.size()] == ' ');
                if (word) {
                    text.replace(at, name.size(), meaning);
                    again = true;
                } else {
                    at += name.size();
                }
            }
        }
    }
    return text;
}

/// The part of the tape from `from` on.
Tape since(const Tape& tape, const std::string& from) {
    for (std::size_t i = 0; i < tape.size(); ++i) {
        if (tape[i] == from) {
            return {tape.begin() + static_cast<std::ptrdiff_t>(i), tape.end()};
        }
    }
    return {};
}

/// A loader that writes down what it is told.
struct EarlyLoader {
    std::vector<at::Tensor> all;
    Tape* tape;
    [[nodiscard]] auto begin() const {
        tape->push_back("begin");
        return all.begin();
    }
    [[nodiscard]] auto end() const { return all.end(); }
    [[nodiscard]] std::size_t size() const { return all.size(); }
    void set_epoch(std::int64_t epoch) const { tape->push_back("set_epoch " + std::to_string(epoch)); }
    void prefetch_epoch(std::int64_t epoch) const { tape->push_back("prefetch " + std::to_string(epoch)); }
    void drop_prefetched() const { tape->push_back("drop"); }
};
static_assert(lit::PrefetchesEpoch<EarlyLoader> && !lit::PrefetchesEpoch<std::vector<at::Tensor>>);

struct ToldOfValidation {
    Tape* tape;
    void on_validation_start(auto& trainer, auto& /*module*/) const {
        if (!trainer.sanity_checking()) {
            tape->push_back("validation");
        }
    }
};
struct StopsAtOnce {
    void on_train_batch_end(auto& trainer, auto& /*module*/) const { trainer.request_stop(); }
};

using ShuffledLoader = lit::DataLoader<lit::TensorDataset>;
/// Writes down the order of what it is trained on.
struct Ordered : probe::LineBase<Ordered> {
    std::vector<float> seen;
    at::Tensor training_step(const lit::Example& batch) {
        seen.push_back(batch.data.item<float>());
        return loss(batch.data);
    }
    void validation_step(const lit::Example& /*batch*/) {}
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1e-3}}; }
};
struct Walks {
    ShuffledLoader* loader;
    void on_train_epoch_start(auto& /*trainer*/, auto& /*module*/) const {
        if (loader != nullptr) {
            CHECK(std::ranges::distance(loader->begin(), loader->end()) == 6);
        }
    }
};

}  // namespace

TEST_SUITE("loops/fit_loop") {
    TEST_CASE("the hooks of a fit fire in Lightning's order") {
        Tape tape;
        Talker module(tape);
        Data data(tape);
        auto trainer = probe::trainer({.max_epochs = 1}, Listener{&tape}, probe::Rows{.tape = &tape});
        trainer.fit(module, data);
        CHECK(
            probe::joined(tape) ==
            expand("D.prepare_data M.prepare_data L.start D.setup C.setup M.setup M.configure_optimizers "
                   "C.fit_start "
                   "M.fit_start C.sanity_start D.val_dataloader VAL C.sanity_end D.train_dataloader "
                   "C.train_start "
                   "M.train_start C.epoch_start M.epoch_start XFER TBS STEP TBE XFER TBS STEP "
                   "M.scheduler_step TBE "
                   "M.val_zero_grad VAL C.epoch_end M.epoch_end C.train_end M.train_end C.fit_end M.fit_end "
                   "D.teardown C.teardown M.teardown L.finalize(success)"));
    }

    TEST_CASE("accumulation leaves out zero_grad inside a window and the step before its end") {
        Tape tape;
        Talker module(tape);
        Data data(tape);
        data.train_batches = 3;
        auto trainer = probe::trainer({.max_epochs = 1, .limit_val_batches = 0}, Listener{&tape},
                                      lit::GradientAccumulation{2}, lit::GradientClip{1.0});
        const lit::FitResult result = trainer.fit(module, data);
        CHECK(result.global_step == 2);
        CHECK(probe::joined(since(tape, "C.epoch_start")) ==
              expand("C.epoch_start M.epoch_start XFER TBS M.training_step ZG BWD TBE "
                     "XFER TBS M.step[ M.training_step BWD PRE M.]step TBE "
                     "XFER TBS STEP M.scheduler_step TBE "
                     "C.epoch_end M.epoch_end C.train_end M.train_end C.fit_end M.fit_end D.teardown "
                     "C.teardown M.teardown"));
    }

    TEST_CASE("after an exception only on_exception is called, and the loggers hear that it failed") {
        Tape tape;
        Talker module(tape);
        module.throws = true;
        Data data(tape);
        auto trainer = probe::trainer({.max_epochs = 1, .limit_val_batches = 0}, Listener{&tape},
                                      probe::Rows{.tape = &tape});
        CHECK_THROWS_WITH_AS(trainer.fit(module, data), "on purpose", std::runtime_error);
        CHECK(probe::joined(since(tape, "C.batch_start")) ==
              expand("TBS M.step[ M.training_step C.exception D.exception L.finalize(failed)"));
    }

    TEST_CASE("the hooks of validate, test and predict fire in Lightning's order") {
        Tape tape;
        Talker module(tape);
        Data data(tape);
        auto trainer = probe::trainer({}, Listener{&tape});
        trainer.validate(module, data, {.verbose = false});
        CHECK(probe::joined(tape) ==
              expand("D.prepare_data M.prepare_data D.setup C.setup M.setup D.val_dataloader VAL "
                     "D.teardown C.teardown M.teardown"));
        tape.clear();
        trainer.test(module, data, {.verbose = false});
        CHECK(probe::joined(tape) ==
              expand("D.prepare_data M.prepare_data D.setup C.setup M.setup D.test_dataloader C.test_start "
                     "M.test_start XFER "
                     "M.test_step C.test_end M.test_end D.teardown C.teardown M.teardown"));
        tape.clear();
        trainer.predict(module, data);
        CHECK(probe::joined(tape) ==
              expand(
                  "D.prepare_data M.prepare_data D.setup C.setup M.setup D.predict_dataloader M.predict_eval "
                  "C.predict_start M.predict_start C.predict_epoch_start M.predict_epoch_start XFER "
                  "C.predict_batch_start M.predict_batch_start M.predict_step C.predict_batch_end "
                  "M.predict_batch_end "
                  "C.predict_epoch_end M.predict_epoch_end C.predict_end M.predict_end D.teardown C.teardown "
                  "M.teardown"));
    }

    TEST_CASE("without a sanity check the validation loader is asked for after the training loader") {
        Tape tape;
        Talker module(tape);
        Data data(tape);
        auto trainer = probe::trainer({.max_epochs = 1, .num_sanity_val_steps = 0}, Listener{&tape});
        trainer.fit(module, data);
        Tape asked;
        for (const std::string& line : tape) {
            if (line.ends_with("_dataloader") || line == "C.train_start") {
                asked.push_back(line);
            }
        }
        CHECK(probe::joined(asked) == "D.train_dataloader D.val_dataloader C.train_start");
    }

    TEST_CASE(
        "loaders are reloaded every n epochs, validation's for the first time after the sanity check's") {
        struct Row {
            std::int64_t every;
            const char* asked;
        };
        for (const Row& row :
             {Row{0, "val train"}, Row{1, "val train train val train val"}, Row{2, "val train train val"}}) {
            CAPTURE(row.every);
            Tape tape;
            Talker module(tape);
            Data data(tape);
            auto trainer = probe::trainer({.max_epochs = 3, .reload_dataloaders_every_n_epochs = row.every});
            trainer.fit(module, data);
            std::string asked;
            for (const std::string& line : tape) {
                if (line == "D.train_dataloader" || line == "D.val_dataloader") {
                    asked += (asked.empty() ? "" : " ") + line.substr(2, line.find('_') - 2);
                }
            }
            CHECK(asked == row.asked);
        }
    }

    TEST_CASE("the limits end a fit: whichever comes first, counted in optimizer steps and epochs") {
        struct Row {
            lit::TrainerOptions options;
            std::int64_t steps;
            std::int64_t epochs;
            const char* why;
        };
        // 10 batches an epoch; Lightning 2.6.6 ends at the same numbers.
        for (const Row& row : {
                 Row{{.max_epochs = 2}, 20, 2, "max_epochs"},
                 Row{{.max_epochs = 0}, 0, 0, "no epoch at all"},
                 Row{{.max_steps = 3}, 3, 1, "max_steps inside an epoch counts the epoch"},
                 Row{{.max_epochs = 5, .max_steps = 13}, 13, 2, "steps before epochs"},
                 Row{{.max_epochs = 1, .max_steps = 13}, 10, 1, "epochs before steps"},
                 Row{{.max_steps = 0}, 0, 0, "no step at all"},
                 Row{{.max_epochs = 1, .limit_train_batches = 0}, 0, 0, "no batches"},
                 Row{{.max_epochs = 1, .limit_train_batches = 3}, 3, 1, "three batches"},
                 Row{{.max_epochs = 1, .limit_train_batches = 0.55}, 5, 1, "a fraction is cut off"},
                 Row{{.fast_dev_run = 2, .max_epochs = 7}, 2, 1, "fast_dev_run"},
                 Row{{.max_epochs = 1, .overfit_batches = 4}, 4, 1, "overfit_batches"},
                 Row{{.max_epochs = -1, .max_steps = 25}, 25, 3, "no end but max_steps"},
                 Row{{.max_epochs = 3, .max_time = std::chrono::milliseconds(0)},
                     0,
                     0,
                     "max_time is over before the first batch"},
             }) {
            CAPTURE(row.why);
            probe::Line module;
            auto train = probe::batches(10);
            auto trainer = probe::trainer(row.options);
            const lit::FitResult result = trainer.fit(module, train);
            CHECK(result.finished());
            CHECK(result.global_step == row.steps);
            CHECK(result.epochs == row.epochs);
        }
    }

    TEST_CASE("the next epoch is begun before the validation of this one, where it will come") {
        const auto told = [](const lit::TrainerOptions& options, auto... components) {
            Tape tape;
            probe::Line module;
            EarlyLoader train{probe::batches(2), &tape};
            auto val = probe::batches(1);
            auto trainer = probe::trainer(options, ToldOfValidation{&tape}, std::move(components)...);
            trainer.fit(module, train, val);
            return tape;
        };
        CHECK(told({.max_epochs = 3}) == Tape{"set_epoch 0", "begin", "prefetch 1", "validation",  //
                                              "set_epoch 1", "begin", "prefetch 2", "validation",  //
                                              "set_epoch 2", "begin", "validation", "drop"});
        CHECK(told({.max_epochs = -1, .max_steps = 3}) ==
              Tape{"set_epoch 0", "begin", "prefetch 1", "validation", "set_epoch 1", "begin", "drop"});
        CHECK(told({.max_epochs = 2, .check_val_every_n_epoch = 2}) ==
              Tape{"set_epoch 0", "begin", "prefetch 1", "set_epoch 1", "begin", "validation", "drop"});
        // Epochs that may end, or be loaded, otherwise.
        CHECK(told({.max_epochs = 2, .reload_dataloaders_every_n_epochs = 1}) ==
              Tape{"set_epoch 0", "begin", "validation", "set_epoch 1", "begin", "validation", "drop"});
        CHECK(told({.max_epochs = 2}, StopsAtOnce{}) == Tape{"set_epoch 0", "begin", "validation", "drop"});
    }

    TEST_CASE("a hook that walks through the training loader changes no order") {
        const auto trained = [](bool walks) {
            ShuffledLoader train{{at::arange(6, at::kFloat), at::arange(6)}, {.shuffle = true, .seed = 3}};
            Ordered module;
            auto trainer = probe::trainer({.max_epochs = 2}, Walks{walks ? &train : nullptr});
            trainer.fit(module, train);
            return module.seen;
        };
        CHECK(trained(true) == trained(false));
    }

    TEST_CASE("one loader for training and validation trains on each sample once after resuming") {
        const semantics::Folder folder;
        const std::string file = (folder.path() / "first.ckpt").string();
        for (const std::optional<std::int64_t> seed : {std::optional<std::int64_t>(), std::optional<std::int64_t>(3)}) {
            for (const std::int64_t step : {3, 5}) {  // at 3 the validation is still to come
                CAPTURE(step);
                ShuffledLoader loader{{at::arange(6, at::kFloat), at::arange(6)}, {.shuffle = true, .seed = seed}};
                const lit::TrainerOptions options{.max_epochs = 1, .val_check_interval = 3, .num_sanity_val_steps = 0};
                Ordered whole, resumed;
                probe::trainer(options, probe::SavesAt{.path = file, .step = step}).fit(whole, loader, loader);
                probe::trainer(options).fit(resumed, loader, loader, {.ckpt_path = file});
                CHECK(resumed.seen == std::vector<float>(whole.seen.begin() + step, whole.seen.end()));
            }
        }
    }

    TEST_CASE("an order that is not gone on with is not that of the next epoch") {
        const semantics::Folder folder;
        const std::string file = (folder.path() / "first.ckpt").string();
        ShuffledLoader loader{{at::arange(12, at::kFloat), at::arange(12)}, {.shuffle = true}};
        Ordered first, resumed;
        probe::trainer({.max_epochs = 1}, probe::SavesAt{.path = file, .step = 10}).fit(first, loader);
        auto trainer = probe::trainer({.max_epochs = 2, .limit_train_batches = 10});
        trainer.fit(resumed, loader, {.ckpt_path = file});
        REQUIRE(resumed.seen.size() == 10);
        CHECK(resumed.seen != std::vector<float>(first.seen.begin(), first.seen.begin() + 10));
    }

    TEST_CASE("no batch at all ends a fit, whatever the validation's interval") {
        probe::Line module;
        std::vector<at::Tensor> none;
        auto val = probe::batches(1);
        auto trainer = probe::trainer({.max_epochs = 1, .val_check_interval = 1});
        CHECK(trainer.fit(module, none, val).global_step == 0);
    }

    TEST_CASE("a request to stop waits for the minimum of epochs and steps") {
        struct Row {
            lit::TrainerOptions options;
            std::int64_t steps;
            const char* why;
        };
        // Lightning 2.6.6, 10 batches an epoch, should_stop set at step 3.
        for (const Row& row :
             {Row{{.max_epochs = 9}, 3, "no minimum"},
              Row{{.max_epochs = 9, .min_epochs = 1}, 10, "one epoch"},
              Row{{.max_epochs = 9, .min_steps = 5}, 10, "min_steps alone means a whole first epoch"},
              Row{{.max_epochs = 9, .min_steps = 15}, 15, "in the middle of the second epoch"},
              Row{{.max_epochs = 9, .min_epochs = 2}, 20, "two epochs"}}) {
            CAPTURE(row.why);
            probe::Line module;
            auto train = probe::batches(10);
            auto trainer = probe::trainer(row.options, Stopper{3});
            const lit::FitResult result = trainer.fit(module, train);
            CHECK(result.finished());
            CHECK(result.reason == "enough");
            CHECK(result.global_step == row.steps);
        }
    }

    TEST_CASE("a stop that is asked for in on_fit_start ends the fit before its first batch") {
        probe::Line module;
        auto train = probe::batches(10);
        auto trainer = probe::trainer({.max_epochs = 3}, EarlyStopper{});
        CHECK(trainer.fit(module, train).global_step == 0);
        auto longer = probe::trainer({.max_epochs = 3, .min_steps = 2}, EarlyStopper{});
        CHECK(longer.fit(module, train).global_step == 10);
    }

    TEST_CASE(
        "the sanity check takes its batches of each loader, leaves no metric and no trace in the generator") {
        struct Row {
            std::int64_t steps;
            std::vector<std::int64_t> seen;
        };
        for (const Row& row : {Row{2, {2, 1}}, Row{-1, {5, 1}}, Row{0, {0, 0}}, Row{3, {3, 1}}}) {
            CAPTURE(row.steps);
            Counting module;
            auto train = probe::batches(1);
            std::vector<std::vector<at::Tensor>> val{probe::batches(5), probe::batches(1)};
            auto trainer =
                probe::trainer({.max_epochs = 1, .num_sanity_val_steps = row.steps, .log_every_n_steps = 1});
            torch::manual_seed(3);
            const at::Tensor expected = torch::rand({3});
            torch::manual_seed(3);
            trainer.fit(module, train, val);
            CHECK(module.sanity == row.seen);
            CHECK_FALSE(module.leaked);
            CHECK(torch::equal(torch::rand({3}), expected));
        }
    }

    TEST_CASE("a second fit goes on where the first one ended") {
        probe::Line module;
        auto train = probe::batches(2);
        auto trainer = probe::trainer({.max_epochs = 1});
        trainer.fit(module, train);
        CHECK(trainer.fit(module, train).global_step == 2);
        trainer.options().max_epochs = 3;
        const lit::FitResult result = trainer.fit(module, train);
        CHECK(result.global_step == 6);
        CHECK(result.epochs == 3);
    }
}
