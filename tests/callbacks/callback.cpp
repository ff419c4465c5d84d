// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/callbacks/callback.hpp>

#include <optional>
#include <string>
#include <type_traits>

namespace {

struct Listener {
    std::string* trace;
    char name;
    void on_fit_start(auto& /*trainer*/, auto& /*module*/) { *trace += name; }
};
struct Saver : Listener {
    using Role = lit::role::checkpoint;
};
struct Watcher : Listener {
    using Role = lit::role::monitor;
};
struct Accumulates {
    using Role = lit::role::gradient_accumulation;
    [[nodiscard]] static int accumulate_grad_batches() { return 2; }
};
struct Clips {
    [[nodiscard]] static double clip_val() { return 1.0; }
    [[nodiscard]] static lit::ClipAlgorithm algorithm() { return lit::ClipAlgorithm::norm; }
};
struct Remembers {
    static void on_fit_end(auto& /*trainer*/, auto& /*module*/) {}
    [[nodiscard]] static std::string state_key() { return "Remembers"; }
    [[nodiscard]] static lit::Dict state_dict() { return {}; }
    static void load_state_dict(const lit::Dict& /*state*/) {}
};
struct Nothing {
    static void on_fit_begin() {}
};
struct Pinned : Listener {
    Pinned(Pinned&&) = delete;
};
struct ModuleOnly {
    static void training_step() {}
};

// A hook, accumulation or clipping makes a component; a hook that only modules have does not.
static_assert(lit::CallbackPolicy<Listener> && lit::CallbackPolicy<Accumulates> &&
              lit::CallbackPolicy<Clips>);
static_assert(lit::CallbackPolicy<std::optional<Listener>> && lit::CallbackPolicy<std::optional<Clips>>);
static_assert(!lit::CallbackPolicy<int> && !lit::CallbackPolicy<Nothing> && !lit::CallbackPolicy<ModuleOnly>);
static_assert(!lit::CallbackPolicy<Pinned>);
static_assert(lit::StatefulCallback<Remembers> && !lit::StatefulCallback<Listener>);

static_assert(std::is_same_v<lit::detail::role_t<Listener>, lit::role::none>);
static_assert(std::is_same_v<lit::detail::role_t<const Saver&>, lit::role::checkpoint>);
static_assert(lit::detail::has_role<std::optional<Watcher>, lit::role::monitor>);

// Empty components take no room.
static_assert(std::is_empty_v<lit::ComponentTuple<Accumulates, Clips, Remembers>>);
static_assert(sizeof(lit::ComponentTuple<Listener, Accumulates>) == sizeof(Listener));

template <class... C>
std::string order_of(lit::ComponentTuple<C...> components) {
    std::string order;
    lit::for_each_component(components, [&order](auto& component) {
        static_assert(
            !requires { component.has_value(); }, "an optional is looked into");
        order += component.name;
    });
    return order;
}

}  // namespace

TEST_SUITE("callbacks/callback") {
    TEST_CASE("components are visited in the order given, checkpoints last") {
        std::string trace;
        const lit::ComponentTuple<Saver, Listener, Saver, Watcher, Listener> all{
            Saver{{&trace, 'A'}}, Listener{&trace, 'b'}, Saver{{&trace, 'C'}}, Watcher{{&trace, 'd'}},
            Listener{&trace, 'e'}};
        CHECK(order_of(all) == "bdeAC");
        CHECK(order_of(lit::ComponentTuple<>{}).empty());
    }

    TEST_CASE("an optional that is empty is left out, one that is not keeps its place and its role") {
        std::string trace;
        using Maybe = std::optional<Listener>;
        using MaybeSaver = std::optional<Saver>;
        CHECK(order_of(lit::ComponentTuple<Maybe, Listener>{Maybe{}, Listener{&trace, 'b'}}) == "b");
        CHECK(order_of(lit::ComponentTuple<MaybeSaver, Maybe>{MaybeSaver{Saver{{&trace, 'A'}}},
                                                              Maybe{Listener{&trace, 'b'}}}) == "bA");
        CHECK(order_of(lit::ComponentTuple<MaybeSaver, Maybe>{MaybeSaver{}, Maybe{}}).empty());
    }

    TEST_CASE("what a visit changes is the component itself") {
        lit::ComponentTuple<std::optional<int>> one{std::optional(1)};
        lit::for_each_component(one, [](int& number) { number = 7; });
        lit::for_each_component(one, [](int& number) { CHECK(number == 7); });
    }
}
