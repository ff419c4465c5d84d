// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"  // LibTorch defines CHECK and LOG; this drops them, then includes doctest

#include <lit/loggers/logger.hpp>

#include <string>
#include <type_traits>

namespace {

/// The least that a user's own logger has to have.
struct LastRow {
    void start(const std::filesystem::path& /*root*/) {}
    void log_metrics(std::span<const lit::Scalar> metrics, std::int64_t step) {
        last = std::to_string(step);
        for (const lit::Scalar& metric : metrics) {
            last += " " + std::string(metric.name);
        }
    }
    void log_hyperparams(const lit::Dict& /*params*/) {}
    void save() {}
    void finalize(std::string_view /*status*/) {}
    std::string name() const { return "mine"; }
    std::string version() const { return "version_7"; }
    std::filesystem::path save_dir() const { return {}; }
    std::filesystem::path log_dir() const { return {}; }
    std::string last;
};
struct WithoutFolder {
    void log_metrics(std::span<const lit::Scalar> /*metrics*/, std::int64_t /*step*/) {}
};

/// Wants the checkpoint, but as a text.
struct NearMiss : LastRow {
    void after_save_checkpoint(const std::string& path) { last = path; }
};

static_assert(lit::detail::names_after_save<NearMiss> && !lit::detail::names_after_save<LastRow>);
static_assert(lit::LoggerPolicy<LastRow> && !lit::FlushesLogs<LastRow>);
static_assert(!lit::LoggerPolicy<WithoutFolder> && lit::LogsMetrics<WithoutFolder>);
static_assert(lit::LoggerPolicy<lit::NullLogger> && std::is_empty_v<lit::NullLogger>);

TEST_SUITE("loggers/logger") {
    TEST_CASE("a user's logger needs no base class, and none of the optional members") {
        LastRow logger;
        const lit::Scalar row[] = {{"loss", 1.0}, {"epoch", 0.0}};
        logger.log_metrics(row, 4);
        lit::flush_logs(logger);
        CHECK(logger.last == "4 loss epoch");
    }
    TEST_CASE("version_number reads version_N and nothing else") {
        CHECK(lit::version_number("version_0") == 0);
        CHECK(lit::version_number("version_12") == 12);
        for (const char* text : {"", "version_", "version_x", "version_1_old", "version_-1", "mine", "3"}) {
            CAPTURE(text);
            CHECK_FALSE(lit::version_number(text).has_value());
        }
    }
}

}  // namespace
