#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every C++ block of the README is a marked region of a file in examples/, to the letter.

  readme.py SOURCE_FOLDER
"""
import re
import sys

root = sys.argv[1]
readme = open(f"{root}/README.md").read()
blocks = re.findall(r"(?:<!-- from (\S+) -->\n)?```cpp\n(.*?)```", readme, re.S)
bad = 0
for source, text in blocks:
    if not source:
        print(f"README: a C++ block that names no file: {text.splitlines()[0]!r}")
        bad += 1
        continue
    regions = open(f"{root}/{source}").read().split("// [readme]\n")
    if len(regions) != 3 or regions[1].strip() != text.strip():
        print(f"README: the block from {source} is not what stands there between the two marks // [readme]")
        bad += 1
    if len(text.strip().splitlines()) > 40:
        print(f"README: the block from {source} has {len(text.strip().splitlines())} lines, 40 are the most")
        bad += 1
print(f"{len(blocks) - bad} passed, {bad} failed")
sys.exit(1 if bad or not blocks else 0)
