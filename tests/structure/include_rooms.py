# SPDX-License-Identifier: Apache-2.0
"""Reads the includes of include/lit and holds them to the room table; also what may not stand in a header at all.

usage: include_rooms.py <include folder> | --self-test
"""
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import rooms  # noqa: E402

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"](lit/[^>"]+)[>"]')
# Strings before comments, so that neither is taken for the other; line breaks stay for the line numbers.
NOT_CODE = re.compile(r'R"\((?:.|\n)*?\)"|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*(?:.|\n)*?\*/')


def code_of(text):
    """The text without comments and strings; an include's quoted path stays."""
    def blank(match):
        start = text.rfind("\n", 0, match.start()) + 1
        if match[0].startswith('"') and re.match(r"\s*#\s*include", text[start:match.start()]):
            return match[0]
        return "\n" * match[0].count("\n") + " "
    return NOT_CODE.sub(blank, text)


def check(include):
    include = pathlib.Path(include)
    wrong = []
    headers = sorted(path for path in (include / "lit").rglob("*") if path.is_file())
    for path in headers:
        name = path.relative_to(include).as_posix()
        text = path.read_text()
        room = name.split("/")[1] if name not in rooms.TOP else None

        def complain(number, message):
            wrong.append(f"{name}:{number}: {message}")

        if path.suffix != ".hpp":
            complain(1, "a header of lit is named *.hpp")
        if room is not None and (room not in rooms.MAY_INCLUDE or name.count("/") < 2):
            complain(1, f"`{room}` is no room of the table in tests/structure/rooms.py")
            continue
        if "#pragma once" not in text:
            complain(1, "no #pragma once")
        if not text.startswith("// SPDX-License-Identifier: Apache-2.0\n"):
            complain(1, "does not begin with the SPDX line")
        lines = code_of(text).split("\n")
        if len(lines) > 601:
            complain(len(lines), "more than 600 lines: split it by responsibility")
        for number, line in enumerate(lines, 1):
            for pattern, message, allowed in rooms.FORBIDDEN:
                if room not in allowed and re.search(pattern, line):
                    complain(number, message)
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match[1]
            if not (include / target).is_file():
                complain(number, f"<{target}> does not exist")
                continue
            if room is None:
                continue
            if target in rooms.TOP:
                complain(number, f"<{target}> stands above every room")
                continue
            _, other, *rest = target.split("/")
            if other == room:
                continue
            if other not in rooms.MAY_INCLUDE[room]:
                complain(number, f"room {room} may not include {other} (<{target}>); it may include "
                                 f"{', '.join(rooms.MAY_INCLUDE[room]) or 'nothing'}")
                continue
            contract = rooms.CONTRACT[other]
            if (room, other) not in rooms.WHOLE and contract is not None and "/".join(rest) not in contract:
                complain(number, f"room {room} may include of {other} only its contract "
                                 f"({', '.join(sorted(contract))}), not <{target}>")
    return headers, wrong


def self_test():
    """Each rule catches a header that breaks it, and lets the right one through."""
    top = "// SPDX-License-Identifier: Apache-2.0\n#pragma once\n"
    cases = [
        ("core/a.hpp", top + "#include <lit/data/dataset.hpp>\n", "room core may not include data"),
        ("optim/a.hpp", top + "#include <lit/loggers/logger.hpp>\n", "room optim may not include loggers"),
        ("callbacks/a.hpp", top + "#include <lit/loggers/csv.hpp>\n", "only its contract"),
        ("callbacks/a.hpp", top + "#include <lit/loggers/logger.hpp>\n", None),
        ("trainer/a.hpp", top + "#include <lit/loggers/csv.hpp>\n", None),
        ("module/a.hpp", top + "#include <lit/lit.hpp>\n", "stands above"),
        ("core/a.hpp", top + "#include <lit/core/missing.hpp>\n", "does not exist"),
        ("core/a.hpp", top + "#include <torch/torch.h>\n", "narrowest"),
        ("core/a.hpp", top + "#include <boost/hana.hpp>\n", "parts of Hana"),
        ("core/a.hpp", top + "#include <boost/hana/basic_tuple.hpp>\n", None),
        ("optim/a.hpp", top + "#include <range/v3/view/chunk.hpp>\n", "by data/ alone"),
        ("data/a.hpp", top + "#include <range/v3/view/chunk.hpp>\n", None),
        ("data/a.hpp", top + "#include <range/v3/all.hpp>\n", "not range/v3/all.hpp"),
        ("core/a.hpp", top + "struct A { virtual ~A(); };\n", "no virtual"),
        ("core/a.hpp", top + "// not virtual, no std::function\n/* using namespace\n std::any */ int a = sizeof(\"virtual\");\n", None),
        ("core/a.hpp", top + "std::function<void()> f;\n", "no std::function"),
        ("core/a.hpp", top + "std::any a;\n", "no std::any"),
        ("core/a.hpp", top + "bool b = std::any_of(x);\n", None),
        ("core/a.hpp", top + "using namespace std;\n", "using namespace"),
        ("core/a.hpp", top + "int a = 1'000'000; // virtual\nint b = 'v';\n", None),
        ("cellar/a.hpp", top, "no room"),
        ("core/a.hpp", "#pragma once\n", "SPDX"),
        ("core/a.hpp", "// SPDX-License-Identifier: Apache-2.0\n", "no #pragma once"),
    ]
    failures = 0
    for name, text, expected in cases:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder, "lit")
            for other in ("lit.hpp", "data/dataset.hpp", "loggers/logger.hpp", "loggers/csv.hpp"):
                (root / other).parent.mkdir(parents=True, exist_ok=True)
                (root / other).write_text(top)
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
            _, wrong = check(folder)
            right = not wrong if expected is None else any(expected in line for line in wrong)
            if not right:
                failures += 1
                print(f"FAILED: {text.splitlines()[-1]!r} in {name}: expected {expected!r}, got {wrong}")
    pairs = [  # headers and what they include; complaints about cycles, about bodies that are not compiled
        ({"lit/core/a.hpp": "lit/core/b.hpp", "lit/core/b.hpp": "lit/core/a.hpp"}, 2, 0),
        ({"lit/core/a.hpp": "lit/core/impl/a.hpp", "lit/core/impl/a.hpp": "lit/core/a.hpp"}, 0, 1),
        ({"lit/core/a.hpp": "lit/core/impl/a.hpp", "lit/core/impl/a.hpp": "lit/core/b.hpp", "lit/core/b.hpp": "lit/core/a.hpp"}, 2, 1),
        ({"lit/core/impl/compiled.hpp": "lit/core/b.hpp"}, 0, 0),
    ]
    for headers, in_cycles, left_out in pairs:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder, "include")
            for name, included in headers.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(f"{top}#include <{included}>\n")
            (root.parent / "cmake").mkdir()
            compiled = [name for name in headers if name.endswith("compiled.hpp")]
            (root.parent / "cmake" / "compiled.cpp").write_text("".join(f"#include <{name}>\n" for name in compiled))
            got = len(cycles(root)), len(uncompiled(root))
            if got != (in_cycles, left_out):
                failures += 1
                print(f"FAILED: {headers}: expected {in_cycles, left_out}, got {got}")
    print(f"{len(cases) + len(pairs) - failures} passed, {failures} failed")
    return failures


