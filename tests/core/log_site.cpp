// SPDX-License-Identifier: Apache-2.0
#include <lit/core/log_site.hpp>

#include <lit/module/module.hpp>

#include "support/doctest.hpp"

#include <string_view>
#include <type_traits>

namespace {

using lit::detail::hook_named;
using lit::detail::member_name;

constexpr bool is(std::string_view spelling, std::string_view scope, std::string_view name) {
    const lit::detail::MemberName found = member_name(spelling);
    return found.scope == scope && found.name == name;
}

// As g++ 12 and clang 19 spell functions.
static_assert(is("void Net::on_fit_start()", "Net", "on_fit_start"));
static_assert(is("void {anonymous}::Net::setup(auto:1&, lit::Stage) [with auto:1 = int]", "{anonymous}::Net", "setup"));
static_assert(is("void (anonymous namespace)::Net::setup(auto &) [t:auto = int]", "(anonymous namespace)::Net", "setup"));
static_assert(is("void ns::Net<T>::on_train_end() const [with T = int]", "ns::Net", "on_train_end"));
static_assert(is("void ns::Net<int>::on_train_end() [T = int]", "ns::Net", "on_train_end"));
static_assert(is("std::map<int, at::Tensor>* main()::Net::on_fit_end(std::array<int, 2>)", "main()::Net", "on_fit_end"));
static_assert(is("int main()", "", ""));
// What stands inside a hook is a function of its own.
static_assert(!is("Net::on_fit_start()::<lambda()>", "Net", "on_fit_start"));
static_assert(!is("auto Net::on_fit_start()::(anonymous class)::operator()() const", "Net", "on_fit_start"));
static_assert(!is("void Net::on_fit_start()::Inner::call()", "Net", "on_fit_start"));

static_assert(hook_named("on_fit_start", true) == lit::Hook::on_fit_start);
static_assert(hook_named("on_sanity_check_start", true) == lit::Hook::none);
static_assert(hook_named("on_sanity_check_start", false) == lit::Hook::on_sanity_check_start);
static_assert(hook_named("helper", true) == lit::Hook::none);

struct Net : lit::Module<Net> {
    int logged = 0;
    void helper() { log<"x">(1.0), ++logged; }
    void on_fit_start() {
        const auto inner = [this] { log<"x">(1.0), ++logged; };
        inner();
        helper();
    }
    void on_train_epoch_end() { log<"x">(1.0), ++logged; }
};
template <class T>
struct Wide : lit::Module<Wide<T>> {
    void on_train_start() { this->template log<"x">(1.0); }
};
// A function of that name in another class is no hook of the module, but for a callback's, which begin with on_.
struct Other {
    Net* net;
    void setup() const { net->log<"x">(1.0), ++net->logged; }
};

static_assert(std::is_empty_v<lit::LogSite<false, Net>> && std::is_trivially_copyable_v<lit::LogSite<false, Net>>);

}  // namespace

TEST_SUITE("core/log_site") {
    // That a call in the hook itself does not compile is held by tests/compile_fail/*log_in_a_hook_that_forbids_it.cpp.
    TEST_CASE("only what stands in a hook of that very class is refused") {
        Net net;
        net.on_fit_start();
        net.on_train_epoch_end();
        Other{&net}.setup();
        Wide<int>{}.on_train_start();
        CHECK(net.logged == 4);
    }
}
