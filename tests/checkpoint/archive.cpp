// SPDX-License-Identifier: Apache-2.0
#include "support/doctest.hpp"

#include "checkpoint/support.hpp"

#include <lit/checkpoint/archive.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/zip_directory.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/rand.h>

#include <caffe2/serialize/inline_container.h>

#include <string>

namespace {

using checkpoint_test::bytes_of;
using checkpoint_test::fixture;
using checkpoint_test::same;
using checkpoint_test::TemporaryFolder;
using checkpoint_test::write_bytes;

}  // namespace

TEST_SUITE("checkpoint/archive") {
    TEST_CASE("records are found by their names, whatever the archive's folder is called") {
        lit::ArchiveReader archive(fixture("values.pt"));
        CHECK(archive.has("data.pkl"));
        CHECK_FALSE(archive.has("data.pkl2"));
        CHECK(archive.text("byteorder") == "little");
        CHECK(archive.storage("data/0").nbytes() == 24);
        CHECK_THROWS_WITH_AS((void)archive.storage("data/9"), doctest::Contains("data/9 is missing"),
                             lit::CheckpointError);
        CHECK(lit::detail::zip_directory(fixture("values.pt")).records.at("byteorder").checksum == 0x19E33D85U);  // zlib.crc32(b"little")
    }

    TEST_CASE("one bit that fell over anywhere in the numbers or the pickle is noticed") {
        const TemporaryFolder folder;
        const at::Tensor numbers = at::rand({50});
        lit::save_checkpoint_file(folder / "good.ckpt", lit::Dict{{"numbers", numbers}});
        const std::string good = bytes_of(folder / "good.ckpt");
        CHECK(same(lit::load_checkpoint(folder / "good.ckpt").at("numbers"), numbers));
        const std::size_t start =
            good.find(std::string(static_cast<const char*>(numbers.data_ptr()), numbers.nbytes()));
        REQUIRE(start != std::string::npos);
        CHECK(start % 64 == 0);
        for (std::size_t place = start; place < start + numbers.nbytes(); ++place) {
            std::string bad = good;
            bad[place] = static_cast<char>(bad[place] ^ 4);
            write_bytes(folder / "bad.ckpt", bad);
            CHECK_THROWS_WITH_AS(lit::load_checkpoint(folder / "bad.ckpt"), doctest::Contains("checksum"),
                                 lit::CheckpointError);
        }
    }

    TEST_CASE("a file without checksums, as PyTorch writes when told to, is read") {
        const TemporaryFolder folder;
        {
            const lit::Pickled pickled = lit::write_pickle(lit::List{1, at::arange(3)});
            caffe2::serialize::PyTorchStreamWriter zip((folder / "no_checksums.pt").string(),
                                                       /*compute_crc32=*/false);
            zip.writeRecord("data.pkl", pickled.data.data(), pickled.data.size());
            zip.writeRecord("data/0", pickled.storages.at(0).data(), pickled.storages.at(0).nbytes());
            zip.writeEndOfFile();
        }
        CHECK(lit::detail::zip_directory(folder / "no_checksums.pt").records.at("data/0").checksum == 0);
        CHECK(same(lit::load_checkpoint(folder / "no_checksums.pt"), lit::List{1, at::arange(3)}));
    }
    TEST_CASE("a mapped file is not copied, may be written to in memory, and stays as it is") {
        const TemporaryFolder folder;
        const at::Tensor numbers = at::rand({1000});
        lit::save_checkpoint_file(folder / "a.ckpt", lit::Dict{{"numbers", numbers}, {"view", numbers.narrow(0, 10, 5)}});
        const std::string before = bytes_of(folder / "a.ckpt");
        {
            const lit::Value mapped = lit::load_checkpoint(folder / "a.ckpt", {.mmap = true});
            std::filesystem::remove(folder / "a.ckpt");  // what is mapped does not need its name
            write_bytes(folder / "a.ckpt", before);
            CHECK(same(mapped.at("numbers"), numbers));
            const bool shared = mapped.at("view").tensor().is_alias_of(mapped.at("numbers").tensor());
            CHECK(shared);
            mapped.at("numbers").tensor().zero_();
            CHECK(mapped.at("view").tensor().sum().item<double>() == 0.0);
        }
        CHECK(bytes_of(folder / "a.ckpt") == before);
    }
    TEST_CASE("what is compressed, or not aligned, is copied where the file is mapped") {
        // deflated.pt: {"numbers": torch.arange(64.0), "text": "x" * 100}, its records deflated by Python's zipfile.
        for (const bool mmap : {false, true}) {
            const lit::Value file = lit::load_checkpoint(fixture("deflated.pt"), {.mmap = mmap});
            CHECK(same(file.at("numbers"), at::arange(64, at::kFloat)));
            CHECK(file.at("text").string() == std::string(100, 'x'));
        }
    }
}
