# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions of a training step with callgrind and holds the trainer to the loop written by hand.

What is checked, per step, after a warm-up:
  all instructions, LibTorch's included    the trainer's within 0.1 % of the hand-written loop's; without those inside malloc and free,
                                           which depend on what was freed before (allocations.cpp counts their calls)
  those of the program itself              its code is lit's headers and the module: the trainer's less the hand-written
                                           loop's as recorded for this compiler, give or take `TOLERANCE`; without those of
                                           lit::Backward, which both call: it finds nodes by their addresses, and how long that
                                           takes changes with where the program's other memory lies
  callbacks that listen to nothing         1, 8 and 32 of them: not one instruction more
  the trainer against LibTorch's engine    fewer instructions than the same loop by hand whose gradients the engine computes; the loop
                                           that the trainer is held to calls lit::Backward
  a static network, and one with kernels   fewer instructions than the loop by hand with autograd
  of its own
  components that most trainers have       what each adds, LibTorch's part included: below 2 % of the step; of the bar and the
                                           loggers that is what comes on top of logging two values
Instructions do not depend on what else the machine does, so that a run is repeatable.

usage: count.py PROGRAM COMPILER      |      count.py --self-test

COMPILER is "GNU 12" or the like; for one that nothing is recorded for, only `NEVER_MORE` is checked.
"""
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

STEPS = 60
WARM_UP = 20
ALL_ALLOWED = 0.001
RECORDED = {"GNU 12": 392, "Clang 19": 384}
TOLERANCE = 3  # less than a virtual call, a short string or a look-up
NEVER_MORE = 600
ALLOCATOR = {"malloc", "calloc", "realloc", "free", "posix_memalign", "memalign", "_int_malloc", "_int_free", "_int_realloc",
             "_int_memalign", "malloc_consolidate", "unlink_chunk.constprop.0", "sysmalloc", "systrim.constprop.0", "alloc_perturb",
             "tcache_init.part.0", "_mid_memalign"}
BY_ADDRESS = "lit::Backward::"
KINDS = ["hand", "trainer", "idle_1", "idle_8", "idle_32"]
ENGINE = "hand_engine"
STATIC = ["static_network", "own_kernels"]
COMPONENTS = {"log": "trainer", **dict.fromkeys(["progress_bar", "csv", "tensorboard", "early_stopping", "checkpoint"], "log")}
COMPONENT_ALLOWED = 0.02


def costs(text, program):
    """All instructions but the allocator's, and those of the program's object that addresses do not change."""
    objects, functions, current, function, everything, own, skip = {}, {}, "", "", 0, 0, False
    for line in text.splitlines():
        if found := re.match(r"c?(ob|fn)=\((\d+)\)(?: (.*))?$", line):
            known = objects if found[1] == "ob" else functions
            if found[3]:
                known[found[2]] = found[3]
            if line.startswith("ob="):
                current = known[found[2]]
            elif line.startswith("fn="):
                function = known[found[2]]
        elif line.startswith("calls="):
            skip = True  # the next line is the cost of what is called, counted where it stands itself
        elif line[:1] in "+-*0123456789" and line:
            cost = int(line.split()[1])
            if not skip and function.partition("'")[0] not in ALLOCATOR:
                everything += cost
                own += cost if current == program and not function.startswith(BY_ADDRESS) else 0
            skip = False
    return everything, own


def count(program, kind, folder):
    out = pathlib.Path(folder, kind)
    place = pathlib.Path(folder, f"{kind}.files")
    place.mkdir()
    subprocess.run(["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}", program, kind,
                    str(STEPS + WARM_UP)], check=True, capture_output=True, timeout=900, cwd=place)
    everything, own = costs(out.read_text(), program)
    return everything / STEPS, own / STEPS


def judge(counted, compiler):
    """What is wrong with the counts, a line each."""
    wrong = []
    hand_all, hand_own = counted["hand"]
    trainer_all, trainer_own = counted["trainer"]
    if trainer_all > hand_all * (1 + ALL_ALLOWED):
        wrong.append(f"the trainer's step takes {trainer_all:.0f} instructions, more than 0.1 % over the hand-written "
                     f"loop's {hand_all:.0f}")
    more = trainer_own - hand_own
    if compiler in RECORDED and abs(more - RECORDED[compiler]) > TOLERANCE:
        wrong.append(f"the trainer's own code takes {more:.1f} instructions a step more than the hand-written loop's, "
                     f"recorded for {compiler} are {RECORDED[compiler]}. If that is meant, record it in count.py, and "
                     "say why in the commit")
    elif more > NEVER_MORE:
        wrong.append(f"the trainer's own code takes {more:.1f} instructions a step more than the hand-written loop's, "
                     f"allowed are {NEVER_MORE}")
    for kind in KINDS[2:]:
        if abs(counted[kind][1] - trainer_own) >= 1:
            wrong.append(f"{kind}: callbacks that listen to nothing change the program's own instructions by "
                         f"{counted[kind][1] - trainer_own:+.1f} a step")
    if trainer_all >= counted[ENGINE][0]:
        wrong.append(f"the trainer's step takes {trainer_all:.0f} instructions, the hand-written loop's with LibTorch's engine "
                     f"{counted[ENGINE][0]:.0f}")
    for kind in STATIC:
        if counted[kind][0] >= hand_all:
            wrong.append(f"{kind}: a step takes {counted[kind][0]:.0f} instructions, the hand-written loop's {hand_all:.0f}")
    for kind, without in COMPONENTS.items():
        more = counted[kind][0] - counted[without][0]
        if more > hand_all * COMPONENT_ALLOWED:
            wrong.append(f"{kind} adds {more:.0f} instructions a step, more than 2 % of the hand-written loop's {hand_all:.0f}")
    return wrong


def self_test():
    text = ("ob=(1) /x/steps\nfn=(1) a\n10 7\ncob=(2) /lib/t.so\ncfn=(2) b\ncalls=1 5\n11 100\n+1 2\nob=(2)\nfn=(2)\n"
            "5 100\nob=(3) /lib/c.so\nfn=(3) _int_free'2\n5 1000\nob=(1)\nfn=(1)\n* 1\nfn=(4) lit::Backward::walk()\n+1 20\n")
    assert costs(text, "/x/steps") == (130, 10), costs(text, "/x/steps")
    good = {**dict.fromkeys([*KINDS, *COMPONENTS], (100000.0, 1000.0)), **dict.fromkeys(STATIC, (9e4, 9e2)), ENGINE: (110000.0, 900.0),
            "hand": (100000.0, 1000.0 - RECORDED["GNU 12"])}
    assert judge(good, "GNU 12") == []
    assert len(judge({**good, "hand": (99000.0, good["hand"][1])}, "GNU 12")) == 1
    assert len(judge({**good, "idle_8": (100000.0, 1002.0)}, "GNU 12")) == 1
    assert len(judge({**good, "hand": (100000.0, good["hand"][1] - TOLERANCE - 1)}, "GNU 12")) == 1
    assert judge({**good, "hand": (100000.0, good["hand"][1] - TOLERANCE - 1)}, "another") == []
    assert len(judge({**good, "hand": (100000.0, 999.0 - NEVER_MORE)}, "another")) == 1
    assert len(judge({**good, ENGINE: (100000.0, 900.0)}, "GNU 12")) == 1
    assert len(judge({**good, STATIC[0]: (100000.0, 900.0)}, "GNU 12")) == 1
    assert len(judge({**good, "csv": (102001.0, 1000.0)}, "GNU 12")) == 1
    print("count.py: self test passed")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if shutil.which("valgrind") is None:
        print("skipped: valgrind is missing; scripts/setup brings it")
        return 77
    program = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        kinds = [ENGINE, *KINDS, *STATIC, *COMPONENTS]
        counted = dict(zip(kinds, pool.map(lambda kind: count(program, kind, folder), kinds)))
    print(f"{'instructions per step':24} {'all':>12} {'of the program':>16}")
    for kind, (everything, own) in counted.items():
        print(f"{kind:24} {everything:12.1f} {own:16.1f}")
    print(f"more than by hand        {counted['trainer'][0] - counted['hand'][0]:12.1f} "
          f"{counted['trainer'][1] - counted['hand'][1]:16.1f}")
    for kind, without in COMPONENTS.items():
        more = counted[kind][0] - counted[without][0]
        print(f"{kind + ' adds':24} {more:12.1f} {counted[kind][1] - counted[without][1]:16.1f}   {more / counted['hand'][0]:.2%} of a step")
    wrong = judge(counted, sys.argv[2])
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
