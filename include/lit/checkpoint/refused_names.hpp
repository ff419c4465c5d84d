// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace lit::detail {

/// Whether a name that a pickle has Python call is one that runs code, or reaches for files, processes or the network. No
/// checkpoint calls such a thing; a file that does was made to harm whoever loads it with Python.
///
/// What is neither built nor refused is harmless data: nothing is ever called here, whatever its name.
[[nodiscard]] inline bool is_refused_name(std::string_view name) {
    // Whole modules with all that is below them.
    static constexpr auto modules = std::to_array<std::string_view>({
        "os", "posix", "nt", "posixpath", "ntpath", "subprocess", "pty", "popen2", "runpy", "importlib",
        "imp", "pkgutil", "zipimport", "sys", "socket", "_socket", "shutil", "ctypes", "_ctypes", "cffi",
        "pdb", "bdb", "timeit", "cProfile", "marshal", "pickle", "_pickle", "cPickle", "dill", "cloudpickle",
        "joblib", "shelve", "webbrowser", "urllib", "urllib2", "httplib", "requests", "aiohttp", "ftplib",
        "smtplib", "telnetlib", "xmlrpc", "ssl", "asyncio", "multiprocessing", "_thread", "tempfile",
        "fileinput", "pip", "setuptools", "distutils", "ensurepip", "venv", "idlelib", "lib2to3",
        "torch.hub", "torch.utils.cpp_extension", "torch._inductor", "torch._dynamo", "torch.package",
        "numpy.f2py", "numpy.testing", "numpy.distutils", "numpy.ctypeslib", "sqlite3"});
    static constexpr auto functions = std::to_array<std::string_view>({
        "builtins.eval", "builtins.exec", "builtins.execfile", "builtins.compile", "builtins.open",
        "builtins.file", "builtins.input", "builtins.__import__", "builtins.breakpoint", "builtins.apply",
        "builtins.globals", "builtins.locals", "io.open", "io.FileIO", "_io.open", "_io.FileIO",
        "types.FunctionType", "types.CodeType", "types.LambdaType", "operator.methodcaller", "torch.load",
        "torch.save", "torch.serialization.load", "numpy.load", "numpy.fromfile", "numpy.loadtxt",
        "numpy.genfromtxt", "pandas.read_pickle", "pandas.eval", "torch.jit.load", "torch.jit.script",
        "code.interact", "code.InteractiveConsole", "code.InteractiveInterpreter", "codeop.compile_command",
        "commands.getoutput", "commands.getstatusoutput", "profile.run", "profile.runctx", "trace.Trace",
        "site.main", "threading.Thread"});
    const auto lies_in = [&](std::string_view module) {
        return name.size() > module.size() && name.starts_with(module) && name[module.size()] == '.';
    };
    return std::ranges::find(functions, name) != functions.end() || std::ranges::any_of(modules, lies_in);
}

}  // namespace lit::detail
