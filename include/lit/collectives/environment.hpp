// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <system_error>

namespace lit {

/// This process' place among the processes of a run, as the launcher says it in the environment.
///
/// Reads   RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT, and where they are set LOCAL_WORLD_SIZE,
///         TORCHELASTIC_USE_AGENT_STORE and TORCHELASTIC_RESTART_COUNT. Without RANK, WORLD_SIZE and LOCAL_RANK the
///         world is this one process; in a world of one nothing is asked of the address.
/// Errors  ConfigError that names the variable, what was found and what to set.
/// Source  the variables of `torchrun`, the same that Lightning's `TorchElasticEnvironment` reads.
struct ClusterEnvironment {
    std::int64_t rank = 0;              ///< among all processes
    std::int64_t world_size = 1;        ///< how many processes there are
    std::int64_t local_rank = 0;        ///< among the processes of this machine
    std::int64_t local_world_size = 0;  ///< processes of this machine; 0: not said
    std::string master_addr{};          ///< where rank 0, or torchrun's agent, can be reached
    std::uint16_t master_port = 0;
    bool agent_serves = false;       ///< torchrun's agent serves the store already
    std::int64_t restart_count = 0;  ///< the agent's store outlives a restart of the processes

    [[nodiscard]] static ClusterEnvironment from_environment() {
        ClusterEnvironment found;
        if (!text("RANK") && !text("WORLD_SIZE") && !text("LOCAL_RANK")) {
            found.local_world_size = 1;
            return found;
        }
        constexpr std::int64_t many = std::numeric_limits<std::int32_t>::max();
        found.world_size = number("WORLD_SIZE", 1, many);
        found.rank = number("RANK", 0, found.world_size - 1);
        found.local_world_size =
            text("LOCAL_WORLD_SIZE") ? number("LOCAL_WORLD_SIZE", 1, found.world_size) : 0;
        const std::int64_t here = found.local_world_size > 0 ? found.local_world_size : found.world_size;
        found.local_rank = number("LOCAL_RANK", 0, here - 1);
        if (found.world_size == 1) {
            return found;
        }
        found.master_addr = need("MASTER_ADDR");
        found.master_port = static_cast<std::uint16_t>(number("MASTER_PORT", 1, 65535));
        const std::string agent = text("TORCHELASTIC_USE_AGENT_STORE").value_or("");
        found.agent_serves = agent == "True" || agent == "true" || agent == "1";
        found.restart_count =
            text("TORCHELASTIC_RESTART_COUNT") ? number("TORCHELASTIC_RESTART_COUNT", 0, many) : 0;
        return found;
    }

    /// Whether all processes run on this machine, as far as the launcher says.
    [[nodiscard]] bool on_one_machine() const { return local_world_size == world_size; }

 private:
    static std::optional<std::string> text(const char* name) {
        const char* value = std::getenv(name);
        return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
    }
    static std::string need(const char* name) {
        if (auto value = text(name)) {
            return *std::move(value);
        }
        std::string set;
        for (const char* other : {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"}) {
            if (text(other)) {
                set += (set.empty() ? "" : ", ") + std::string(other) + "=" + *text(other);
            }
        }
        throw ConfigError(
            "ClusterEnvironment: the variable " + std::string(name) + " is not set, found " + set +
            ". Start the program with `torchrun --no-python --nproc-per-node=N program`, which sets RANK, "
            "WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT; or set " +
            name + "; or set none of them for one process.");
    }
    static std::int64_t number(const char* name, std::int64_t least, std::int64_t most) {
        const std::string found = need(name);
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(found.data(), found.data() + found.size(), value);
        if (error != std::errc() || end != found.data() + found.size() || value < least || value > most) {
            throw ConfigError("ClusterEnvironment: the variable " + std::string(name) + " is \"" + found +
                              "\", expected a whole number from " + std::to_string(least) + " to " +
                              std::to_string(most) + ". Start the program with torchrun, which sets it.");
        }
        return value;
    }
};

}  // namespace lit
