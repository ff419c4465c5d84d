# SPDX-License-Identifier: Apache-2.0
"""Puts the CPU part of LibTorch, out of its PyPI package, into .deps/torch: headers, three libraries, two stubs.

Downloaded once, checked against the hash below, unpacked beside the target and renamed into place, so that an interrupted
run leaves nothing half done. The package is built for CUDA, and libtorch_cpu.so asks for libcudart and libcupti: two
stub libraries answer that there is no device, so that no CUDA is needed. (A complete LibTorch with CUDA comes with
`scripts/setup python`.)
"""
import hashlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from deps import die, need_space, pip, say  # noqa: E402

VERSION = "2.11.0"
WHEEL = f"torch-{VERSION}-cp311-cp311-manylinux_2_28_x86_64.whl"
SHA256 = "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a"
LIBRARIES = ("libc10.so", "libgomp.so.1", "libtorch_cpu.so")
STUBS = ("libcudart", "libcupti")
LAYOUT = 1  # raise it when what is unpacked changes


def is_root(folder):
    return (folder / "include/torch/csrc/api/include/torch/types.h").exists() and (folder / "lib/libtorch_cpu.so").exists()


def given_root():
    """A LibTorch that the user names, in the order in which cmake/LitTorch.cmake looks."""
    candidates = []
    if os.environ.get("LIT_TORCH_ROOT"):
        root = pathlib.Path(os.environ["LIT_TORCH_ROOT"])
        if not is_root(root):
            die(f"LIT_TORCH_ROOT is {root}, which holds no LibTorch (include/ and lib/libtorch_cpu.so)")
        return root
    if os.environ.get("Torch_DIR"):
        root = pathlib.Path(os.environ["Torch_DIR"]).resolve().parents[2]
        if not is_root(root):
            die(f"Torch_DIR is {os.environ['Torch_DIR']}, which is not share/cmake/Torch of a LibTorch")
        return root
    for prefix in filter(None, os.environ.get("CMAKE_PREFIX_PATH", "").replace(";", ":").split(":")):
        prefix = pathlib.Path(prefix)
        candidates += [prefix, prefix / "../..", prefix / "libtorch"]
    return next((root.resolve() for root in candidates if is_root(root)), None)


def version_of(root):
    path = root / "include/torch/headeronly/version.h"
    numbers = re.findall(r"define TORCH_VERSION_(?:MAJOR|MINOR|PATCH) +(\d+)", path.read_text()) if path.exists() else []
    return ".".join(numbers) or "of unknown version"


def wheel(home, scratch):
    """The package: named by the user, lying in .deps/, or downloaded (pip's cache serves a second time)."""
    if os.environ.get("LIT_TORCH_WHEEL"):
        path = pathlib.Path(os.environ["LIT_TORCH_WHEEL"])
        if not path.is_file():
            die(f"LIT_TORCH_WHEEL is {path}, which does not exist")
        return path
    if (home / ".deps" / WHEEL).is_file():
        return home / ".deps" / WHEEL
    say(f"downloading LibTorch {VERSION} (531 MB) from the Python package index")
    pip(["download", f"torch=={VERSION}", "--no-deps", "--only-binary=:all:", "--implementation=cp", "--python-version=311",
         "--abi=cp311", "--platform=manylinux_2_28_x86_64", f"--dest={scratch}"], f"LibTorch {VERSION} could not be downloaded")
    return scratch / WHEEL


def check(path):
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    if digest.hexdigest() != SHA256:
        die(f"{path.name} has SHA-256 {digest.hexdigest()}, but {SHA256} is pinned in scripts/lib/libtorch.py; "
            "nothing was installed")


def unpack(path, folder):
    say("unpacking LibTorch's headers and CPU libraries (500 MB)")
    made = set()
    with zipfile.ZipFile(path) as package:
        for entry in package.infolist():
            name = entry.filename
            wanted = (name.startswith(("torch/include/", "torch/share/cmake/")) or name == "torch/version.py"
                      or name in {f"torch/lib/{library}" for library in LIBRARIES})
            if not wanted or name.endswith("/"):
                continue
            target = folder / name.removeprefix("torch/")
            if target.parent not in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.add(target.parent)
            with package.open(entry) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 22)
    for library in LIBRARIES:
        os.chmod(folder / "lib" / library, 0o755)


