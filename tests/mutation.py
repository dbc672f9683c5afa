"""Mutation testing: change the code at random, and report the changes that no test notices.

    python -m tests.mutation map                       # once: run the suite, record which functions each test executes
    python -m tests.mutation run --count 200 --seed 7  # draw mutations, run their tests, print the survivors
    python -m tests.mutation show 17 --seed 7          # print one mutation as a diff

Each mutation changes one place: a comparison, a number by 1, an operator, `min` and `max`, a condition, an argument
that is dropped, a statement that is deleted. The tests that execute the changed function are run in a copy of the
checkout, those of the same module first, until one fails: the mutation is killed. A mutation without such a test, or
that all of them pass, survives; read its diff and decide whether it is equivalent to the original, or shows what no
test proves.

Needs Python 3.12 or later, whose `sys.monitoring` makes the map cheap, and pytest. Not part of CI.
"""

from __future__ import annotations

import argparse
import ast
import copy
import difflib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "cnnfx"
MAP = ROOT / ".mutation-map.json"
"""The functions that each test executes, and its duration."""
MAP_VARIABLE = "CNNFX_MUTATION_MAP"
"""The environment variable that names the file which the plugin writes."""
MAX_TEST_SECONDS = 90.0
"""Tests are added until their durations sum up to this; those of the same module come first."""
TIMEOUT_FACTOR = 4
"""A run that takes this many times longer than its tests took unchanged is stopped, and counts as killed."""
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum"}


class Mutation(NamedTuple):
    """A change of one place, and the new source; `function_line` is where its function begins, 0 outside of all."""

    path: str
    line: int
    function_line: int
    kind: str
    source: str


# The map


class _Recorder:
    """A plugin of pytest that records which functions of the package each test executes, and how long it takes."""

    TOOL = 3

    def __init__(self, path: Path) -> None:
        self.path, self.executed, self.seconds = path, {}, {}
        self.current: set[str] = set()
        self.folder = str(ROOT / PACKAGE) + os.sep  # first, as the events below call `_start` at once
        monitoring = sys.monitoring
        monitoring.use_tool_id(self.TOOL, "mutation")
        monitoring.register_callback(self.TOOL, monitoring.events.PY_START, self._start)
        monitoring.set_events(self.TOOL, monitoring.events.PY_START)

    def _start(self, code: Any, _offset: int) -> object:
        if code.co_filename.startswith(self.folder):
            self.current.add(f"{code.co_filename[len(self.folder) :]}:{code.co_firstlineno}")
        return sys.monitoring.DISABLE

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        self.current = set()
        sys.monitoring.restart_events()
        start = time.perf_counter()
        yield
        self.seconds[item.nodeid], self.executed[item.nodeid] = time.perf_counter() - start, sorted(self.current)

    def pytest_sessionfinish(self) -> None:
        self.path.write_text(json.dumps({"seconds": self.seconds, "executed": self.executed}))


def pytest_configure(config: Any) -> None:
    """Register the recorder, where this module is loaded as a plugin of pytest."""
    if path := os.environ.get(MAP_VARIABLE):
        config.pluginmanager.register(_Recorder(Path(path)))


