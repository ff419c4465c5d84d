# SPDX-License-Identifier: Apache-2.0
"""Compiles every file of tests/compile_fail and holds the compiler's answer to what the file expects.

A file `x.cpp` with lines `// expect: <text>` must not compile; the first line of the output that says `error:`, or the source
line quoted under it, must contain `lit: ` and every such text, and at most ten lines may stand before it. With -DLIT_GOOD it
must compile, so that the mistake is the only thing wrong with it. A file whose name begins with `good` must compile.

Many files are compiled at once, each in a namespace of its own, since most of a compiler's time goes into headers and what they
instantiate. Where that fails, each is compiled alone; a mistake whose answer is not found among the others' or is not as expected is compiled as its
user would. What must compile also has to do so without a warning of what is instantiated from lit's headers. A compiler tells an error
once for each instantiation: of two files whose first errors are the same one, the second is judged by its next.

usage: run.py gcc|clang <source folder> <build folder> <LibTorch> [part of a file's name ...]
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import compiling  # noqa: E402

LINES_BEFORE = 10
TOGETHER = 35  # programs in one unit: g++ needs 2 GB for 70
ONE_ERROR = {"gcc": "-fmax-errors=1", "clang": "-ferror-limit=1"}  # the first is all that is looked at
EVERY_ERROR = {"gcc": "-fmax-errors=0", "clang": "-ferror-limit=0"}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wno-unused-parameter", "-Wno-missing-field-initializers", "-Werror"]  # as LitDevelop.cmake
# Lines with which a compiler says how it came to the place of the error that follows.
CONTEXT = re.compile(r"In file included from |\s+from |\S+: (In|At) |\S+:\s+(required|recursively required|in .constexpr. expansion)")


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


def answers(text, names):
    """What the compiler said first of each file, out of its output for all of them: {name: lines}.

    An answer is the lines that lead to an error (g++ says whence an instantiation comes before it, clang after it), the error, and
    what follows up to the next. Nothing if one of them names two files.
    """
    parts, context = [], True
    for line in text.splitlines():
        starts = CONTEXT.match(line) is not None
        if not parts or (starts and not context) or (not context and "error:" in line):
            parts.append([])
        parts[-1].append(line)
        context = starts
    said, latest = {}, None
    for part in parts:
        if not any("error:" in line for line in part):
            continue
        of = {name for line in part for name in re.findall(r"(\w+\.cpp):\d+", line)} & names
        if len(of) > 1:
            return {}
        latest = of.pop() if of else latest
        if latest is not None:
            said.setdefault(latest, "\n".join(part))
    return said


def one_program(paths):
    """All of them in one unit: their headers first, then each in a namespace of its own."""
    headers = dict.fromkeys(header for path in paths for header in re.findall(r"^\s*#\s*include\s*(<.+?>)", path.read_text(), re.M))
    lines = [f"#include {header}" for header in headers]
    lines += [f"namespace program_{i} {{\n#include <{path.name}>\n}}" for i, path in enumerate(paths)]
    return "\n".join(lines) + "\n"


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

    def together(paths, *extra):
        with tempfile.TemporaryDirectory() as made:
            program = pathlib.Path(made, "together.cpp")
            program.write_text(one_program(paths))
            return compile(program, "-isystem", str(folder), *extra)  # what they do themselves is not warned of

    def compiles_together(paths):
        return together(paths, "-DLIT_GOOD", *WARNINGS).returncode == 0

    def said_together(paths):
        output = together(paths, "-w", EVERY_ERROR[kind]).stdout
        return answers(output, {path.name for path in paths})

    def wrong_without_the_mistake(path):
        done = together([path], "-DLIT_GOOD", *WARNINGS)
        return "" if done.returncode == 0 else f"does not compile with -DLIT_GOOD, but should\n{done.stdout}"

    def wrong_with_the_mistake(path, text):
        expected = [line.strip() for line in re.findall(r"^// expect: (.*)$", text, re.M)]
        if not expected:
            return "has no line `// expect: `"
        if "LIT_GOOD" not in text:
            return "has no variant without the mistake (#ifdef LIT_GOOD)"
        if judge(said.get(path.name, ""), expected) is None:
            return ""
        alone.append(path.name)
        done = compile(path, "-w", ONE_ERROR[kind])
        if done.returncode == 0:
            return "compiles, but should not"
        wrong = judge(done.stdout, expected)
        return f"{wrong}\n{done.stdout}" if wrong else ""

    texts = {path: path.read_text() for path in files}
    keys = {path: passed.key(memory, text) for path, text in texts.items()}
    left = [path for path in files if passed.known.get(path.name) != keys[path]]
    groups = [left[i:i + TOGETHER] for i in range(0, len(left), TOGETHER)]
    good = {path for group, fine in zip(groups, compiling.in_parallel(compiles_together, groups)) if fine for path in group}
    mistakes = [path for path in left if not path.name.startswith("good")]
    said = {}
    for answer in compiling.in_parallel(said_together, [mistakes[i:i + TOGETHER] for i in range(0, len(mistakes), TOGETHER)]):
        said |= answer
    alone = []

    def check(path):
        wrong = "" if path in good else wrong_without_the_mistake(path)
        if not wrong and not path.name.startswith("good"):
            wrong = wrong_with_the_mistake(path, texts[path])
        return path, wrong

    failures = 0
    for path, wrong in compiling.in_parallel(check, left):
        if wrong:
            failures += 1
            print(f"FAILED {path.name}: " + "\n    ".join(wrong.splitlines()[:25]), flush=True)
        else:
            passed.known[path.name] = keys[path]
            passed.save()
    print(f"compile_fail, {compiler}: {len(files) - failures} passed, {failures} failed "
          f"({len(left)} compiled, {len(alone)} mistakes of them alone, {time.monotonic() - started:.0f} s)")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