def stubs(lib, scratch):
    """libcudart.so.13 and libcupti.so.13: every function that libtorch_cpu.so names, each answering that there is no CUDA."""
    symbols = subprocess.run(["nm", "-D", "--undefined-only", str(lib / "libtorch_cpu.so")], capture_output=True, text=True)
    if symbols.returncode != 0:
        die(f"nm cannot read libtorch_cpu.so: {symbols.stderr.strip()}")
    for stub in STUBS:
        names = re.findall(rf" U (\w+)@{stub}\.so\.13$", symbols.stdout, re.M)
        if not names:
            die(f"libtorch_cpu.so names no function of {stub}, so this is not the package that was pinned")
        lines = []
        for name in names:
            if name == "cudaGetDeviceCount":
                lines.append(f"int {name}(int* count) {{ *count = 0; return 100; }}  /* cudaErrorNoDevice */")
            elif name == "cudaGetErrorString":
                lines.append(f'const char* {name}(int error) {{ (void)error; return "no CUDA is installed"; }}')
            else:
                lines.append(f"int {name}(void) {{ return 100; }}")
        (scratch / f"{stub}.c").write_text("\n".join(lines) + "\n")
        (scratch / f"{stub}.map").write_text(f"{stub}.so.13 {{ global: *; }};\n")
        made = subprocess.run(["gcc", "-shared", "-fPIC", "-o", str(lib / f"{stub}.so.13"), str(scratch / f"{stub}.c"),
                               f"-Wl,-soname,{stub}.so.13", f"-Wl,--version-script,{scratch / stub}.map"],
                              capture_output=True, text=True)
        if made.returncode != 0:
            die(f"gcc could not make the stub {stub}.so.13: {made.stderr.strip().splitlines()[-1]}")


def main():
    home = pathlib.Path(sys.argv[1])
    os.environ["LIT_HOME"] = str(home)
    given = given_root()
    if given:
        found = version_of(given)
        if found != VERSION:
            die(f"the LibTorch in {given} is {found}, but lit is tested with {VERSION} only; "
                "unset LIT_TORCH_ROOT, Torch_DIR and CMAKE_PREFIX_PATH to get that one, or configure with LIT_ALLOW_OTHER_TORCH=ON")
        say(f"LibTorch {found} in {given} is taken as it is")
        return
    target = home / ".deps" / "torch"
    stamp = target / ".complete"
    content = f"torch {VERSION} {SHA256} layout {LAYOUT}\n"
    if stamp.exists() and stamp.read_text() == content and is_root(target):
        return
    if platform.machine() != "x86_64":
        die(f"LibTorch is set up for x86_64 only, and this machine is {platform.machine()}; "
            "name a LibTorch of your own in LIT_TORCH_ROOT")
    need_space(home / ".deps", 1.8, "LibTorch (package and unpacked)")
    # A folder beside the target: renaming it into place is one step that happens or does not.
    with tempfile.TemporaryDirectory(prefix="torch.", dir=home / ".deps") as name:
        scratch = pathlib.Path(name)
        package = wheel(home, scratch)
        check(package)
        new = scratch / "torch"
        try:
            unpack(package, new)
        except OSError as error:
            die(f"LibTorch could not be unpacked into {home / '.deps'}: {error.strerror or error}")
        if version_of(new) != VERSION:
            die(f"the package holds LibTorch {version_of(new)} in place of {VERSION}; nothing was installed")
        stubs(new / "lib", scratch)
        (new / ".complete").write_text(content)
        if target.exists():
            target.rename(scratch / "old")
        new.rename(target)
    say(f"LibTorch {VERSION} is in .deps/torch")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        die("interrupted; nothing was installed")
