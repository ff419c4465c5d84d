// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/reg.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// Runs a function in a child process and watches, through ptrace, every system call of all its threads that changes what
/// lies in one folder: it can kill the child before the n-th of them, or make that one fail.
namespace faults {

struct Call {
    std::string name;
    std::string path;    ///< what it is done to
    std::string second;  ///< the new name, of a rename or link
};

enum class Fault { none, kill, short_write, error };

struct Plan {
    Fault fault = Fault::none;
    std::size_t at = 0;  ///< which call, counted from 0
    int error = 0;       ///< the errno, for Fault::error
};

struct Outcome {
    std::vector<Call> calls;
    bool killed = false;
    bool struck = false;  ///< whether the planned call came and the fault was done to it
    int exit_code = -1;
};

namespace detail {

inline std::string text_at(pid_t thread, unsigned long long address) {
    std::string text;
    for (;;) {
        errno = 0;
        const long word = ::ptrace(PTRACE_PEEKDATA, thread, address + text.size(), nullptr);
        if (errno != 0) {
            return text;
        }
        for (std::size_t i = 0; i < sizeof word; ++i) {
            const char c = static_cast<char>(static_cast<unsigned long>(word) >> (8 * i));
            if (c == '\0') {
                return text;
            }
            text.push_back(c);
        }
    }
}
inline std::string path_of(pid_t thread, unsigned long long descriptor) {
    std::array<char, 4096> path{};
    const std::string link = "/proc/" + std::to_string(thread) + "/fd/" + std::to_string(static_cast<int>(descriptor));
    const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
    return size < 0 ? std::string() : std::string(path.data(), static_cast<std::size_t>(size));
}
inline std::string at_path(pid_t thread, unsigned long long folder, unsigned long long name) {
    const std::filesystem::path path = text_at(thread, name);
    if (path.is_absolute() || static_cast<int>(folder) == AT_FDCWD) {
        return path.string();
    }
    return (std::filesystem::path(path_of(thread, folder)) / path).string();
}

/// The call that a thread is about to make, if it changes files at all.
inline Call read_call(pid_t thread, const user_regs_struct& r) {
    switch (r.orig_rax) {
        case SYS_open: return {(r.rsi & O_CREAT) != 0 ? "create" : "open", text_at(thread, r.rdi), {}};
        case SYS_openat: return {(r.rdx & O_CREAT) != 0 ? "create" : "open", at_path(thread, r.rdi, r.rsi), {}};
        case SYS_write: case SYS_pwrite64: case SYS_writev: return {"write", path_of(thread, r.rdi), {}};
        case SYS_sendfile: case SYS_copy_file_range:
            return {"write", path_of(thread, r.orig_rax == SYS_sendfile ? r.rdi : r.rdx), {}};
        case SYS_fsync: case SYS_fdatasync: return {"fsync", path_of(thread, r.rdi), {}};
        case SYS_ftruncate: return {"truncate", path_of(thread, r.rdi), {}};
        case SYS_close: return {"close", path_of(thread, r.rdi), {}};
        case SYS_rename: return {"rename", text_at(thread, r.rdi), text_at(thread, r.rsi)};
        case SYS_renameat: case SYS_renameat2:
            return {"rename", at_path(thread, r.rdi, r.rsi), at_path(thread, r.rdx, r.r10)};
        case SYS_link: case SYS_symlink: return {"link", text_at(thread, r.rsi), text_at(thread, r.rdi)};
        case SYS_symlinkat: return {"link", at_path(thread, r.rsi, r.rdx), text_at(thread, r.rdi)};
        case SYS_unlink: case SYS_rmdir: return {"unlink", text_at(thread, r.rdi), {}};
        case SYS_unlinkat: return {"unlink", at_path(thread, r.rdi, r.rsi), {}};
        case SYS_mkdir: return {"mkdir", text_at(thread, r.rdi), {}};
        case SYS_mkdirat: return {"mkdir", at_path(thread, r.rdi, r.rsi), {}};
        default: return {};
    }
}

/// Follows one child and its threads from stop to stop.
class Tracer {
 public:
    Tracer(pid_t child, const std::filesystem::path& folder, const Plan& plan)
        : child_(child), inside_(folder.string()), plan_(plan) {}

    /// The child is stopped, and traced by this process.
    Outcome run() {
        ::ptrace(PTRACE_SETOPTIONS, child_, nullptr,
                 PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC);
        ::ptrace(PTRACE_SYSCALL, child_, nullptr, 0);
        int status = 0;
        for (pid_t thread = ::waitpid(-1, &status, __WALL); thread > 0; thread = ::waitpid(-1, &status, __WALL)) {
            if (WIFEXITED(status) || WIFSIGNALED(status)) {
                if (thread == child_) {
                    outcome_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
                    return std::move(outcome_);
                }
                threads_.erase(thread);
                continue;
            }
            const int signal = outcome_.killed ? 0 : stopped(thread, status);
            if (!outcome_.killed) {
                ::ptrace(PTRACE_SYSCALL, thread, nullptr, signal);
            }
        }
        return std::move(outcome_);
    }

