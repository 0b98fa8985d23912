"""Which tests run which lines: a pytest plugin for the first, unmutated run, and the reading of what it left."""

from __future__ import annotations

import ast
import json
import os
import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from itertools import accumulate
from pathlib import Path

import hypothesis
import pytest
from coverage import CoverageData
from mutants import Mutant, statement_lines

# The same examples for every mutant, none remembered from another, and no verdict by the clock.
hypothesis.settings.register_profile(
    "mutation",
    derandomize=True,
    database=None,
    deadline=None,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("mutation")

_tests: dict[str, dict[str, object]] = {}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note the fixtures that tests share: what they run counts for each of these tests, not the first alone."""
    for item in session.items:
        info = getattr(item, "_fixtureinfo", None)
        shared = (
            []
            if info is None
            else [
                f"{name} of {definition.baseid}"
                for name, definitions in info.name2fixturedefs.items()
                for definition in definitions[-1:]
                if definition.scope != "function"
            ]
        )
        _tests[item.nodeid] = {"seconds": 0.0, "shared": shared}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Note the processor seconds of a test, its fixtures included."""
    before = time.process_time()
    result = yield
    _tests[item.nodeid]["seconds"] = time.process_time() - before
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave the notes where `CCTA_MUTATION_NOTES` says."""
    if "CCTA_MUTATION_NOTES" in os.environ:
        Path(os.environ["CCTA_MUTATION_NOTES"]).write_text(json.dumps(_tests), encoding="utf-8")


class Covering:
    """Tests by line, cheapest first."""

    def __init__(self, tree: Path, data: Path, notes: Path) -> None:
        self.tree = tree
        self.tests: dict[str, dict] = json.loads(notes.read_text(encoding="utf-8"))
        self._data = CoverageData(basename=str(data))
        self._data.read()
        self._read: dict[str, dict[int, list[str]]] = {}
        self._sharing: dict[str, set[str]] = defaultdict(set)
        for test, note in self.tests.items():
            for fixture in note["shared"]:
                self._sharing[fixture].add(test)
        self._importers = _importers(tree)

    def seconds(self, tests: list[str]) -> float:
        """What these tests took, unmutated."""
        return sum(self.tests[test]["seconds"] for test in tests)

    def of(self, mutant: Mutant, text: str, *, budget: float) -> list[str]:
        """Tests that run the mutant's statement; for what runs at import, also the tests of the module's users.

        A table of texts may hold a function that some tests run: the others read the texts all the same.

        Cheapest first, as many as `budget` seconds hold, and at least one.
        """
        contexts = self._contexts(mutant, text)
        found = set(self._tests(contexts - {""}))
        if "" in contexts:
            found |= self._users(mutant.path)
        ordered = sorted(found, key=lambda test: (self.tests[test]["seconds"], test))
        spent = accumulate(self.tests[test]["seconds"] for test in ordered)
        return [test for test, until in zip(ordered, spent, strict=True) if until <= budget] or ordered[:1]

    def at_import(self, mutant: Mutant, text: str) -> bool:
        """Tell whether the mutant's statement runs at import and no test runs it again."""
        return self._contexts(mutant, text) == {""}

    def _contexts(self, mutant: Mutant, text: str) -> set[str]:
        by_line = self._by_line(mutant.path)
        return {one for line in statement_lines(text, mutant.start[0]) for one in by_line.get(line, [])}

    def _by_line(self, path: str) -> dict[int, list[str]]:
        if path not in self._read:
            self._read[path] = self._data.contexts_by_lineno(str(self.tree / path))
        return self._read[path]

    def _tests(self, contexts: set[str]) -> Iterator[str]:
        for context in contexts:
            test, _, phase = context.rpartition("|")
            yield test
            if phase == "setup":
                for fixture in self.tests[test]["shared"]:
                    yield from self._sharing[fixture]

    def _users(self, path: str) -> set[str]:
        """Tests that run a line of the module or of a module that imports it, or whose file imports it."""
        files = {path} | self._importers[path]
        found: set[str] = set()
        for file in files:
            if file.startswith("tests/"):
                found |= {test for test in self.tests if test.startswith(file + "::")}
            else:
                contexts = {one for line in self._by_line(file).values() for one in line}
                found |= set(self._tests(contexts - {""}))
        return found


def _importers(tree: Path) -> dict[str, set[str]]:
    """Files that import a file, by its path; a name taken from a package counts for the package's `__init__`."""
    found: dict[str, set[str]] = defaultdict(set)
    for folder in ("ccta_lib", "tests"):
        for file in (tree / folder).rglob("*.py"):
            here = file.relative_to(tree).as_posix()
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    wanted = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                elif isinstance(node, ast.Import):
                    wanted = [alias.name for alias in node.names]
                else:
                    continue
                for name in wanted:
                    stem = name.replace(".", "/")
                    for candidate in (f"{stem}.py", f"{stem}/__init__.py"):
                        if (tree / candidate).is_file():
                            found[candidate].add(here)
    return found
