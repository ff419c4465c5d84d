#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The recorded scenarios: packed, and run again.

  recorded.py run PROGRAM [PYTHON]   unpacks recorded.json.xz, runs the conformance program on it and compares; with a
                                     Python that has Lightning, some of them and a few newly drawn ones are recorded anew as well
  recorded.py pack DIR               packs DIR/*.scenario.json with their *.trace.json
"""
import glob
import json
import lzma
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PACKED = os.path.join(HERE, "recorded.json.xz")


def pack(folder):
    cases = []
    for path in sorted(glob.glob(os.path.join(folder, "*.scenario.json"))):
        with open(path) as scenario, open(path.replace(".scenario.json", ".trace.json")) as trace:
            cases.append({"scenario": json.load(scenario), "trace": json.load(trace)})
    with lzma.open(PACKED, "wt", preset=9) as out:
        json.dump(cases, out, separators=(",", ":"))
    print(f"{len(cases)} scenarios, {os.path.getsize(PACKED)} bytes")


def quietly(*command):
    """Runs a command that says much on the way; only where it fails the end of it is worth reading."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        print(f"{os.path.basename(command[0])} ended with {done.returncode}; its last lines:\n" +
              "\n".join(done.stdout.splitlines()[-25:]))
        sys.exit(1)


def compare(program, folder):
    quietly(program, folder)
    return subprocess.run([sys.executable, os.path.join(HERE, "compare.py"), folder]).returncode


def record(program, python, folder):
    quietly(python, os.path.join(HERE, "oracle.py"), "batch", folder)
    return compare(program, folder)


def draw(program, python, generator, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        quietly(python, *generator, folder, *arguments)
        return record(program, python, folder)


def record_by_hand(program, python, cases):
    """One in eight of the scenarios that were written by hand."""
    with tempfile.TemporaryDirectory() as folder:
        for case in [case for case in cases if case["scenario"]["name"].startswith("hand-")][::8]:
            with open(os.path.join(folder, case["scenario"]["name"] + ".scenario.json"), "w") as scenario:
                json.dump(case["scenario"], scenario)
        return record(program, python, folder)


def run(program, python):
    with tempfile.TemporaryDirectory() as folder:
        with lzma.open(PACKED, "rt") as packed:
            cases = json.load(packed)
            for case in cases:
                name = os.path.join(folder, case["scenario"]["name"])
                with open(name + ".scenario.json", "w") as scenario, open(name + ".trace.json", "w") as trace:
                    json.dump(case["scenario"], scenario)
                    json.dump(case["trace"], trace)
        status = compare(program, folder)
    if python and os.access(python, os.X_OK):
        print("recorded anew from the installed Lightning:", flush=True)
        status |= record_by_hand(program, python, cases)
        status |= draw(program, python, [os.path.join(HERE, "oracle.py"), "generate"], "--seed", "901", "--count", "60")
        status |= draw(program, python, [os.path.join(HERE, "generate_more.py")], "--seed", "902", "--count", "80")
    else:
        print("Lightning is not installed (scripts/setup python): only the recorded scenarios were compared")
    return status


if __name__ == "__main__":
    if sys.argv[1] == "pack":
        pack(sys.argv[2])
    else:
        sys.exit(run(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
