// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include <lit/collectives/environment.hpp>

#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <type_traits>

namespace {

using lit::ClusterEnvironment;
using Values = std::map<std::string, std::string>;
static_assert(std::is_aggregate_v<ClusterEnvironment>);

constexpr const char* names[] = {"RANK",
                                 "WORLD_SIZE",
                                 "LOCAL_RANK",
                                 "LOCAL_WORLD_SIZE",
                                 "MASTER_ADDR",
                                 "MASTER_PORT",
                                 "TORCHELASTIC_USE_AGENT_STORE",
                                 "TORCHELASTIC_RESTART_COUNT"};

/// These variables and none of the others, for as long as it lives.
class Variables {
 public:
    explicit Variables(const Values& wanted) {
        for (const char* name : names) {
            const char* old = std::getenv(name);
            old_[name] = old != nullptr ? std::optional<std::string>(old) : std::nullopt;
            const auto found = wanted.find(name);
            set(name, found != wanted.end() ? std::optional(found->second) : std::nullopt);
        }
    }
    Variables(const Variables&) = delete;
    Variables& operator=(const Variables&) = delete;
    ~Variables() {
        for (const auto& [name, value] : old_) {
            set(name, value);
        }
    }

 private:
    static void set(const std::string& name, const std::optional<std::string>& value) {
        if (value) {
            ::setenv(name.c_str(), value->c_str(), 1);
        } else {
            ::unsetenv(name.c_str());
        }
    }
    std::map<std::string, std::optional<std::string>> old_;
};

Values torchrun() {
    return {{"RANK", "3"},
            {"WORLD_SIZE", "4"},
            {"LOCAL_RANK", "1"},
            {"LOCAL_WORLD_SIZE", "2"},
            {"MASTER_ADDR", "localhost"},
            {"MASTER_PORT", "29500"},
            {"TORCHELASTIC_USE_AGENT_STORE", "True"},
            {"TORCHELASTIC_RESTART_COUNT", "2"}};
}

}  // namespace

TEST_SUITE("collectives/environment") {
    TEST_CASE("without any variable the world is this process") {
        const Variables variables(Values{{"MASTER_ADDR", "somewhere"}});
        const ClusterEnvironment found = ClusterEnvironment::from_environment();
        CHECK(found.rank == 0);
        CHECK(found.world_size == 1);
        CHECK(found.local_rank == 0);
        CHECK(found.on_one_machine());
    }

    TEST_CASE("reads what torchrun sets") {
        const Variables variables(torchrun());
        const ClusterEnvironment found = ClusterEnvironment::from_environment();
        CHECK(found.rank == 3);
        CHECK(found.world_size == 4);
        CHECK(found.local_rank == 1);
        CHECK(found.local_world_size == 2);
        CHECK(found.master_addr == "localhost");
        CHECK(found.master_port == 29500);
        CHECK(found.agent_serves);
        CHECK(found.restart_count == 2);
        CHECK_FALSE(found.on_one_machine());
    }

    TEST_CASE("what only torchrun says may be missing") {
        auto set = torchrun();
        set.erase("LOCAL_WORLD_SIZE");
        set.erase("TORCHELASTIC_USE_AGENT_STORE");
        set.erase("TORCHELASTIC_RESTART_COUNT");
        const Variables variables(set);
        const ClusterEnvironment found = ClusterEnvironment::from_environment();
        CHECK_FALSE(found.agent_serves);
        CHECK(found.restart_count == 0);
        CHECK(found.local_world_size == 0);
    }

    TEST_CASE("a world of one asks for no address") {
        const Variables variables(Values{{"RANK", "0"}, {"WORLD_SIZE", "1"}, {"LOCAL_RANK", "0"}});
        CHECK(ClusterEnvironment::from_environment().world_size == 1);
    }

    TEST_CASE("a missing or impossible variable is refused by name") {
        struct Row {
            const char* name;
            const char* value;
            const char* message;
        };
        for (const Row& row :
             {Row{"RANK", nullptr, "RANK is not set"}, Row{"WORLD_SIZE", nullptr, "WORLD_SIZE is not set"},
              Row{"LOCAL_RANK", nullptr, "LOCAL_RANK is not set"},
              Row{"MASTER_ADDR", nullptr, "MASTER_ADDR is not set"},
              Row{"MASTER_PORT", "", "MASTER_PORT is not set"},
              Row{"MASTER_PORT", "70000",
                  "MASTER_PORT is \"70000\", expected a whole number from 1 to 65535"},
              Row{"RANK", "4", "RANK is \"4\", expected a whole number from 0 to 3"},
              Row{"RANK", "one", "RANK is \"one\""}, Row{"RANK", "1x", "RANK is \"1x\""},
              Row{"LOCAL_RANK", "2", "LOCAL_RANK is \"2\", expected a whole number from 0 to 1"},
              Row{"WORLD_SIZE", "0", "WORLD_SIZE is \"0\""}}) {
            CAPTURE(row.message);
            auto set = torchrun();
            set.erase(row.name);
            if (row.value != nullptr) {
                set[row.name] = row.value;
            }
            const Variables variables(set);
            CHECK_THROWS_WITH_AS(static_cast<void>(ClusterEnvironment::from_environment()),
                                 doctest::Contains(row.message), lit::ConfigError);
            CHECK_THROWS_WITH(static_cast<void>(ClusterEnvironment::from_environment()),
                              doctest::Contains("torchrun"));
        }
    }
}
