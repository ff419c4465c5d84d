#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every test that docs/lightning.md names is there, every row says how it stands, and no section is missing.

  lightning_table.py SOURCE_FOLDER [--show]
  lightning_table.py --self-test

A test is named as `tests/<room>/<file>.cpp: "<case name>"`; other paths that begin with tests/ have to exist. With
--show the number of rows of each kind is printed.
"""
import collections
import os
import re
import sys
import tempfile

STATES = ("same", "different", "not yet")
LITERAL = r'"((?:[^"\\]|\\.)*)"'


def cases_of(text):
    """The names of a file's test cases; a name may be written as several literals."""
    names = set()
    for match in re.finditer(r"(?:TEST_CASE|TEST_CASE_TEMPLATE)\s*\(\s*((?:" + LITERAL + r"\s*)+)", text):
        names.add("".join(re.findall(LITERAL, match.group(1))))
    return names


def problems_of(root):
    problems, counts, known = [], collections.Counter(), {}
    with open(os.path.join(root, "docs", "lightning.md")) as file:
        lines = file.read().splitlines()
    cited = 0
    for number, line in enumerate(lines, 1):
        where = f"docs/lightning.md:{number}"
        for path, name in re.findall(r"`(tests/[^`\s:]+)(?:: " + LITERAL + r")?`", line):
            full = os.path.join(root, path)
            cited += 1
            if not os.path.exists(full):
                problems.append(f"{where}: there is no {path}")
            elif name:
                if path not in known:
                    with open(full) as file:
                        known[path] = cases_of(file.read())
                if name not in known[path]:
                    problems.append(f"{where}: {path} has no case \"{name}\"")
        if line.startswith("|") and not re.match(r"\|\s*(Lightning|[-:]+)\s*\|", line):
            cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
            state = next((s for s in STATES if len(cells) >= 2 and cells[1].startswith(s)), None)
            if len(cells) != 2 or state is None:
                problems.append(f"{where}: a row has two cells, and the second begins with one of {', '.join(STATES)}")
                continue
            counts[state] += 1
            if state == "same" and not re.search(r"`(tests/|conformance)", cells[1]):
                problems.append(f"{where}: a row that says \"same\" names no test")
            if state == "different" and len(cells[1]) < 30:
                problems.append(f"{where}: a row that says \"different\" gives no reason")
    sections = [int(n) for n in re.findall(r"^## (\d+)\b", "\n".join(lines), re.M)]
    if sections != sorted(set(sections)) or not sections:
        problems.append("docs/lightning.md: the sections are not in their order")
    return problems, counts, cited


def self_test():
    cpp = 'TEST_CASE("a b") {}\nTEST_CASE(\n    "long "\n    "name") {}\nTEST_CASE("quo\\"te") {}\n'
    good = ("## 1 x\n| Lightning | lit |\n|---|---|\n| s | same: `tests/r/f.cpp: \"a b\"` |\n"
            "| s | same: `tests/r/f.cpp: \"long name\"`, `tests/r/f.cpp` |\n| s | not yet |\n"
            "| s | different: because it is better that way here |\n")
    wrong = {"a case that is missing": good.replace('"a b"', '"a c"'),
             "a file that is missing": good.replace("f.cpp`", "g.cpp`"),
             "no test": good.replace('same: `tests/r/f.cpp: "a b"`', "same"),
             "no state": good.replace("not yet", "maybe"),
             "no reason": good.replace("because it is better that way here", "so"),
             "sections out of order": good + "## 3 a\n## 2 b\n"}
    failed = 0
    with tempfile.TemporaryDirectory() as root:
        os.makedirs(os.path.join(root, "docs"))
        os.makedirs(os.path.join(root, "tests", "r"))
        with open(os.path.join(root, "tests", "r", "f.cpp"), "w") as file:
            file.write(cpp)
        for name, text in [("a good table", good), *wrong.items()]:
            with open(os.path.join(root, "docs", "lightning.md"), "w") as file:
                file.write(text)
            found = problems_of(root)[0]
            if bool(found) != (name in wrong):
                print(f"self test: {name}: {found}")
                failed += 1
    print(f"{1 + len(wrong) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(1 if self_test() else 0)
    problems, counts, cited = problems_of(sys.argv[1])
    for problem in problems:
        print(problem)
    if "--show" in sys.argv:
        print(", ".join(f"{counts[state]} {state}" for state in STATES))
    print(f"{cited - len(problems)} passed, {len(problems)} failed")
    sys.exit(1 if problems else 0)
