// SPDX-License-Identifier: Apache-2.0
// Saving and loading 500 MB of weights and optimizer state: lit at once and in the background, beside a plain write of the
// same bytes, torch.save and safetensors of Python, all flushed to the disk, in turns on the same files' folder.
#include <lit/checkpoint/background_writer.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/safetensors.hpp>
#include <lit/core/value.hpp>

#include "peers.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/rand.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
using lit_bench::median;
using lit_bench::report;
using Clock = std::chrono::steady_clock;

constexpr int rounds = 9;
constexpr std::int64_t tensors = 120;
constexpr std::int64_t numbers = 1'048'576;  // of each: 4 MiB, 504 MB in all

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The same bytes with as little around them as there can be.
void write_plainly(const fs::path& path, const lit::Dict& state) {
    const fs::path temporary = path.string() + ".tmp";
    const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    for (const auto& [name, tensor] : state) {
        const auto size = static_cast<ssize_t>(tensor.tensor().nbytes());
        if (::write(file, tensor.tensor().const_data_ptr(), static_cast<std::size_t>(size)) != size) {
            std::perror("write");
            std::exit(1);
        }
    }
    if (::fsync(file) != 0 || ::close(file) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0) {
        std::perror("fsync");
        std::exit(1);
    }
}

/// The file's contents in memory, or out of it, before it is loaded.
void remember(const fs::path& path) {
    std::vector<char> buffer(std::size_t{1} << 20U);
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    while (::read(file, buffer.data(), buffer.size()) > 0) {
    }
    ::close(file);
}
void forget(const fs::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
}

}  // namespace

int main() {
    at::set_num_threads(
        static_cast<int>(std::min<unsigned>(2, std::max(1U, std::thread::hardware_concurrency()))));
    const fs::path folder = fs::current_path() / "lit-bench-checkpoint";
    fs::create_directories(folder);
    lit::Dict state;
    for (std::int64_t i = 0; i < tensors; ++i) {
        state.append("layer." + std::to_string(i) + ".weight", at::rand({numbers}));
    }
    lit_bench::PythonPeers python("checkpoint_peers.py", {std::to_string(tensors), std::to_string(numbers)});
    lit::BackgroundWriter background;
    {  // its buffers exist from here on
        const auto start = Clock::now();
        background.save_checkpoint(state, folder / "background.ckpt");
        report("lit, in the background: the loop waits, first save", seconds_since(start));
        background.wait();
    }
    const auto timed = [](const std::string& what, auto&& action) {
        ::sync();  // what one leaves to be written is not paid for by the next
        const auto start = Clock::now();
        action();
        report(what, seconds_since(start));
    };
    for (int round = 0; round < rounds; ++round) {
        timed("plain write and fsync", [&] { write_plainly(folder / "plain.bin", state); });
        timed("lit, .ckpt", [&] { lit::save_checkpoint_file(folder / "lit.ckpt", state); });
        timed("lit, .safetensors", [&] { lit::save_safetensors(folder / "lit.safetensors", state); });
        ::sync();
        const auto start = Clock::now();
        background.save_checkpoint(state, folder / "background.ckpt");
        report("lit, in the background: the loop waits", seconds_since(start));
        background.wait();
        report("lit, in the background: until it is on the disk", seconds_since(start));
        if (python.there()) {
            ::sync();
            report("torch.save and fsync", python.measure("torch_save " + (folder / "torch.pt").string()));
            ::sync();
            report("safetensors of Python and fsync",
                   python.measure("safetensors_save " + (folder / "python.safetensors").string()));
        }
    }
    const auto loaded = [&](const std::string& what, const fs::path& path, auto&& load) {
        remember(path);
        timed("load, in memory: " + what, load);
    };
    const lit::ReadOptions mapped{.mmap = true};
    for (int round = 0; round < rounds; ++round) {
        const fs::path ours = folder / "lit.ckpt";
        loaded("lit", ours, [&] { static_cast<void>(lit::load_checkpoint(ours)); });
        loaded("lit, mapped", ours, [&] { static_cast<void>(lit::load_checkpoint(ours, mapped)); });
        loaded("lit, .safetensors", folder / "lit.safetensors",
               [&] { static_cast<void>(lit::load_safetensors(folder / "lit.safetensors")); });
        forget(ours);
        timed("load, not in memory: lit, mapped",
              [&] { static_cast<void>(lit::load_checkpoint(ours, mapped)); });
        if (python.there()) {
            for (const auto& [what, command, name] :
                 {std::tuple{"torch.load", "torch_load", "torch.pt"},
                  std::tuple{"torch.load, mapped", "torch_load_mapped", "torch.pt"},
                  std::tuple{"safetensors of Python", "safetensors_load", "python.safetensors"}}) {
                remember(folder / name);
                report(std::string("load, in memory: ") + what,
                       python.measure(std::string(command) + " " + (folder / name).string()));
            }
        }
    }
    report("rate of a save, of the plain write's (goal: 0.9)",
           median("plain write and fsync") / median("lit, .ckpt"), "");
    report("the loop's wait, of the plain write (goal: below 0.1)",
           median("lit, in the background: the loop waits") / median("plain write and fsync"), "");
    if (python.there()) {
        report("rate of a save, of torch.save's with fsync (goal: 1)",
               median("torch.save and fsync") / median("lit, .ckpt"), "");
    }
    fs::remove_all(folder);
}
