// SPDX-License-Identifier: Apache-2.0
#include <lit/loops/run.hpp>

#include <lit/callbacks/gradient_accumulation.hpp>

#include "loops/probe.hpp"
#include "support/doctest.hpp"

#include <limits>

namespace {

using Row = probe::Rows::Row;
using Metrics = std::map<std::string, double>;

/// Rows as text, so that a difference can be read: "3 {epoch=0 v=2}".
std::string text(const Row& row) {
    std::string all = std::to_string(row.first) + " {";
    for (const auto& [name, value] : row.second) {
        char number[32];
        std::snprintf(number, sizeof number, "%.4g", value);
        all += (all.back() == '{' ? "" : " ") + name + "=" + number;
    }
    return all + "}";
}
std::string text(const std::vector<Row>& rows) {
    std::string all;
    for (const Row& row : rows) {
        all += text(row) + "\n";
    }
    return all;
}
std::string names(const lit::MetricTable& table) {
    std::map<std::string, int> sorted;
    for (const auto& item : table.items()) {
        sorted[lit::MetricNames::name(item.id)] = 0;
    }
    std::string all;
    for (const auto& [name, ignored] : sorted) {
        all += (all.empty() ? "" : " ") + name;
    }
    return all;
}

/// Logs in every way that the reference run of Lightning did.
struct Logging : probe::LineBase<Logging> {
    std::string callback_names, bar_names;

    at::Tensor training_step(const at::Tensor& batch, std::int64_t batch_idx) {
        log<"a">(batch_idx);
        log<"b">(batch_idx, {.prog_bar = true, .on_step = true, .on_epoch = true});
        log<"c">(batch_idx, {.on_step = false, .on_epoch = true});
        log<"nolog">(batch_idx, {.logger = false});
        return loss(batch);
    }
    void validation_step(const at::Tensor&, std::int64_t batch_idx) {
        log<"v">(batch_idx);
        log<"w">(batch_idx, {.on_step = true, .on_epoch = true});
        log<"x">(batch_idx, {.on_step = true, .on_epoch = false});
    }
    void on_train_start() { log<"ts">(7); }
    void on_train_epoch_end(auto& trainer) {
        log<"te">(8);
        callback_names = names(trainer.callback_metrics());
        bar_names = names(trainer.progress_bar_metrics());
    }
    void on_validation_epoch_end() { log<"ve">(9); }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

struct OneValue : probe::LineBase<OneValue> {
    std::vector<double> values;
    lit::LogOptions options;
    explicit OneValue(std::vector<double> v, lit::LogOptions o) : values(std::move(v)), options(o) {}
    at::Tensor training_step(const at::Tensor& batch, std::int64_t batch_idx) {
        log("value", values.at(static_cast<std::size_t>(batch_idx)), options);
        return loss(batch);
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 0.0}}; }
};

struct Steps : probe::LineBase<Steps> {
    bool own_step = false;
    at::Tensor training_step(const at::Tensor& batch, std::int64_t batch_idx) {
        log<"a">(batch_idx);
        if (own_step) {
            log<"step">(100 + batch_idx);
        }
        return loss(batch);
    }
    auto configure_optimizers() { return lit::SGD{parameters(), {.lr = 1.0}}; }
};

std::string logged_at(lit::TrainerOptions options, std::int64_t batches, std::int64_t window = 1,
                      bool own_step = false) {
    std::vector<Row> rows;
    Steps module;
    module.own_step = own_step;
    auto train = probe::batches(batches);
    auto trainer = probe::trainer(options, probe::Rows{.rows = &rows}, lit::GradientAccumulation{window});
    trainer.fit(module, train);
    std::string all;
    for (const Row& row : rows) {
        all += (all.empty() ? "" : " ") + std::to_string(row.first);
    }
    return all;
}

/// Logs, in the hook whose turn it is, whatever the row says.
struct Tries : probe::LineBase<Tries> {
    lit::Hook where = lit::Hook::none;
    lit::LogOptions options;
    bool several_elements = false;

