# SPDX-License-Identifier: Apache-2.0
"""Compiles every file of tests/compile_fail and holds the compiler's answer to what the file expects.

A file `x.cpp` with lines `// expect: <text>` must not compile; the first line of the output that says `error:`, or the source
line quoted under it, must contain `lit: ` and every such text, and at most ten lines may stand before it. With -DLIT_GOOD it
must compile, so that the mistake is the only thing wrong with it. A file whose name begins with `good` must compile.

usage: run.py gcc|clang <source folder> <build folder> <LibTorch> [part of a file's name ...]
"""
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import compiling  # noqa: E402

LINES_BEFORE = 10
ONE_ERROR = {"gcc": "-fmax-errors=1", "clang": "-ferror-limit=1"}  # the first is all that is looked at


def judge(text, expected):
    """None if the compiler's output says what the file expects, else what is wrong with it."""
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if "error:" in line), None)
    if first is None:
        return "no line says `error:`"
    if first > LINES_BEFORE:
        return f"{first} lines stand before the first error, at most {LINES_BEFORE} may"
    # The message, then the quoted source line, as far as the next message of the compiler.
    said = [lines[first]]
    for line in lines[first + 1:first + 3]:
        if re.search(r"(error|note|warning):", line):
            break
        said.append(line)
    said = "\n".join(said)
    for wanted in ["lit: ", *expected]:
        if wanted not in said:
            return f"the first error does not say `{wanted}`"
    return None


def main():
    kind, source, build, torch, *only = sys.argv[1:]
    compiler = compiling.COMPILERS[kind]
    if shutil.which(compiler) is None:
        print(f"skipped: {compiler} is missing; scripts/setup brings it")
        return 77
    folder = pathlib.Path(source, "tests", "compile_fail")
    files = [path for path in sorted(folder.glob("*.cpp")) if not only or any(part in path.name for part in only)]
    if not files:
        print("no files in tests/compile_fail")
        return 77
    started = time.monotonic()
    flags = compiling.pch_flags(kind, source, build, torch) + ["-fsyntax-only"]
    passed = compiling.Passed(pathlib.Path(build, "tests", f"compile_fail.{kind}.json"))
    library = passed.key(*(part for path in sorted(pathlib.Path(source, "include").rglob("*.hpp"))
                           for part in (path, path.read_bytes())))
    memory = passed.key(compiling.version(compiler), *flags, library, pathlib.Path(__file__).read_bytes())

    def compile(path, *extra):
        return subprocess.run([compiler, *flags, *extra, str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace")

    def check(path):
        text = path.read_text()
        key = passed.key(memory, text)
        if passed.known.get(path.name) == key:
            return path.name, key, None
        good = path.name.startswith("good")
        if not good and "LIT_GOOD" not in text:
            return path.name, None, "has no variant without the mistake (#ifdef LIT_GOOD)"
        if good or "LIT_GOOD" in text:
            done = compile(path, *([] if good else ["-DLIT_GOOD"]))
            if done.returncode != 0:
                return path.name, None, "does not compile, but should" + ("" if good else " with -DLIT_GOOD") + "\n" + done.stdout
        if not good:
            expected = [line.strip() for line in re.findall(r"^// expect: (.*)$", text, re.M)]
            if not expected:
                return path.name, None, "has no line `// expect: `"
            done = compile(path, "-w", ONE_ERROR[kind])
            if done.returncode == 0:
                return path.name, None, "compiles, but should not"
            wrong = judge(done.stdout, expected)
            if wrong:
                return path.name, None, wrong + "\n" + done.stdout
        return path.name, key, None

    failures = 0
    for name, key, wrong in compiling.in_parallel(check, files):
        if key is None:
            failures += 1
            print(f"FAILED {name}: " + "\n    ".join(wrong.splitlines()[:25]), flush=True)
        else:
            passed.known[name] = key
            passed.save()
    print(f"compile_fail, {compiler}: {len(files) - failures} passed, {failures} failed ({time.monotonic() - started:.0f} s)")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
