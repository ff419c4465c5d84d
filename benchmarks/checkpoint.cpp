// SPDX-License-Identifier: Apache-2.0
// Saving and loading 500 MB of weights and optimizer state: lit at once and in the background, beside a plain write of the
// same bytes, torch.save and safetensors of Python, all flushed to the disk, in turns on the same files' folder.
#include <lit/checkpoint/background_writer.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/safetensors.hpp>
#include <lit/core/value.hpp>

#include <ATen/Parallel.h>
#include <ATen/ops/rand.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int rounds = 9;
constexpr std::int64_t tensors = 120;
constexpr std::int64_t numbers = 1'048'576;  // of each: 4 MiB, 504 MB in all

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::map<std::string, std::vector<double>> measured;
void report(const std::string& what, double value, const char* unit = "s") {
    measured[what].push_back(value);
    std::printf("%s\t%.6g\t%s\n", what.c_str(), value, unit);
    std::fflush(stdout);
}
double median(const std::string& what) {
    std::vector<double> all = measured[what];
    std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
    return all[all.size() / 2];
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

/// benchmarks/checkpoint_peers.py, which does what a line says and answers how long it took.
class Python {
 public:
    Python() {
        const char* python = std::getenv("LIT_PYTHON");
        const char* home = std::getenv("LIT_HOME");
        if (python == nullptr || home == nullptr || !fs::exists(python)) {
            std::fprintf(stderr, "lit: no peers in Python: scripts/setup python has not run\n");
            return;
        }
        std::array<int, 2> in{}, out{};
        if (::pipe(in.data()) != 0 || ::pipe(out.data()) != 0) {
            return;
        }
        const std::string script = std::string(home) + "/benchmarks/checkpoint_peers.py";
        child_ = ::fork();
        if (child_ == 0) {
            ::dup2(in[0], 0);
            ::dup2(out[1], 1);
            ::close(in[1]);
            ::close(out[0]);
            ::execl(python, python, script.c_str(), std::to_string(tensors).c_str(), std::to_string(numbers).c_str(), nullptr);
            ::_exit(1);
        }
        ::close(in[0]);
        ::close(out[1]);
        ask_ = ::fdopen(in[1], "w");
        answers_ = ::fdopen(out[0], "r");
        static_cast<void>(answer());  // it is ready
    }
    Python(const Python&) = delete;
    Python& operator=(const Python&) = delete;
    ~Python() {
        if (child_ > 0) {
            std::fclose(ask_);
            std::fclose(answers_);
            ::waitpid(child_, nullptr, 0);
        }
    }
    [[nodiscard]] bool there() const { return child_ > 0; }
    double measure(const std::string& what, const fs::path& path) {
        std::fprintf(ask_, "%s %s\n", what.c_str(), path.c_str());
        std::fflush(ask_);
        return answer();
    }

 private:
    double answer() {
        double seconds = 0.0;
        if (std::fscanf(answers_, "%lf", &seconds) != 1) {
            std::fprintf(stderr, "lit: the peers in Python ended\n");
            std::exit(1);
        }
        return seconds;
    }

    pid_t child_ = -1;
    std::FILE* ask_ = nullptr;
    std::FILE* answers_ = nullptr;
};

/// The files' contents in memory, or out of it, before they are loaded.
void forget(const fs::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
}

}  // namespace

int main() {
    at::set_num_threads(static_cast<int>(std::min<unsigned>(2, std::max(1U, std::thread::hardware_concurrency()))));
    const fs::path folder = fs::current_path() / "lit-bench-checkpoint";
    fs::create_directories(folder);
    lit::Dict state;
    for (std::int64_t i = 0; i < tensors; ++i) {
        state.append("layer." + std::to_string(i) + ".weight", at::rand({numbers}));
    }
    Python python;
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
            report("torch.save and fsync", python.measure("torch_save", folder / "torch.pt"));
            ::sync();
            report("safetensors of Python and fsync", python.measure("safetensors_save", folder / "python.safetensors"));
        }
    }
    for (int round = 0; round < rounds; ++round) {
        timed("load, in memory: lit", [&] { static_cast<void>(lit::load_checkpoint(folder / "lit.ckpt")); });
        timed("load, in memory: lit, mapped", [&] { static_cast<void>(lit::load_checkpoint(folder / "lit.ckpt", {.mmap = true})); });
        timed("load, in memory: lit, .safetensors", [&] { static_cast<void>(lit::load_safetensors(folder / "lit.safetensors")); });
        forget(folder / "lit.ckpt");
        timed("load, not in memory: lit, mapped", [&] { static_cast<void>(lit::load_checkpoint(folder / "lit.ckpt", {.mmap = true})); });
        if (python.there()) {
            report("load, in memory: torch.load", python.measure("torch_load", folder / "torch.pt"));
            report("load, in memory: torch.load, mapped", python.measure("torch_load_mapped", folder / "torch.pt"));
            report("load, in memory: safetensors of Python", python.measure("safetensors_load", folder / "python.safetensors"));
        }
    }
    report("rate of a save, of the plain write's (goal: 0.9)", median("plain write and fsync") / median("lit, .ckpt"), "");
    report("the loop's wait, of the plain write (goal: below 0.1)",
           median("lit, in the background: the loop waits") / median("plain write and fsync"), "");
    if (python.there()) {
        report("rate of a save, of torch.save's with fsync (goal: 1)", median("torch.save and fsync") / median("lit, .ckpt"), "");
    }
    fs::remove_all(folder);
}
