// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <vector>

extern char** environ;

/// Programs of the tests, each as a process of its own.
namespace process {

/// Starts it; what it prints goes to `output` (a file that is added to). `set`: "NAME=value", beside the environment.
inline pid_t start(const std::string& program, const std::vector<std::string>& arguments,
                   const std::string& output = "/dev/null", const std::vector<std::string>& set = {}) {
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (const std::string& argument : arguments) {
        argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    std::vector<char*> variables;
    for (const std::string& variable : set) {
        variables.push_back(const_cast<char*>(variable.c_str()));
    }
    for (char** variable = environ; *variable != nullptr; ++variable) {
        variables.push_back(*variable);
    }
    variables.push_back(nullptr);
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
    ::posix_spawn_file_actions_adddup2(&files, 1, 2);
    pid_t child = -1;
    const int error = ::posix_spawn(&child, program.c_str(), &files, nullptr, argv.data(), variables.data());
    ::posix_spawn_file_actions_destroy(&files);
    if (error != 0) {
        throw std::runtime_error("cannot start " + program);
    }
    return child;
}
/// The exit status; 128 and more: the signal that ended it.
inline int wait(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace process
