# SPDX-License-Identifier: Apache-2.0
"""Installs lit into an empty prefix, builds tests/package against it with find_package(lit) and runs that.

Some of its programs have lit precompiled, by lit::pch, or link lit::compiled."""
import pathlib
import shutil
import subprocess
import sys

source, build, cmake, compiler, torch = sys.argv[1:6]
work = pathlib.Path(build) / "tests" / "package"
shutil.rmtree(work, ignore_errors=True)
prefix = work / "prefix"


def run(*command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print("$ " + " ".join(str(part) for part in command))
        print(done.stdout)
        sys.exit(1)
    return done.stdout


run(cmake, "--install", build, "--prefix", prefix)
headers = sorted(path.relative_to(prefix / "include") for path in (prefix / "include").rglob("*.hpp"))
expected = sorted(path.relative_to(source + "/include") for path in pathlib.Path(source, "include").rglob("*.hpp"))
if headers != expected:
    sys.exit(f"installed headers differ from include/: {set(headers) ^ set(expected)}")

# The prefix has moved once, so that nothing in the package may depend on where it was installed.
moved = work / "moved here"  # nor on a name without spaces
prefix.rename(moved)
spaced_torch = work / "a LibTorch"
spaced_torch.symlink_to(torch)
run(cmake, "-S", pathlib.Path(source) / "tests" / "package", "-B", work / "build", "-G", "Ninja",
    f"-DCMAKE_PREFIX_PATH={moved}", f"-DCMAKE_CXX_COMPILER={compiler}", f"-DLIT_TORCH_ROOT={spaced_torch}",
    "-DCMAKE_CXX_FLAGS=-O0")
run(cmake, "--build", work / "build")
for program in ("consumer", "precompiled", "sharing", "compiled"):
    print(run(work / "build" / program), end="")
found = dict(line.split("=", 1) for line in (moved / "share/pkgconfig/lit.pc").read_text().splitlines()
             if "=" in line.split(":")[0])
at = found["prefix"].replace("${pcfiledir}", str(moved / "share/pkgconfig"))
if pathlib.Path(at).resolve() != moved.resolve():
    sys.exit(f"lit.pc says prefix={found['prefix']}, which is {at}; expected that of where it lies, {moved}")
for text in ((moved / "share/cmake/lit/litTargets.cmake").read_text(),):
    if source in text:
        sys.exit("litTargets.cmake names the source folder")
