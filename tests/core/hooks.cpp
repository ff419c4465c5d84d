// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/hooks.hpp>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace {

struct Listener {
    int outputs = 0;
    bool started = false;
    void on_train_batch_end(auto& /*trainer*/, auto& /*module*/, const auto& output) { outputs += output; }
    void on_fit_start() { started = true; }
};
struct Final final {
    void on_fit_end(auto& /*trainer*/) {}
};
struct Unit {
    int sum = 0;
    int on_train_batch_start(int batch) { return sum += batch; }
    void training_step(auto& trainer, const int& batch, std::int64_t index) { trainer += batch + static_cast<int>(index); }

 private:
    void on_fit_start() {}
};

}  // namespace

static_assert(lit::has_callback_hook<lit::hooks::on_fit_start, Listener, int&, int&>);
static_assert(!lit::has_callback_hook<lit::hooks::on_fit_end, Listener, int&, int&>);
static_assert(lit::has_callback_hook<lit::hooks::on_fit_end, Final, int&, int&>, "a final type is asked by calling");
static_assert(!lit::has_callback_hook<lit::hooks::on_fit_start, Final, int&, int&>);
static_assert(lit::hooks::on_fit_start::names<Unit>, "a private member is found, so that it can be reported");
static_assert(!lit::detail::module_form<lit::hooks::on_fit_start, Unit, int, std::tuple<>, 0>().found);

TEST_SUITE("core/hooks") {
    TEST_CASE("the table holds each of Lightning's hooks once") {
        std::set<std::string_view> names;
        for (std::size_t i = 0; i < lit::hook_count; ++i) {
            names.insert(lit::hook_table[i].name);
        }
        CHECK(names.size() == lit::hook_count);
        for (const char* name : {"setup", "training_step", "on_exception", "configure_gradient_clipping", "lr_scheduler_step"}) {
            CAPTURE(name);
            CHECK(names.contains(name));
        }
        CHECK(lit::info(lit::Hook::on_fit_start).name == "on_fit_start");
        CHECK((lit::info(lit::Hook::training_step).logging == lit::Logging::step));
        CHECK((lit::info(lit::Hook::on_fit_start).logging == lit::Logging::forbidden));
    }
    TEST_CASE("a callback may leave out trailing arguments") {
        Listener listener;
        int trainer = 0;
        int module = 0;
        lit::call_callback_hook<lit::hooks::on_train_batch_end>(listener, trainer, module, 5, 1, std::int64_t{2});
        CHECK(listener.outputs == 5);
        lit::call_callback_hook<lit::hooks::on_fit_start>(listener, trainer, module);
        CHECK(listener.started);
    }
    TEST_CASE("a module may take the trainer before Lightning's arguments, and returns what it returns") {
        Unit unit;
        int trainer = 0;
        const int batch = 3;
        CHECK(lit::call_module_hook<lit::hooks::on_train_batch_start>(trainer, unit, batch, std::int64_t{1}) == 3);
        lit::call_module_hook<lit::hooks::training_step>(trainer, unit, batch, std::int64_t{1});
        CHECK(trainer == 4);
    }
}