    void attempt(lit::Hook here) {
        if (here == where) {
            if (several_elements) {
                log("value", at::ones({2}), options);
            } else {
                log("value", 1.0, options);
            }
        }
    }
    at::Tensor training_step(const at::Tensor& batch) {
        attempt(lit::Hook::training_step);
        return loss(batch);
    }
    void validation_step(const at::Tensor&) {}
    void setup(lit::Stage) { attempt(lit::Hook::setup); }
    void teardown(lit::Stage) { attempt(lit::Hook::teardown); }
    void on_fit_start() { attempt(lit::Hook::on_fit_start); }
    void on_fit_end() { attempt(lit::Hook::on_fit_end); }
    void on_train_start() { attempt(lit::Hook::on_train_start); }
    void on_train_end() { attempt(lit::Hook::on_train_end); }
    void on_train_epoch_start() { attempt(lit::Hook::on_train_epoch_start); }
    void on_train_epoch_end() { attempt(lit::Hook::on_train_epoch_end); }
    void on_train_batch_start() { attempt(lit::Hook::on_train_batch_start); }
    void on_train_batch_end() { attempt(lit::Hook::on_train_batch_end); }
    void on_before_backward() { attempt(lit::Hook::on_before_backward); }
    void on_before_optimizer_step() { attempt(lit::Hook::on_before_optimizer_step); }
    void on_validation_start() { attempt(lit::Hook::on_validation_start); }
    void on_validation_end() { attempt(lit::Hook::on_validation_end); }
    void on_validation_epoch_end() { attempt(lit::Hook::on_validation_epoch_end); }
    void on_validation_batch_end() { attempt(lit::Hook::on_validation_batch_end); }
    auto configure_optimizers() {
        attempt(lit::Hook::configure_optimizers);
        return lit::SGD{parameters(), {.lr = 1.0}};
    }
};

void fit_once(Tries& module) {
    auto train = probe::batches(1);
    auto val = probe::batches(1);
    auto trainer = probe::trainer({.max_epochs = 1, .num_sanity_val_steps = 0});
    trainer.fit(module, train, val);
}

struct PredictLogs : probe::LineBase<PredictLogs> {
    int predict_step(const at::Tensor&) { return note(); }
    // A call in the hook itself would not compile.
    int note() {
        log("value", 1.0);
        return 0;
    }
};

struct Asks {
    std::string* message;
    double* known;
    void on_train_epoch_end(auto& trainer, auto&) {
        *known = trainer.template metric<"a">();
        try {
            static_cast<void>(trainer.template metric<"aa">());
        } catch (const lit::UnknownMetric& error) {
            *message = error.what();
        }
    }
};

}  // namespace

