// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
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
#include <stdexcept>
#include <string>
#include <vector>

/// Runs a function in a child process and watches, through ptrace, every system call that changes what lies in one
/// folder: it can kill the child before the n-th of them, or make that one fail.
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

inline std::string text_at(pid_t child, unsigned long long address) {
    std::string text;
    for (;;) {
        errno = 0;
        const long word = ::ptrace(PTRACE_PEEKDATA, child, address + text.size(), nullptr);
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
inline std::string path_of(pid_t child, unsigned long long descriptor) {
    std::array<char, 4096> path{};
    const std::string link = "/proc/" + std::to_string(child) + "/fd/" + std::to_string(static_cast<int>(descriptor));
    const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
    return size < 0 ? std::string() : std::string(path.data(), static_cast<std::size_t>(size));
}
inline std::string at_path(pid_t child, unsigned long long folder, unsigned long long name) {
    const std::filesystem::path path = text_at(child, name);
    if (path.is_absolute() || static_cast<int>(folder) == AT_FDCWD) {
        return path.string();
    }
    return (std::filesystem::path(path_of(child, folder)) / path).string();
}

/// The call that the child is about to make, if it changes files at all.
inline Call read_call(pid_t child, const user_regs_struct& r) {
    switch (r.orig_rax) {
        case SYS_open: return {(r.rsi & O_CREAT) != 0 ? "create" : "open", text_at(child, r.rdi), {}};
        case SYS_openat: return {(r.rdx & O_CREAT) != 0 ? "create" : "open", at_path(child, r.rdi, r.rsi), {}};
        case SYS_write: case SYS_pwrite64: case SYS_writev: return {"write", path_of(child, r.rdi), {}};
        case SYS_fsync: case SYS_fdatasync: return {"fsync", path_of(child, r.rdi), {}};
        case SYS_ftruncate: return {"truncate", path_of(child, r.rdi), {}};
        case SYS_close: return {"close", path_of(child, r.rdi), {}};
        case SYS_rename: return {"rename", text_at(child, r.rdi), text_at(child, r.rsi)};
        case SYS_renameat: case SYS_renameat2:
            return {"rename", at_path(child, r.rdi, r.rsi), at_path(child, r.rdx, r.r10)};
        case SYS_link: case SYS_symlink: return {"link", text_at(child, r.rsi), text_at(child, r.rdi)};
        case SYS_symlinkat: return {"link", at_path(child, r.rsi, r.rdx), text_at(child, r.rdi)};
        case SYS_unlink: case SYS_rmdir: return {"unlink", text_at(child, r.rdi), {}};
        case SYS_unlinkat: return {"unlink", at_path(child, r.rdi, r.rsi), {}};
        case SYS_mkdir: return {"mkdir", text_at(child, r.rdi), {}};
        case SYS_mkdirat: return {"mkdir", at_path(child, r.rdi, r.rsi), {}};
        default: return {};
    }
}

}  // namespace detail

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

/// Errors  std::runtime_error when processes cannot be traced here.
inline Outcome run_traced(const std::filesystem::path& folder, const Plan& plan, const std::function<int()>& body) {
    const pid_t child = ::fork();
    if (child == 0) {
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
            ::_exit(125);
        }
        ::raise(SIGSTOP);
        ::_exit(body());
    }
    Outcome outcome;
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFSTOPPED(status)) {
        throw std::runtime_error("processes cannot be traced here");
    }
    ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    const std::string inside = folder.string();
    bool entering = true;
    bool fails = false;
    int signal = 0;
    for (;;) {
        ::ptrace(PTRACE_SYSCALL, child, nullptr, signal);
        signal = 0;
        ::waitpid(child, &status, 0);
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            return outcome;
        }
        if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
            signal = WSTOPSIG(status);
            continue;
        }
        user_regs_struct registers{};
        ::ptrace(PTRACE_GETREGS, child, nullptr, &registers);
        if (entering) {
            Call call = detail::read_call(child, registers);
            if (!call.name.empty() && call.name != "open" &&
                (call.path.starts_with(inside) || call.second.starts_with(inside))) {
                if (outcome.calls.size() == plan.at) {
                    if (plan.fault == Fault::kill) {
                        ::kill(child, SIGKILL);
                        ::waitpid(child, &status, 0);
                        outcome.killed = outcome.struck = true;
                        return outcome;
                    }
                    if (plan.fault == Fault::error) {
                        registers.orig_rax = ~0ULL;  // no such call: nothing is done
                        ::ptrace(PTRACE_SETREGS, child, nullptr, &registers);
                        fails = outcome.struck = true;
                    }
                    if (plan.fault == Fault::short_write && call.name == "write" &&
                        registers.orig_rax != SYS_writev && registers.rdx > 1) {
                        registers.rdx /= 2;
                        ::ptrace(PTRACE_SETREGS, child, nullptr, &registers);
                        outcome.struck = true;
                    }
                }
                outcome.calls.push_back(std::move(call));
            }
        } else if (fails) {
            registers.rax = static_cast<unsigned long long>(-static_cast<long long>(plan.error));
            ::ptrace(PTRACE_SETREGS, child, nullptr, &registers);
            fails = false;
        }
        entering = !entering;
    }
}

}  // namespace faults
