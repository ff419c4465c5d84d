# SPDX-License-Identifier: Apache-2.0
"""What both installers of scripts/setup share."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time


def say(text):
    print(f"lit: {text}", file=sys.stderr, flush=True)


def die(text):
    say(text)
    sys.exit(1)


def need_space(folder, gigabytes, what):
    folder = pathlib.Path(folder)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    if free < gigabytes:
        die(f"{what} needs {gigabytes:.1f} GB of disk, but only {free:.1f} GB are free under {folder}")


def pip(arguments, what, python=sys.executable):
    """Runs pip. Its own output goes to .deps/pip.log; a failure becomes one sentence."""
    log = pathlib.Path(os.environ["LIT_HOME"], ".deps", "pip.log")
    command = [python, "-m", "pip", *arguments, "--no-input", "--disable-pip-version-check", "--progress-bar", "off",
               "--retries", "2"]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        started = told = time.monotonic()
        try:
            while process.poll() is None:
                time.sleep(0.2)
                if time.monotonic() - told > 30:
                    told = time.monotonic()
                    say(f"... still at it after {told - started:.0f} s")
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.returncode == 0:
        return
    text = log.read_text(errors="replace")
    if "No module named pip" in text:
        die(f"{what}: this Python has no pip; install python3-pip")
    if "No space left on device" in text:
        die(f"{what}: the disk is full")
    if "DO NOT MATCH THE HASHES" in text:
        found = re.search(r"^\s*(\S+==\S+).*?\n\s+Expected sha256 (\w+)\n\s+Got\s+(\w+)", text, re.M | re.S)
        detail = f": {found[1]} should have SHA-256 {found[2]}, but has {found[3]}" if found else ""
        die(f"{what}: a package is not the one that was pinned{detail}; nothing was installed")
    if "CERTIFICATE_VERIFY_FAILED" in text:
        die(f"{what}: the certificate of the Python package index is not trusted on this machine (.deps/pip.log)")
    unreachable = r"NewConnectionError|NameResolutionError|Max retries exceeded|ConnectTimeout|ReadTimeout|ProxyError|Network is unreachable"
    if re.search(unreachable, text) or "from versions: none" in text:
        die(f"{what}: no network, or a Python package index that does not have it (.deps/pip.log)")
    errors = [line for line in text.splitlines() if line.startswith("ERROR:")]
    die(f"{what}: {errors[-1][7:] if errors else 'pip failed'} (.deps/pip.log)")