def make_map() -> int:
    """Run the suite, and write which functions each test executes."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutation", "-m", "not browser and not mnist"]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, MAP_VARIABLE: str(MAP)}, check=False).returncode


# Mutations


def functions(tree: ast.Module) -> dict[int, int]:
    """Return for each line in a function the first line of the innermost one that contains it, with decorators."""
    found: dict[int, int] = {}

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                for line in range(first, (child.end_lineno or first) + 1):
                    found[line] = first
            visit(child)

    visit(tree)
    return found


def changes(tree: ast.Module) -> Iterator[tuple[ast.AST, str, Any]]:
    """Yield the possible changes of a module: a node, what changes, and a function that changes the node in place."""
    expressions = [node for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    texts = {id(part) for node in expressions if isinstance(node.value, ast.Constant) for part in (node, node.value)}
    annotations = {
        id(inner)
        for node in ast.walk(tree)
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if part is not None
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if id(node) in texts or id(node) in annotations or not hasattr(node, "lineno"):
            continue
        if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
            yield node, "comparison", lambda node: node.ops.__setitem__(0, COMPARISONS[type(node.ops[0])]())
        elif isinstance(node, ast.BoolOp):
            yield (
                node,
                "and/or",
                lambda node: setattr(node, "op", ast.And() if isinstance(node.op, ast.Or) else ast.Or()),
            )
        elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS and not _is_text(node):
            yield node, "operator", lambda node: setattr(node, "op", OPERATORS[type(node.op)]())
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            yield node, "+1", lambda node: setattr(node, "value", node.value + 1)
            yield node, "-1", lambda node: setattr(node, "value", node.value - 1)
        elif isinstance(node, ast.Constant) and type(node.value) is bool:
            yield node, "truth", lambda node: setattr(node, "value", not node.value)
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            yield node, "condition", lambda node: setattr(node, "test", ast.UnaryOp(ast.Not(), node.test))
        elif isinstance(node, ast.Call):
            yield from _changes_of_call(node)
        elif isinstance(node, ast.Expr | ast.AugAssign | ast.Raise | ast.Continue | ast.Break):
            yield node, "deleted statement", None


def _changes_of_call(node: ast.Call) -> Iterator[tuple[ast.AST, str, Any]]:
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if name in SWAPPED:

        def swap(node: Any) -> None:
            field = "id" if isinstance(node.func, ast.Name) else "attr"
            setattr(node.func, field, SWAPPED[getattr(node.func, field)])

        yield node, f"{name} swapped", swap
    if node.keywords and name not in ("field", "NamedTuple"):
        yield node, "dropped argument", lambda node: node.keywords.pop()


def _is_text(node: ast.BinOp) -> bool:
    parts = node.left, node.right
    return any(isinstance(part, ast.JoinedStr) or isinstance(getattr(part, "value", None), str) for part in parts)


def draw(count: int, seed: int) -> list[Mutation]:
    """Return mutations drawn at random: modules by the number of their lines, then places with equal probability."""
    choose = random.Random(seed)  # noqa: S311 # not for cryptography
    paths = sorted((ROOT / PACKAGE).rglob("*.py"))
    weights = [len(path.read_text(encoding="utf-8").splitlines()) for path in paths]
    drawn: list[Mutation] = []
    while len(drawn) < count:
        path = choose.choices(paths, weights)[0]
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        found = list(changes(tree))
        if not found:
            continue
        node, kind, change = choose.choice(found)
        line = getattr(node, "lineno", 0)
        new = _mutated(source, node, change)
        mutation = Mutation(str(path.relative_to(ROOT)), line, functions(tree).get(line, 0), kind, new)
        if new != source and all((one.path, one.source) != (mutation.path, new) for one in drawn):
            drawn.append(mutation)
    return drawn


def _mutated(source: str, node: Any, change: Any) -> str:
    """Return the source with a changed node; the text around it stays."""
    lines = source.splitlines(keepends=True)
    if change is None:
        text = "pass"
    elif isinstance(node, ast.If | ast.While):  # their bodies stay as they are
        node = node.test
        text = f"not ({ast.get_source_segment(source, node)})"
    else:
        changed = copy.deepcopy(node)
        change(changed)
        text = f"({ast.unparse(changed)})"
    start = _offset(lines, node.lineno, node.col_offset)
    end = _offset(lines, node.end_lineno, node.end_col_offset)
    new = source.encode()[:start] + text.encode() + source.encode()[end:]
    return new.decode()


def _offset(lines: list[str], line: int, column: int) -> int:
    return sum(len(one.encode()) for one in lines[: line - 1]) + column


def diff(mutation: Mutation) -> str:
    """Return a mutation as a diff."""
    old = (ROOT / mutation.path).read_text(encoding="utf-8").splitlines()
    lines = list(difflib.unified_diff(old, mutation.source.splitlines(), mutation.path, "mutated", lineterm="", n=2))
    return "\n".join(lines)


# Runs


class Tests:
    """The tests that execute each function, from the map."""

    def __init__(self) -> None:
        if not MAP.is_file():
            sys.exit("There is no map yet. Make it with: python -m tests.mutation map")
        data = json.loads(MAP.read_text())
        self.seconds: dict[str, float] = data["seconds"]
        self.by_function: dict[str, list[str]] = defaultdict(list)
        for test, executed in data["executed"].items():
            for place in executed:
                self.by_function[place].append(test)

    def of(self, mutation: Mutation) -> list[str]:
        """Return the tests to run, in order: those of the same module, of the same folder, then all others by time."""
        module = Path(mutation.path).relative_to(PACKAGE)
        if not mutation.function_line:  # code of the module itself
            places = [place for place in self.by_function if place.startswith(f"{module}:")]
            tests = {test for place in places for test in self.by_function[place]}
        else:
            tests = set(self.by_function.get(f"{module}:{mutation.function_line}", ()))
        mirror = (
            f"tests/{module.parent}/test_{module.stem}.py" if module.parent.name else f"tests/test_{module.stem}.py"
        )
        folder = f"tests/{module.parent}/"
        ordered = sorted(
            tests, key=lambda test: (not test.startswith(mirror), not test.startswith(folder), self.seconds[test])
        )
        chosen, total = [], 0.0
        for test in ordered:
            total += self.seconds[test]
            if total > MAX_TEST_SECONDS and chosen:
                break
            chosen.append(test)
        return chosen


def is_killed(mutation: Mutation, tests: list[str], seconds: float) -> bool:
    """Return whether one of the tests fails with a mutation."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        place = Path(folder) / "checkout"
        ignored = shutil.ignore_patterns(".git", ".venv*", "__pycache__", MAP.name, "out")
        shutil.copytree(ROOT, place, ignore=ignored, symlinks=True)
        (place / mutation.path).write_text(mutation.source, encoding="utf-8")
        listed = place / "chosen.txt"
        listed.write_text("\n".join(tests))
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"@{listed}"]
        environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            run = subprocess.run(
                command,
                cwd=place,
                env=environment,
                capture_output=True,
                timeout=60 + TIMEOUT_FACTOR * seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return True
        return run.returncode != 0


def run(count: int, seed: int, jobs: int, first: int) -> int:
    """Run mutations, and print the survivors."""
    known, mutations = Tests(), draw(count, seed)

    def one(number: int) -> tuple[int, str]:
        mutation = mutations[number]
        tests = known.of(mutation)
        if not tests:
            return number, "not executed by any test"
        seconds = sum(known.seconds[test] for test in tests)
        return number, "" if is_killed(mutation, tests, seconds) else f"passes {len(tests)} tests"

    survivors = 0
    with ThreadPoolExecutor(jobs) as pool:
        for number, survived in pool.map(one, range(first, count)):
            mutation = mutations[number]
            print(f"{number}: {mutation.path}:{mutation.line} {mutation.kind}: {survived or 'killed'}", flush=True)
            if survived:
                survivors += 1
                print(diff(mutation), flush=True)
    done = count - first
    print(f"{done - survivors} of {done} mutations killed, {survivors} survived (seed {seed})")
    return 0


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("map", help="run the suite, and write which functions each test executes")
    for name, help in (("run", "run mutations, and print the survivors"), ("show", "print one mutation as a diff")):
        command = commands.add_parser(name, help=help)
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--count", type=int, default=200)
        if name == "run":
            command.add_argument("--jobs", type=int, default=2)
            command.add_argument("--first", type=int, default=0, help="skip the mutations before this one")
        else:
            command.add_argument("number", type=int)
    given = parser.parse_args()
    if given.command == "map":
        return make_map()
    if given.command == "show":
        print(diff(draw(given.count, given.seed)[given.number]))
        return 0
    return run(given.count, given.seed, given.jobs, given.first)


if __name__ == "__main__":
    sys.exit(main())
