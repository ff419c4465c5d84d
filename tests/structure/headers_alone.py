# SPDX-License-Identifier: Apache-2.0
"""Compiles every header of include/lit by itself, included twice, without a precompiled header.

usage: headers_alone.py <source folder> <build folder> [room or header ...]
"""
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import compiling  # noqa: E402

source, build, *only = sys.argv[1:]
cache = pathlib.Path(build, "CMakeCache.txt").read_text()
compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache, re.M)[1]
commands = pathlib.Path(build, "compile_commands.json").read_text()
torch = re.search(r"-isystem ([^ \"]+)/include/torch/csrc/api/include", commands)[1]
flags = compiling.base_flags(source, torch) + ["-Wall", "-Wextra", "-Wpedantic", "-Wno-unused-parameter",
                                                "-Wno-missing-field-initializers", "-Werror", "-fsyntax-only"]
include = pathlib.Path(source, "include")
work = pathlib.Path(build, "tests", "headers_alone")
work.mkdir(parents=True, exist_ok=True)
passed = compiling.Passed(work / "passed.json")
compiler_version = compiling.version(compiler)


def reads(header):
    """The header and everything of lit that it includes, directly or not."""
    found, waiting = set(), [header]
    while waiting:
        name = waiting.pop()
        path = include / name
        if name in found or not path.exists():
            continue
        found.add(name)
        waiting += re.findall(r'^\s*#\s*include\s*[<"](lit/[^>"]+)[>"]', path.read_text(), re.M)
    return sorted(found)


def check(header):
    key = passed.key(compiler_version, *flags, *(part for name in reads(header)
                                                 for part in (name, (include / name).read_bytes())))
    if passed.known.get(header) == key:
        return header, key, None
    file = work / (header.replace("/", "__") + ".cpp")
    file.write_text(f"#include <{header}>\n#include <{header}>\n")
    done = subprocess.run([compiler, *flags, str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return header, key if done.returncode == 0 else None, done.stdout


headers = sorted(str(path.relative_to(include)) for path in (include / "lit").rglob("*.hpp"))
headers = [name for name in headers if not only or any(part in name for part in only)]
started = time.monotonic()
failed, fresh = [], 0
for name, key, output in compiling.in_parallel(check, headers):
    fresh += output is not None
    if key is None:
        failed.append(name)
        print(f"FAILED {name}\n" + "\n".join(output.splitlines()[:30]), flush=True)
    else:
        passed.known[name] = key
        passed.save()  # each at once, so that an interrupted run goes on where it was
print(f"headers alone, {compiler_version}: {len(headers) - len(failed)} passed, {len(failed)} failed "
      f"({fresh} compiled, {time.monotonic() - started:.0f} s)")
for name in failed:
    print(f"  {name}")
sys.exit(bool(failed) or not headers)
