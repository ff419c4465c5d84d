// SPDX-License-Identifier: Apache-2.0
#include <lit/checkpoint/newest_whole.hpp>

#include "checkpoint/support.hpp"
#include "support/doctest.hpp"

#include <ATen/ops/full.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

/// A file that holds `number`, written so many minutes ago.
fs::path save(const fs::path& folder, const std::string& name, std::int64_t number, int minutes_ago) {
    const fs::path path = folder / name;
    lit::save_checkpoint_file(path, lit::Dict{{"number", number}, {"weights", at::full({64}, number)}});
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::minutes(minutes_ago));
    return path;
}
void damage(const fs::path& path) {
    const auto written = fs::last_write_time(path);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(fs::file_size(path) / 2));
    file.put('\x5a').put('\x5b').put('\x5c');
    file.close();
    fs::last_write_time(path, written);
}

}  // namespace

TEST_SUITE("checkpoint/newest_whole") {
    TEST_CASE("a damaged file gives way, aloud, to the newest whole one beside it") {
        const fs::path folder = fs::temp_directory_path() / ("lit-newest-whole-" + std::to_string(::getpid()));
        fs::create_directories(folder);
        const fs::path oldest = save(folder, "a.ckpt", 1, 30), middle = save(folder, "b.ckpt", 2, 20),
                       newer = save(folder, "c.ckpt", 3, 10), last = save(folder, "last.ckpt", 4, 0);
        save(folder, "d.other", 5, 1);
        const fs::path unfit = save(folder, "unfit.ckpt", 7, 2);
        std::vector<std::string> told;
        const auto load = [&] {
            told.clear();
            auto [path, value] = lit::load_newest_whole_checkpoint(
                last, [&](const std::string& text) { told.push_back(text); },
                [](const lit::Value& file) { return file.at("number").to_int() != 7; });
            return std::pair{path, value.at("number").to_int()};
        };
        CHECK(load() == std::pair{last, std::int64_t{4}});
        CHECK(told.empty());
        damage(last);
        CHECK(load() == std::pair{newer, std::int64_t{3}});
        REQUIRE(told.size() == 3);
        CHECK(told[0].find("last.ckpt") != std::string::npos);
        CHECK(told[1].find("unfit.ckpt") != std::string::npos);
        CHECK(told[2].find("c.ckpt") != std::string::npos);
        fs::remove(unfit);
        damage(newer);
        fs::resize_file(middle, fs::file_size(middle) - 9);
        CHECK(load() == std::pair{oldest, std::int64_t{1}});
        CHECK(told.size() == 4);
        damage(oldest);
        CHECK_THROWS_WITH_AS(load(), doctest::Contains("last.ckpt"), lit::CheckpointError);
        fs::remove(last);
        CHECK_THROWS_AS(load(), lit::FileError);
        fs::remove_all(folder);
    }
}