 private:
    struct Thread {
        bool known = false;  ///< a new thread begins with a stop of its own
        bool fails = false;  ///< the call that it is in
    };

    /// The signal to hand on.
    int stopped(pid_t id, int status) {
        Thread& thread = threads_[id];
        const bool first = !std::exchange(thread.known, true);
        if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
            __ptrace_syscall_info info{};
            ::ptrace(PTRACE_GET_SYSCALL_INFO, id, sizeof info, &info);
            info.op == PTRACE_SYSCALL_INFO_ENTRY ? enter(id, thread) : leave(id, thread);
            return 0;
        }
        const bool event = WSTOPSIG(status) == SIGTRAP && (status >> 16) != 0;
        return event || (first && id != child_ && WSTOPSIG(status) == SIGSTOP) ? 0 : WSTOPSIG(status);
    }
    void enter(pid_t id, Thread& thread) {
        user_regs_struct registers{};
        ::ptrace(PTRACE_GETREGS, id, nullptr, &registers);
        Call call = read_call(id, registers);
        if (call.name.empty() || call.name == "open" ||
            !(call.path.starts_with(inside_) || call.second.starts_with(inside_))) {
            return;
        }
        if (outcome_.calls.size() == plan_.at) {
            if (plan_.fault == Fault::kill) {
                ::kill(child_, SIGKILL);
                outcome_.killed = outcome_.struck = true;
                return;
            }
            if (plan_.fault == Fault::error) {
                registers.orig_rax = ~0ULL;  // no such call: nothing is done
                ::ptrace(PTRACE_SETREGS, id, nullptr, &registers);
                thread.fails = outcome_.struck = true;
            }
            if (plan_.fault == Fault::short_write && call.name == "write" &&
                (registers.orig_rax == SYS_write || registers.orig_rax == SYS_pwrite64) && registers.rdx > 1) {
                registers.rdx /= 2;
                ::ptrace(PTRACE_SETREGS, id, nullptr, &registers);
                outcome_.struck = true;
            }
        }
        outcome_.calls.push_back(std::move(call));
    }
    void leave(pid_t id, Thread& thread) {
        if (std::exchange(thread.fails, false)) {
            user_regs_struct registers{};
            ::ptrace(PTRACE_GETREGS, id, nullptr, &registers);
            registers.rax = static_cast<unsigned long long>(-static_cast<long long>(plan_.error));
            ::ptrace(PTRACE_SETREGS, id, nullptr, &registers);
        }
    }

    pid_t child_;
    std::string inside_;
    Plan plan_;
    std::map<pid_t, Thread> threads_;
    Outcome outcome_;
};

}  // namespace detail

/// This process and those that it starts stay on one core: each stop hands over from the one to the other, which takes half
/// the time where no core has to be woken.
class OneCore {
 public:
    OneCore() {
        ::sched_getaffinity(0, sizeof all_, &all_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
        ::sched_setaffinity(0, sizeof one, &one);
    }
    OneCore(const OneCore&) = delete;
    OneCore& operator=(const OneCore&) = delete;
    ~OneCore() { ::sched_setaffinity(0, sizeof all_, &all_); }

 private:
    cpu_set_t all_{};
};

/// Some containers forbid ptrace.
inline bool can_trace() {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// `body` may also become another program with exec.
/// Errors  std::runtime_error when processes cannot be traced here.
inline Outcome run_traced(const std::filesystem::path& folder, const Plan& plan, const std::function<int()>& body) {
    const OneCore together;
    const pid_t child = ::fork();
    if (child == 0) {
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
            ::_exit(125);
        }
        ::raise(SIGSTOP);
        ::_exit(body());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFSTOPPED(status)) {
        throw std::runtime_error("processes cannot be traced here");
    }
    return detail::Tracer(child, folder, plan).run();
}

/// The same for a process that runs already, and waits until it is traced.
/// Errors  std::runtime_error when it cannot be traced.
inline Outcome trace_process(pid_t process, const std::filesystem::path& folder, const Plan& plan, const std::function<void()>& ready) {
    if (::ptrace(PTRACE_ATTACH, process, nullptr, nullptr) != 0) {
        throw std::runtime_error("the process cannot be traced");
    }
    int status = 0;
    ::waitpid(process, &status, __WALL);
    detail::Tracer tracer(process, folder, plan);
    ready();
    return tracer.run();
}

}  // namespace faults
