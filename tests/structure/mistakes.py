#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/mistakes.md is the table of the files in tests/compile_fail, and no two of them expect the same message.

  mistakes.py SOURCE_FOLDER           holds the table to the files
  mistakes.py --write SOURCE_FOLDER   writes the table
  mistakes.py --self-test

Each file says `// mistake: what the user did`, `// lightning: what Lightning does then`, `// expect: what lit says`. One that
says `// variant of: another` instead of the first two is the same mistake in another place, with the same message: it is
compiled too, but counts for nothing here.
"""
import pathlib
import re
import sys

VARIANT = re.compile(r"^// variant of: (.*)$", re.M)
HEAD = """# Mistakes that the compiler finds

Each line is a file of `tests/compile_fail/`: what was written, what Lightning 2.6 does then, and the beginning of what lit
says. The message stands in the first line that says `error:`, or in the source line quoted under it, on g++ and on clang;
the same program without the mistake compiles.

| mistake | Lightning | lit |
|---|---|---|
"""


def read(path):
    text = path.read_text()

    def lines(word):
        return [line.strip() for line in re.findall(rf"^// {word}: (.*)$", text, re.M)]

    return path.stem, lines("mistake"), lines("lightning"), lines("expect")


def problems(cases):
    """What is wrong with the files themselves."""
    found = []
    seen = {}
    for name, mistake, lightning, expect in cases:
        if len(mistake) != 1 or len(lightning) != 1:
            found.append(f"{name}: needs one line `// mistake: ` and one line `// lightning: `")
        if not expect:
            found.append(f"{name}: has no line `// expect: `")
            continue
        for other, its in seen.items():
            # One that is contained in the other would be satisfied by the same message.
            if expect[0] in its or its in expect[0]:
                found.append(f"{name} and {other} expect the same message: {expect[0]!r}")
        seen[name] = expect[0]
    return found


def table(cases):
    def cell(text):
        return text.replace("|", "\\|")

    rows = []
    for _, mistake, lightning, expect in sorted(cases):
        said = " … ".join(f"`{line.removeprefix('lit: ')}`" for line in expect)
        rows.append(f"| {cell(mistake[0])} | {cell(lightning[0])} | {cell(said)} |\n")
    return HEAD + "".join(rows)


def self_test():
    good = ("a", ["x"], ["y"], ["lit: one thing"])
    assert not problems([good])
    assert problems([good, ("b", ["x"], ["y"], ["lit: one thing"])])
    assert problems([good, ("b", ["x"], ["y"], ["one"])])
    assert problems([("b", ["x"], [], ["lit: two"])])
    assert problems([("b", ["x"], ["y"], [])])
    assert "| x | y | `one thing` |" in table([good])
    print("1 passed, 0 failed")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    write = "--write" in sys.argv
    root = pathlib.Path(sys.argv[-1])
    folder = root / "tests" / "compile_fail"
    files = [path for path in sorted(folder.glob("*.cpp")) if not path.name.startswith("good")]
    variants = {path: VARIANT.findall(path.read_text()) for path in files}
    cases = [read(path) for path in files if not variants[path]]
    found = problems(cases)
    found += [f"{path.stem} is a variant of {of[0]}, which is not there" for path, of in variants.items()
              if of and not (folder / f"{of[0]}.cpp").exists()]
    page = root / "docs" / "mistakes.md"
    if not found and write:
        page.parent.mkdir(exist_ok=True)
        page.write_text(table(cases))
    elif not found and (not page.exists() or page.read_text() != table(cases)):
        found.append("docs/mistakes.md is not the table of tests/compile_fail. Write it: "
                     "python3 tests/structure/mistakes.py --write .")
    for line in found:
        print(line)
    print(f"{len(cases)} mistakes: {'1 passed, 0 failed' if not found else f'0 passed, {len(found)} failed'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
