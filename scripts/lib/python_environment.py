# SPDX-License-Identifier: Apache-2.0
"""Makes .deps/python: the Python in which Lightning's own behaviour is looked up, every package pinned with its hash.

Python 3.11 of Debian 12, x86-64. About 5 GB on disk, since torch's package brings CUDA's libraries with it. These make it a
complete LibTorch for CUDA too: LIT_TORCH_ROOT=.deps/python/lib/python3.11/site-packages/torch.
"""
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from deps import die, need_space, pip, say  # noqa: E402


def main():
    home = pathlib.Path(sys.argv[1])
    os.environ["LIT_HOME"] = str(home)
    requirements = home / "scripts" / "requirements.txt"
    target = home / ".deps" / "python"
    stamp = target / ".complete"
    content = hashlib.sha256(requirements.read_bytes()).hexdigest() + "\n"
    if stamp.exists() and stamp.read_text() == content and (target / "bin" / "python").exists():
        return
    if platform.machine() != "x86_64":
        die(f"the Python environment is pinned for x86_64 only, and this machine is {platform.machine()}")
    if sys.version_info[:2] != (3, 11):
        die(f"the Python environment is pinned for Python 3.11 (Debian 12), and {sys.executable} is {platform.python_version()}")
    need_space(home / ".deps", 9.0, "the Python environment (with pip's downloads)")
    say("making the Python environment .deps/python: torch 2.11.0 with its CUDA libraries, lightning 2.6.6, tensorboard 2.20.0 "
        "(3 GB to download, 5 GB on disk, some minutes)")
    # A virtual environment cannot be renamed, so the stamp, written last, is what makes it count.
    shutil.rmtree(target, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(target)], capture_output=True, text=True)
    if made.returncode != 0:
        die("python3 -m venv failed: install python3-venv")
    pip(["install", "--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile", "-r", str(requirements)],
        "the Python environment could not be installed", python=str(target / "bin" / "python"))
    probe = subprocess.run([str(target / "bin" / "python"), "-c",
                            "import torch, lightning, tensorboard; print(torch.__version__, lightning.__version__)"],
                           capture_output=True, text=True)
    if probe.returncode != 0:
        die(f"the Python environment does not import: {probe.stderr.strip().splitlines()[-1]}")
    stamp.write_text(content)
    say(f"the Python environment is in .deps/python: torch and lightning {probe.stdout.strip()}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        die("interrupted; .deps/python is incomplete and will be made anew")
