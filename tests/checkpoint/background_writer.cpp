// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "checkpoint/support.hpp"

#include <lit/checkpoint/background_writer.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/core/error.hpp>

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>

namespace {

namespace fs = std::filesystem;
using checkpoint_test::TemporaryFolder;

std::int64_t number_in(const fs::path& path) { return lit::load_checkpoint(path).at("number").to_int(); }
lit::Dict numbered(std::int64_t number) { return {{"number", number}, {"weights", at::full({64}, number)}}; }

}  // namespace

TEST_SUITE("checkpoint/background_writer") {
    TEST_CASE("what was saved is as it was when save_checkpoint returned") {
        const TemporaryFolder folder;
        lit::BackgroundWriter writer;
        at::Tensor weights = at::zeros({1 << 20});
        for (std::int64_t step = 0; step < 8; ++step) {
            weights.fill_(step);
            writer.save_checkpoint({{"number", step}, {"weights", weights}}, folder / (std::to_string(step) + ".ckpt"));
            CHECK(writer.finished_saves() >= step);  // all before: no more than one is in memory
        }
        weights.fill_(-1);
        writer.wait();
        CHECK(writer.finished_saves() == 8);
        for (std::int64_t step = 0; step < 8; ++step) {
            const lit::Value file = lit::load_checkpoint(folder / (std::to_string(step) + ".ckpt"));
            CHECK(file.at("number").to_int() == step);
            CHECK(file.at("weights").tensor().eq(static_cast<double>(step)).all().item<bool>());
        }
        CHECK(folder.files() == 8);
    }
    TEST_CASE("files are removed and linked in their turn, and asked after as they will be") {
        const TemporaryFolder folder;
        lit::BackgroundWriter writer;
        const fs::path a = folder / "a.ckpt", b = folder / "b.ckpt", last = folder / "last.ckpt";
        CHECK(!writer.exists(a));
        writer.save_checkpoint(numbered(1), a);
        CHECK(writer.exists(a));
        writer.save_checkpoint(numbered(2), b);
        writer.link_checkpoint(b, last);
        writer.remove_checkpoint(a);
        CHECK(writer.exists(b));
        CHECK(writer.exists(last));
        CHECK(!writer.exists(a));
        writer.wait();
        CHECK(!fs::exists(a));
        CHECK(number_in(last) == 2);
        CHECK(folder.files() == 2);
    }
    TEST_CASE("a save that fails is thrown once, removes nothing, and does not stand in the way of the next") {
        const TemporaryFolder folder;
        lit::BackgroundWriter writer;
        const fs::path good = folder / "good.ckpt";
        const fs::path bad = folder.path() / "file" / "bad.ckpt";
        checkpoint_test::write_bytes(folder / "file", "no folder");
        writer.save_checkpoint(numbered(1), good);
        writer.wait();
        writer.save_checkpoint(numbered(2), bad);
        writer.remove_checkpoint(good);
        writer.link_checkpoint(bad, folder / "last.ckpt");
        while (!writer.has_news()) {
            std::this_thread::yield();
        }
        writer.remove_checkpoint(good);  // also what is asked for after it has failed
        CHECK_THROWS_WITH_AS(writer.wait(), doctest::Contains("bad.ckpt"), lit::FileError);
        CHECK(!writer.has_news());
        writer.check();
        CHECK(number_in(good) == 1);
        CHECK(writer.exists(good));
        CHECK(!fs::exists(fs::symlink_status(folder / "last.ckpt")));
        writer.save_checkpoint(numbered(3), folder / "next.ckpt");
        writer.remove_checkpoint(good);
        writer.wait();
        CHECK(number_in(folder / "next.ckpt") == 3);
        CHECK(!fs::exists(good));
        CHECK(writer.finished_saves() == 2);
    }
    TEST_CASE("a link that fails keeps what it was to replace, and the saves behind it go on") {
        const TemporaryFolder folder;
        lit::BackgroundWriter writer;
        writer.save_checkpoint(numbered(1), folder / "a.ckpt");
        for (std::int64_t number = 2; number < 20; ++number) {  // often enough that a save waits behind the link
            writer.link_checkpoint(folder / "a.ckpt", folder.path() / "none" / "last.ckpt");
            writer.remove_checkpoint(folder / "a.ckpt");
            writer.save_checkpoint(numbered(number), folder / "b.ckpt");
        }
        CHECK_THROWS_WITH_AS(writer.wait(), doctest::Contains("cannot be made to point to"), lit::FileError);
        CHECK(number_in(folder / "a.ckpt") == 1);
        CHECK(number_in(folder / "b.ckpt") == 19);
        CHECK(writer.finished_saves() == 19);
    }
    TEST_CASE("an error that nobody asked for does not keep a further save from being written") {
        const TemporaryFolder folder;
        lit::BackgroundWriter writer;
        checkpoint_test::write_bytes(folder / "file", "no folder");
        writer.save_checkpoint(numbered(1), folder.path() / "file" / "bad.ckpt");
        writer.save_checkpoint(numbered(2), folder / "good.ckpt");
        CHECK_THROWS_AS(writer.wait(), lit::FileError);
        CHECK(number_in(folder / "good.ckpt") == 2);
    }
    TEST_CASE("a value that no file can hold is refused at once") {
        const TemporaryFolder folder;
        lit::BackgroundWriter writer;
        CHECK_THROWS_AS(writer.save_checkpoint({{"x", lit::Opaque{"my.Thing", {}}}}, folder / "a.ckpt"), lit::CheckpointError);
        writer.save_checkpoint(numbered(1), folder / "a.ckpt");
        writer.wait();
        CHECK(number_in(folder / "a.ckpt") == 1);
    }
    TEST_CASE("what is under way when the writer goes is on the disk") {
        const TemporaryFolder folder;
        {
            lit::BackgroundWriter writer;
            writer.save_checkpoint({{"number", 5}, {"weights", at::zeros({1 << 20})}}, folder / "a.ckpt");
        }
        CHECK(number_in(folder / "a.ckpt") == 5);
    }

    TEST_CASE("what was to be replaced by a save that failed stays, also when a later one succeeds") {
        const TemporaryFolder folder;
        lit::BackgroundWriter writer;
        checkpoint_test::write_bytes(folder / "file", "no folder");
        writer.save_checkpoint(numbered(1), folder / "old.ckpt");
        writer.wait();
        for (int round = 0; round < 20; ++round) {  // whether the error is handed out before the others are done or after
            writer.save_checkpoint(numbered(2), folder.path() / "file" / "new.ckpt");
            writer.save_checkpoint(numbered(3), folder / "last.ckpt");
            writer.remove_checkpoint(folder / "old.ckpt");
            if (round % 2 == 1) {
                while (!writer.has_news()) {
                    std::this_thread::yield();
                }
                CHECK_THROWS_AS(writer.check(), lit::FileError);
                writer.wait();
            } else {
                CHECK_THROWS_AS(writer.wait(), lit::FileError);
            }
            REQUIRE(fs::exists(folder / "old.ckpt"));
            CHECK(writer.exists(folder / "old.ckpt"));
        }
        writer.remove_checkpoint(folder / "old.ckpt");  // asked for in spite of it
        writer.wait();
        CHECK(!fs::exists(folder / "old.ckpt"));
    }
}
