// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

/// What the benchmarks share: figures as scripts/bench reads them, and peers in Python.
namespace lit_bench {

inline std::map<std::string, std::vector<double>>& measured() {
    static std::map<std::string, std::vector<double>> all;
    return all;
}
inline void report(const std::string& what, double value, const char* unit = "s") {
    measured()[what].push_back(value);
    std::printf("%s\t%.6g\t%s\n", what.c_str(), value, unit);
    std::fflush(stdout);
}
inline bool is_measured(const std::string& what) { return measured().contains(what); }
inline double median(const std::string& what) {
    std::vector<double> all = measured()[what];
    std::ranges::sort(all);
    return (all[(all.size() - 1) / 2] + all[all.size() / 2]) / 2;
}

/// From here on this thread, and what it starts, runs on the core where it is now.
inline void stay_on_one_core() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    ::sched_setaffinity(0, sizeof(one), &one);
}

/// How long a cache line takes from one core to another: some 30 ns where they share a cache. A virtual machine may have its cores moved
/// apart for a while; 180 ns are seen then, and two threads that work on the same numbers take twice as long. 0 where there are not two.
inline double seconds_between_cores() {
    cpu_set_t all_of_them;
    if (::sched_getaffinity(0, sizeof(all_of_them), &all_of_them) != 0 || CPU_COUNT(&all_of_them) != 2) {
        return 0.0;
    }
    constexpr int turns = 2'000;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // LibTorch's threads wait awake for a while
    alignas(128) std::atomic<int> turn{0};
    double least = 1.0;
    for (int trial = 0; trial < 5; ++trial) {
        turn = 0;
        std::thread other([&turn] {
            for (int mine = 1; mine < 2 * turns; mine += 2) {
                while (turn.load(std::memory_order_acquire) != mine) {
                }
                turn.store(mine + 1, std::memory_order_release);
            }
        });
        turn.store(1, std::memory_order_release);
        while (turn.load(std::memory_order_acquire) != 2) {  // it has begun
        }
        const auto begin = std::chrono::steady_clock::now();
        for (int mine = 2; mine < 2 * turns; mine += 2) {
            turn.store(mine + 1, std::memory_order_release);
            while (turn.load(std::memory_order_acquire) != mine + 2) {
            }
        }
        const std::chrono::duration<double> all = std::chrono::steady_clock::now() - begin;
        other.join();
        least = std::min(least, all.count() / (2 * turns - 2));
    }
    return least;
}

/// A script of benchmarks/, which answers each line that it is told with a number; absent without `scripts/setup python`.
class PythonPeers {
 public:
    explicit PythonPeers(const std::string& script, const std::vector<std::string>& arguments = {}) {
        const char* python = std::getenv("LIT_PYTHON");
        const char* home = std::getenv("LIT_HOME");
        if (python == nullptr || home == nullptr || !std::filesystem::exists(python)) {
            std::fprintf(stderr, "lit: no peers in Python: scripts/setup python has not run\n");
            return;
        }
        std::array<int, 2> in{}, out{};
        if (::pipe(in.data()) != 0 || ::pipe(out.data()) != 0) {
            std::perror("pipe");
            std::exit(1);
        }
        child_ = ::fork();
        if (child_ == 0) {
            ::dup2(in[0], 0);
            ::dup2(out[1], 1);
            ::close(in[1]);
            ::close(out[0]);
            std::string path = std::string(home) + "/benchmarks/" + script;
            std::vector<std::string> words = arguments;
            std::vector<char*> argv{const_cast<char*>(python), path.data()};  // NOLINT: execv's signature
            for (std::string& word : words) {
                argv.push_back(word.data());
            }
            argv.push_back(nullptr);
            ::execv(python, argv.data());
            ::_exit(1);
        }
        ::close(in[0]);
        ::close(out[1]);
        ask_ = ::fdopen(in[1], "w");
        answers_ = ::fdopen(out[0], "r");
        static_cast<void>(answer());  // it is ready
    }
    PythonPeers(const PythonPeers&) = delete;
    PythonPeers& operator=(const PythonPeers&) = delete;
    ~PythonPeers() {
        if (child_ > 0) {
            std::fclose(ask_);
            std::fclose(answers_);
            ::waitpid(child_, nullptr, 0);
        }
    }
    [[nodiscard]] bool there() const { return child_ > 0; }
    double measure(const std::string& what) {
        std::fprintf(ask_, "%s\n", what.c_str());
        std::fflush(ask_);
        return answer();
    }

 private:
    double answer() {
        double number = 0.0;
        if (std::fscanf(answers_, "%lf", &number) != 1) {
            std::fprintf(stderr, "lit: the peers in Python ended\n");
            std::exit(1);
        }
        return number;
    }

    pid_t child_ = -1;
    std::FILE* ask_ = nullptr;
    std::FILE* answers_ = nullptr;
};

}  // namespace lit_bench
