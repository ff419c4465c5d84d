# SPDX-License-Identifier: Apache-2.0
"""Compiles every header of include/lit by itself, included twice, with clang where it is installed.

Headers of a folder impl are compiled as a header-only program has them; all others as lit::compiled declares them
(LIT_COMPILED), which leaves out the headers of the bodies: what they include for themselves has to be enough.

Of LibTorch's headers only those are precompiled that the header includes anyway, itself or through lit's own: a missing
#include is still found, in the header that lacks it.

usage: headers_alone.py <source folder> <build folder> [room or header ...]
"""
import functools
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import compiling  # noqa: E402

source, build, *only = sys.argv[1:]
cache = pathlib.Path(build, "CMakeCache.txt").read_text()
clang = shutil.which(compiling.COMPILERS["clang"])
compiler = clang or re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache, re.M)[1]
commands = pathlib.Path(build, "compile_commands.json").read_text()
torch = re.search(r"-isystem ([^ \"]+)/include/torch/csrc/api/include", commands)[1]
base = compiling.base_flags(source, torch)
flags = [*base, "-Wall", "-Wextra", "-Wpedantic", "-Wno-unused-parameter", "-Wno-missing-field-initializers", "-Werror",
         "-fsyntax-only"]
# What most of the time goes into, the smaller before the larger; of those that a header includes the last is taken.
PRECOMPILED = ["ATen/Context.h", "ATen/core/Tensor.h", "ATen/Functions.h", "torch/types.h", "torch/nn/module.h"]
include = pathlib.Path(source, "include")
LIBTORCH = [pathlib.Path(torch, "include"), pathlib.Path(torch, "include/torch/csrc/api/include")]
work = pathlib.Path(build, "tests", "headers_alone")
work.mkdir(parents=True, exist_ok=True)
passed = compiling.Passed(work / "passed.json")
compiler_version = compiling.version(compiler)


def mode(header):
    return [] if "/impl/" in header else ["-DLIT_COMPILED"]


def included(text):
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', text, re.M)


@functools.cache
def of_libtorch(name):
    """The file of that header of LibTorch, or None."""
    return next((path for folder in LIBTORCH if (path := folder / name).is_file()), None)


@functools.cache
def includes_of_libtorch(name):
    return [name for name in included(of_libtorch(name).read_text()) if of_libtorch(name)]


def reads(header):
    """The header and everything of lit that it includes, directly or not; and what of LibTorch these include."""
    found, waiting, of_torch = set(), [header], []
    while waiting:
        name = waiting.pop()
        path = include / name
        if name in found or not path.exists():
            continue
        found.add(name)
        text = path.read_text()
        if mode(header):
            text = re.sub(r"^#if !defined\(LIT_COMPILED\)\n.*?^#endif\n", "", text, flags=re.M | re.S)
        names = included(text)
        waiting += [name for name in names if name.startswith("lit/")]
        of_torch += [name for name in names if of_libtorch(name)]
    seen = set()
    while of_torch:
        name = of_torch.pop()
        if name not in seen:
            seen.add(name)
            of_torch += includes_of_libtorch(name)
    return sorted(found), seen


def precompiled(name):
    made = work / (name.replace("/", "__") + ".pch")
    subprocess.run([compiler, *base, "-fpch-instantiate-templates", "-x", "c++-header", str(of_libtorch(name)), "-o", str(made)], check=True)
    return ["-include-pch", str(made)]


headers = sorted(str(path.relative_to(include)) for path in (include / "lit").rglob("*.hpp"))
headers = [name for name in headers if not only or any(part in name for part in only)]
started = time.monotonic()
keys, of_torch = {}, {}
for header in headers:
    of_lit, of_torch[header] = reads(header)
    keys[header] = passed.key(compiler_version, *flags, *mode(header), *(part for name in of_lit for part in (name, (include / name).read_bytes())))
left = [header for header in headers if passed.known.get(header) != keys[header]]
begin = dict(zip(PRECOMPILED, compiling.in_parallel(precompiled, PRECOMPILED))) if clang and left else {}


def check(header):
    file = work / (header.replace("/", "__") + ".cpp")
    file.write_text(f"#include <{header}>\n#include <{header}>\n")
    begun = next((begin[name] for name in reversed(PRECOMPILED) if name in begin and name in of_torch[header]), [])
    done = subprocess.run([compiler, *flags, *mode(header), *begun, str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return header, done.returncode == 0, done.stdout


failed = []
for name, fine, output in compiling.in_parallel(check, left):
    if fine:
        passed.known[name] = keys[name]
        passed.save()  # each at once, so that an interrupted run goes on where it was
    else:
        failed.append(name)
        print(f"FAILED {name}\n" + "\n".join(output.splitlines()[:30]), flush=True)
print(f"headers alone, {compiler_version}: {len(headers) - len(failed)} passed, {len(failed)} failed "
      f"({len(left)} compiled, {time.monotonic() - started:.0f} s)")
for name in failed:
    print(f"  {name}")
sys.exit(bool(failed) or not headers)
