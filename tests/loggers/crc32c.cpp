// SPDX-License-Identifier: Apache-2.0
#include "loggers/reference/event_reader.hpp"
#include "support/doctest.hpp"  // LibTorch defines CHECK and LOG; this drops them, then includes doctest

#include <lit/loggers/crc32c.hpp>

#include <string>

namespace {
TEST_SUITE("loggers/crc32c") {
    TEST_CASE("crc32c gives the check values of RFC 3720, B.4") {
        CHECK(lit::detail::crc32c("") == 0U);
        CHECK(lit::detail::crc32c("123456789") == 0xE3069283U);
        CHECK(lit::detail::crc32c(std::string(32, '\0')) == 0x8A9136AAU);
        CHECK(lit::detail::crc32c(std::string(32, '\xFF')) == 0x62A8AB43U);
    }
    TEST_CASE("eight bytes at a time give what one bit at a time gives, for every length and byte") {
        std::string text;
        for (int i = 0; i < 300; ++i) {
            CHECK(lit::detail::masked_crc32c(text) == reference::slow_masked_crc(text));
            text += static_cast<char>(i * 37);
        }
    }
}
}  // namespace
