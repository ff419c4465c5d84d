// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/core/hparams.hpp>
#include <lit/core/hparams_hana.hpp>
#include <lit/core/reflection.hpp>

#include <boost/hana/at_key.hpp>
#include <boost/hana/concept/struct.hpp>
#include <boost/hana/for_each.hpp>
#include <boost/hana/keys.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

enum class Kind { small, large };
struct Inner {
    int depth = 2;
};
struct Net {
    std::int64_t hidden = 128;
    double lr = 1e-3;
    std::string name = "net";
    std::vector<int> widths{1, 2};
    std::optional<double> clip{};
    bool bias = true;
    Kind kind = Kind::small;
    std::array<float, 2> betas{0.9F, 0.999F};
    std::filesystem::path data = "here";
    Inner inner{};
};
struct Pointer {
    std::shared_ptr<int> shared{};
};
struct Derived : Inner {
    int more = 0;
};
struct Nothing {};

}  // namespace

static_assert(lit::reflection::field_count<Net> == 10 && lit::reflection::field_count<Nothing> == 0);
static_assert(lit::reflection::field_names<Net>[0] == "hidden" && lit::reflection::field_names<Net>[9] == "inner");
static_assert(!lit::reflection::Reflectable<Derived> && lit::reflection::Reflectable<Net>);
static_assert(lit::HParamsLike<Net> && lit::HParamsLike<Nothing> && !lit::HParamsLike<Pointer>);
static_assert(boost::hana::Struct<Net>::value && !boost::hana::Struct<Pointer>::value);

TEST_SUITE("core/hparams") {
    TEST_CASE("go through a dict and come back equal") {
        const Net given{.hidden = 7, .widths = {3}, .clip = 0.5, .bias = false, .kind = Kind::large, .inner = {.depth = 9}};
        const lit::Dict dict = lit::to_dict(given);
        CHECK(dict.at("hidden").to_int() == 7);
        CHECK(dict.at("inner").at("depth").to_int() == 9);
        Net back;
        lit::update_from_dict(back, dict);
        CHECK(back.hidden == 7);
        CHECK(back.widths == std::vector<int>{3});
        CHECK(back.clip == 0.5);
        CHECK(!back.bias);
        CHECK((back.kind == Kind::large));
        CHECK(back.betas[1] == 0.999F);
        CHECK(back.data == "here");
        CHECK(back.inner.depth == 9);
    }
    TEST_CASE("fields that a dict does not name keep their values") {
        Net net{.lr = 0.5};
        lit::update_from_dict(net, {{"hidden", 3}});
        CHECK(net.lr == 0.5);
        CHECK(net.hidden == 3);
    }
    TEST_CASE("text sets one field") {
        Net net;
        lit::set_from_text(net, "lr", "0.25");
        lit::set_from_text(net, "bias", "false");
        lit::set_from_text(net, "clip", "1");
        lit::set_from_text(net, "data", "/there");
        CHECK(net.lr == 0.25);
        CHECK(!net.bias);
        CHECK(net.clip == 1.0);
        CHECK(net.data == "/there");
        lit::set_from_text(net, "clip", "null");
        CHECK(!net.clip);
    }
    TEST_CASE("what does not fit is refused with the name and what is known") {
        Net net;
        CHECK_THROWS_WITH_AS(lit::set_from_text(net, "hiden", "1"), doctest::Contains("Known: hidden, lr, name"),
                             lit::ConfigError);
        CHECK_THROWS_WITH_AS(lit::set_from_text(net, "lr", "fast"), doctest::Contains("found \"fast\", expected a number"),
                             lit::ConfigError);
        CHECK_THROWS_WITH_AS(lit::set_from_text(net, "hidden", "1.5"), doctest::Contains("whole number"), lit::ConfigError);
        CHECK_THROWS_WITH_AS(lit::update_from_dict(net, {{"hidden", "many"}}), doctest::Contains("hyperparameter \"hidden\""),
                             lit::CheckpointError);
        CHECK_THROWS_WITH_AS(lit::update_from_dict(net, {{"depth", 1}}), doctest::Contains("found \"depth\""),
                             lit::CheckpointError);
    }
    TEST_CASE("are a hana::Struct") {
        namespace hana = boost::hana;
        Net net{.lr = 0.75};
        std::string names;
        hana::for_each(hana::keys(net), [&](auto key) { names += std::string(key.c_str()) + " "; });
        CHECK(names == "hidden lr name widths clip bias kind betas data inner ");
        CHECK(hana::at_key(net, hana::string_c<'l', 'r'>) == 0.75);
    }
    TEST_CASE("print as lines for people") {
        CHECK(lit::to_text(Inner{}) == "depth: 2\n");
    }

    TEST_CASE("a number that no checkpoint can hold is refused when it is saved") {
        struct Limits {
            std::uint64_t cap = ~std::uint64_t{0};
        };
        CHECK_THROWS_WITH_AS(static_cast<void>(lit::to_dict(Limits{})), doctest::Contains("18446744073709551615"),
                             lit::ConfigError);
        CHECK(lit::to_dict(Limits{1}).at("cap").to_int() == 1);
    }
}
