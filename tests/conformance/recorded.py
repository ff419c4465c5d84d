#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The recorded scenarios: packed, and run again.

  recorded.py run PROGRAM [PYTHON]   unpacks recorded.json.xz, runs the conformance program on it and compares; with a
                                     Python that has Lightning, a few scenarios are drawn and recorded anew as well
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


def compare(program, folder):
    subprocess.run([program, folder], check=True, stderr=subprocess.DEVNULL)
    return subprocess.run([sys.executable, os.path.join(HERE, "compare.py"), folder]).returncode


def draw(program, python, generator, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, *generator, folder, *arguments], check=True)
        subprocess.run([python, os.path.join(HERE, "oracle.py"), "batch", folder], check=True, stderr=subprocess.DEVNULL)
        return compare(program, folder)


def run(program, python):
    with tempfile.TemporaryDirectory() as folder:
        with lzma.open(PACKED, "rt") as packed:
            for case in json.load(packed):
                name = os.path.join(folder, case["scenario"]["name"])
                with open(name + ".scenario.json", "w") as scenario, open(name + ".trace.json", "w") as trace:
                    json.dump(case["scenario"], scenario)
                    json.dump(case["trace"], trace)
        status = compare(program, folder)
    if python and os.access(python, os.X_OK):
        print("recorded anew from the installed Lightning:", flush=True)
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
