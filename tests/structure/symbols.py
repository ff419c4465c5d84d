# SPDX-License-Identifier: Apache-2.0
"""Holds the symbols of a program to the design: nothing of lit is dispatched at run time.

`vtable for lit::` and `typeinfo for lit::` may stand only of exceptions, of classes that derive from LibTorch's, and of lambdas
handed to the standard library or LibTorch. Which classes these are is read from the headers.

usage: symbols.py <program> <include folder> | --self-test
"""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import include_rooms  # noqa: E402

MIXIN = re.compile(r"\bLogCalls<\s*([\w:]+)[^{}]*")
KINDS = r"(?:vtable|VTT|typeinfo name|typeinfo|construction vtable) for (.*)$"
CLASS = re.compile(r"\b(?:class|struct)\s+(\w+)\s*(?:final\s*)?:(?!:)\s*([^{};]+)\{")
ALLOWED_ROOTS = re.compile(r"^(?:torch|c10|c10d|at)::|^std::(?:\w*exception|runtime_error|logic_error|invalid_argument|out_of_range|bad_\w+)$")


def without_arguments(name):
    """`lit::Module<A<b>, C>::x` -> `lit::Module::x`."""
    name = name.replace("operator<<", "operator").replace("operator<", "operator").replace("->", "")
    while True:
        shorter = re.sub(r"<[^<>]*>", "", name)
        if shorter == name:
            return name
        name = shorter


def bases(clause):
    clause = MIXIN.sub(r"\1", clause)  # a class between: it derives from its first argument
    clause = without_arguments(clause)
    return [re.sub(r"\b(public|protected|private|virtual)\b", "", part).strip().removeprefix("::") for part in clause.split(",")]


def allowed_classes(texts):
    """Names of lit's classes that derive, directly or not, from an exception or from a class of LibTorch."""
    parents = {}
    for text in texts:
        for name, clause in CLASS.findall(include_rooms.code_of(text)):
            parents.setdefault(name, set()).update(bases(clause))
    allowed = set()
    while True:
        more = {name for name, of in parents.items() if name not in allowed and any(
            ALLOWED_ROOTS.match(base) or base.rpartition("::")[2] in allowed for base in of)}
        if not more:
            return allowed
        allowed |= more


def complaints(lines, allowed):
    wrong, seen = [], set()
    for line in lines:
        match = re.search(KINDS, line)
        # A construction vtable reads `A-in-B`: both are classes; an imported symbol is LibTorch's or the system's own.
        if not match or re.match(r"\s*U ", line):
            continue
        for name in match[1].split("-in-"):
            if not name.startswith("lit::") or name in seen:
                continue
            seen.add(name)
            if "{lambda(" in name or "'lambda" in name or "$_" in name:
                continue
            mixin = MIXIN.match(name.removeprefix("lit::"))
            if mixin and ALLOWED_ROOTS.match(mixin[1]):
                continue
            if without_arguments(name).rpartition("::")[2] not in allowed:
                wrong.append(line.strip())
    return wrong, seen


def self_test():
    headers = ["class Error : public std::runtime_error { };\nclass ConfigError final : public Error { };",
               "template <class S, class H>\nclass Module : public torch::nn::Module, public detail::Logs<S> { };",
               "struct Plain { }; struct Derived : Plain { virtual ~Derived(); }; // class Fake : public std::exception {",
               "struct Hook : torch::autograd::PostAccumulateGradHook { };"]
    allowed = allowed_classes(headers)
    assert allowed == {"Error", "ConfigError", "Module", "Hook"}, allowed
    good = ["0 V vtable for lit::ConfigError", "0 V typeinfo for lit::Module<(anonymous namespace)::Net, lit::P<1> >",
            "0 V vtable for std::thread::_State_impl<lit::Worker>", "0 V typeinfo for lit::f(int)::{lambda(int)#1}",
            "0 V typeinfo for lit::g<A>::h()::{lambda()#2}", "0 V vtable for lit::detail::Hook", "U vtable for lit::Derived",
            "0 T lit::Derived::run()"]
    bad = ["0 V vtable for lit::Derived", "0 V typeinfo for lit::Trainer<lit::SingleDevice, lit::Fp32>",
           "0 V typeinfo name for lit::detail::Erased<int>", "0 V construction vtable for std::ostream-in-lit::Stream"]
    assert complaints(good, allowed)[0] == [], complaints(good, allowed)[0]
    for line in bad:
        assert complaints([line], allowed)[0] == [line], line
    print("symbols: self-test passed")


def main():
    if sys.argv[1] == "--self-test":
        return self_test()
    program, include = sys.argv[1:]
    listing = subprocess.run(["nm", "-C", program], capture_output=True, text=True, check=True).stdout.splitlines()
    if not any("lit::" in line for line in listing):
        sys.exit(f"{program} has no symbols of lit, so they cannot be checked: is it stripped?")
    allowed = allowed_classes(path.read_text() for path in sorted(pathlib.Path(include).rglob("*.hpp")))
    wrong, seen = complaints(listing, allowed)
    print("\n".join(wrong))
    print(f"symbols of {pathlib.Path(program).name}: {len(seen)} types of lit have run-time information, {len(wrong)} must not")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