TEST_SUITE("loops/run") {
    TEST_CASE("rows reach the loggers in Lightning's order, with its steps") {
        // The rows that PyTorch Lightning 2.6.6 sends for the same logs: 4 training and 4 validation batches of 2.
        std::vector<Row> rows;
        Logging module;
        auto train = probe::batches(4);
        auto val = probe::batches(4);
        auto trainer = probe::trainer({.max_epochs = 2, .log_every_n_steps = 1}, probe::Rows{.rows = &rows});
        trainer.fit(module, train, val);
        CHECK(text(rows) ==
              "0 {a=0 b_step=0 epoch=0}\n1 {a=1 b_step=1 epoch=0}\n"
              "2 {a=2 b_step=2 epoch=0}\n3 {a=3 b_step=3 epoch=0}\n"
              "0 {w_step=0 x=0}\n1 {w_step=1 x=1}\n2 {w_step=2 x=2}\n3 {w_step=3 x=3}\n"
              "3 {epoch=0 v=1.5 ve=9 w_epoch=1.5}\n"
              "3 {b_epoch=1.5 c=1.5 epoch=0 te=8 ts=7}\n"
              "4 {a=0 b_step=0 epoch=1}\n5 {a=1 b_step=1 epoch=1}\n"
              "6 {a=2 b_step=2 epoch=1}\n7 {a=3 b_step=3 epoch=1}\n"
              "4 {w_step=0 x=0}\n5 {w_step=1 x=1}\n6 {w_step=2 x=2}\n7 {w_step=3 x=3}\n"
              "7 {epoch=1 v=1.5 ve=9 w_epoch=1.5}\n"
              "7 {b_epoch=1.5 c=1.5 epoch=1 te=8}\n");
        CHECK(module.callback_names == "a b b_epoch b_step c nolog te ts v ve w w_epoch");
        CHECK(module.bar_names == "b_epoch b_step");
    }

    TEST_CASE("an epoch's value weighs batches with their samples; the others do not") {
        // Batches of 4 and 2 samples, values 0 and 1, as measured with Lightning 2.6.6.
        struct Case {
            lit::LogOptions options;
            double expected;
        };
        for (const Case& row :
             {Case{{.on_epoch = true}, 1.0 / 3.0}, Case{{.on_epoch = true, .batch_size = 1}, 0.5},
              Case{{.on_epoch = true, .reduce_fx = lit::Reduce::minimum}, 0.0},
              Case{{.on_epoch = true, .reduce_fx = lit::Reduce::maximum}, 1.0},
              Case{{.on_epoch = true, .reduce_fx = lit::Reduce::sum}, 1.0}}) {
            OneValue module({0.0, 1.0}, row.options);
            std::vector<at::Tensor> train{at::ones({4}), at::ones({2})};
            auto trainer = probe::trainer({.max_epochs = 1});
            trainer.fit(module, train);
            CHECK(trainer.callback_metrics().value("value_epoch") == doctest::Approx(row.expected));
            CHECK(trainer.callback_metrics().value("value_step") == 1.0);
            CHECK(trainer.logged_metrics().contains("value_epoch"));
            CHECK_FALSE(trainer.logged_metrics().contains("value"));
        }
    }

    TEST_CASE("nan stays nan in every reduction") {
        for (const auto reduce :
             {lit::Reduce::mean, lit::Reduce::minimum, lit::Reduce::maximum, lit::Reduce::sum}) {
            OneValue module({std::numeric_limits<double>::quiet_NaN(), 1.0},
                            {.on_epoch = true, .reduce_fx = reduce});
            auto train = probe::batches(2);
            auto trainer = probe::trainer({.max_epochs = 1});
            trainer.fit(module, train);
            const double value = trainer.callback_metrics().value("value_epoch").value_or(0.0);
            CHECK(value != value);
        }
    }

    TEST_CASE("log_every_n_steps counts closed windows over all epochs") {
        CHECK(logged_at({.max_epochs = 2, .log_every_n_steps = 3}, 4) == "2 5");
        CHECK(logged_at({.max_epochs = 1, .log_every_n_steps = 1}, 3) == "0 1 2");
        CHECK(logged_at({.max_epochs = 1, .log_every_n_steps = 0}, 3).empty());
        CHECK(logged_at({.max_epochs = 1, .log_every_n_steps = 50}, 3).empty());
        CHECK(logged_at({.max_epochs = 1, .log_every_n_steps = 1}, 5, 2) == "0 1 2");
        CHECK(logged_at({.fast_dev_run = 2, .log_every_n_steps = 1}, 5).empty());
    }

    TEST_CASE("a value logged as step becomes the row's step, and epoch is left out") {
        std::vector<Row> rows;
        Steps module;
        module.own_step = true;
        auto train = probe::batches(2);
        auto trainer = probe::trainer({.max_epochs = 1, .log_every_n_steps = 1}, probe::Rows{.rows = &rows});
        trainer.fit(module, train);
        CHECK(text(rows) == "100 {a=0}\n101 {a=1}\n");
    }

    TEST_CASE("log is allowed where Lightning allows it, and says where it is not") {
        using enum lit::Hook;
        for (const lit::Hook where :
             {training_step, on_train_start, on_train_epoch_start, on_train_epoch_end, on_train_batch_start,
              on_train_batch_end, on_before_backward, on_before_optimizer_step, on_validation_start,
              on_validation_epoch_end, on_validation_batch_end}) {
            CAPTURE(lit::info(where).name);
            Tries module;
            module.where = where;
            CHECK_NOTHROW(fit_once(module));
        }
        for (const lit::Hook where : {setup, teardown, on_fit_start, on_fit_end, on_train_end,
                                      on_validation_end, configure_optimizers}) {
            CAPTURE(lit::info(where).name);
            Tries module;
            module.where = where;
            CHECK_THROWS_WITH_AS(fit_once(module), doctest::Contains("log: \"value\""), lit::Error);
        }
    }

    TEST_CASE("log refuses arguments that would lose the value") {
        struct Case {
            lit::Hook where;
            lit::LogOptions options;
            bool several_elements;
            const char* message;
        };
        using enum lit::Hook;
        for (const Case& row :
             {Case{training_step, {.on_step = false, .on_epoch = false}, false, "nobody would see it"},
              Case{on_train_epoch_end, {.on_step = true}, false, "value of an epoch"},
              Case{on_train_epoch_end, {.on_epoch = false}, false, "nobody would see it"},
              Case{training_step, {}, true, "2 elements"}}) {
            CAPTURE(row.message);
            Tries module;
            module.where = row.where;
            module.options = row.options;
            module.several_elements = row.several_elements;
            CHECK_THROWS_WITH_AS(fit_once(module), doctest::Contains(row.message), lit::Error);
        }
        Tries module;
        CHECK_NOTHROW(module.log("value", 1.0));
        CHECK_THROWS_WITH_AS(module.log("v/dataloader_idx_0", 1.0), doctest::Contains("appended by itself"),
                             lit::ConfigError);
        PredictLogs predicting;
        auto data = probe::batches(1);
        auto trainer = probe::trainer({});
        CHECK_THROWS_WITH_AS(trainer.predict(predicting, data),
                             doctest::Contains("while nothing collects it"), lit::Error);
    }

    TEST_CASE("an unknown metric is an error that lists the known ones") {
        Steps module;
        auto train = probe::batches(1);
        std::string message;
        double known = -1.0;
        auto trainer = probe::trainer({.max_epochs = 1}, Asks{&message, &known});
        trainer.fit(module, train);
        CHECK(known == 0.0);
        CHECK(message.find("no logged value \"aa\". Known: a.") != std::string::npos);
    }
}
