# SPDX-License-Identifier: Apache-2.0
"""What the tests that call a compiler share: its flags, a precompiled header, jobs in parallel, and a memory of what passed.

A pass is remembered under the hash of everything that went into it (compiler, flags, the file, every header of lit that
it read), so a second run costs nothing and a change is never missed. Failures are never remembered.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess

COMPILERS = {"gcc": "g++", "clang": "clang++-19"}


def jobs():
    """As many compilers at once as there are cores, but no more than one for each 2 GB of memory."""
    with open("/proc/meminfo") as lines:
        kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("MemTotal"))
    return max(1, min(len(os.sched_getaffinity(0)), kilobytes // 2_000_000))


def base_flags(source, torch):
    include = f"{torch}/include"
    return ["-std=c++20", "-O0", "-DUSE_C10D_GLOO", f"-I{source}/include", f"-I{source}/tests", "-isystem", include,
            "-isystem", f"{include}/torch/csrc/api/include", f"-idirafter{source}/cmake/stubs"]


def version(compiler):
    return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def build_flags(build, compiler):
    """The flags of the build's own precompiled header and its path, if the build was made with this compiler."""
    for entry in json.loads((pathlib.Path(build) / "compile_commands.json").read_text()):
        if not entry["file"].endswith("/pch/pch_trainer.cpp"):
            continue
        words = shlex.split(entry["command"])
        start = next((i for i, word in enumerate(words) if word.rpartition("/")[2] == compiler), None)
        if start is None:
            return None
        words = words[start + 1:words.index("-o")]
        return [word for word in words if word not in ("-Werror", "-Winvalid-pch")]
    return None


def pch_flags(kind, source, build, torch):
    """Flags that compile against a precompiled header: the build's own where it fits, else one made here once."""
    compiler = COMPILERS[kind]
    flags = build_flags(build, compiler)
    if flags is not None:
        suffix = ".gch" if kind == "gcc" else ".pch"
        headers = [word for word in flags if word.endswith(("cmake_pch.hxx", "cmake_pch.hxx.pch"))]
        if headers and any(pathlib.Path(h.removesuffix(".pch") + suffix).exists() for h in headers):
            return flags + [f"-I{source}/tests"]
    # As a user of lit::compiled has it: the messages come from templates, and g++ has less to instantiate in each unit.
    flags = [*base_flags(source, torch), "-DLIT_COMPILED"]
    header = pathlib.Path(source, "cmake/pch_trainer.hpp")
    texts = [path.read_text() for path in [header, *sorted(pathlib.Path(source, "include").rglob("*.hpp"))]]
    key = hashlib.sha256("\0".join([version(compiler), *flags, *texts]).encode()).hexdigest()[:16]
    folder = pathlib.Path(build) / "tests" / f"pch-{kind}"
    made = folder / key / ("pch_trainer.hpp.gch" if kind == "gcc" else "pch_trainer.hpp.pch")
    if not made.exists():
        print(f"precompiling the trainer with {compiler} (30 to 60 s, once)", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        made.parent.mkdir(parents=True)
        shutil.copy(header, made.parent / "pch_trainer.hpp")
        instantiate = [] if kind == "gcc" else ["-fpch-instantiate-templates"]
        subprocess.run([compiler, *flags, *instantiate, "-w", "-x", "c++-header", str(made.parent / "pch_trainer.hpp"),
                        "-o", str(made) + ".new"], check=True)
        os.rename(str(made) + ".new", made)
    if kind == "gcc":  # without walks through all of the precompiled header
        flags = [*flags, "--param=ggc-min-heapsize=2097152"]
    return flags + (["-include", str(made.parent / "pch_trainer.hpp")] if kind == "gcc" else ["-include-pch", str(made)])


class Passed:
    """Hashes of what passed before, in one file of the build folder."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.known = json.loads(self.path.read_text()) if self.path.exists() else {}

    def key(self, *parts):
        digest = hashlib.sha256()
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode()
            digest.update(len(data).to_bytes(8, "little") + data)
        return digest.hexdigest()

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps(self.known, indent=0, sort_keys=True))
        temporary.rename(self.path)


def in_parallel(function, items):
    with concurrent.futures.ThreadPoolExecutor(jobs()) as pool:
        yield from pool.map(function, items)