def uncompiled(include):
    """lit::compiled has the body of every function that the headers only declare in LIT_COMPILED."""
    source = include.parent / "cmake" / "compiled.cpp"
    wanted = {str(path.relative_to(include)) for path in include.rglob("impl/*.hpp")}
    given = set(re.findall(r"^#include <(.*)>$", source.read_text(), re.M))
    return [f"{source}: {name} is {'missing' if name in wanted else 'included, but is no header of a folder impl'}"
            for name in sorted(wanted ^ given)]


def cycles(include):
    """Headers that include each other, but for x.hpp and impl/x.hpp: alone, one of them lacks the other's declarations."""
    includes = {}
    for path in include.rglob("*.hpp"):
        text = path.read_text()
        includes[str(path.relative_to(include))] = set(re.findall(r"^#include <(lit/.*)>$", text, re.M))
    found = []
    for begin in sorted(includes):
        seen, waiting = set(), [begin]
        while waiting:
            name = waiting.pop()
            for other in includes.get(name, ()):
                pair = "/impl/" in name and pathlib.PurePath(other).name == pathlib.PurePath(name).name
                if other == begin and not pair and "/impl/" not in begin:
                    found.append(f"{include / begin}: includes itself, by way of {name}")
                elif other not in seen and not pair:
                    seen.add(other)
                    waiting.append(other)
    return found


if __name__ == "__main__":
    if sys.argv[1] == "--self-test":
        sys.exit(bool(self_test()))
    found, complaints = check(sys.argv[1])
    complaints += uncompiled(pathlib.Path(sys.argv[1])) + cycles(pathlib.Path(sys.argv[1]))
    print("\n".join(complaints))
    print(f"rooms: {len(found)} headers, {len(complaints)} complaints")
    sys.exit(bool(complaints) or not found)
