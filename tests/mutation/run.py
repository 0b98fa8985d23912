"""Mutation testing: how many small faults put into the code do the tests notice?

    python tests/mutation/run.py --sample 500 --seed 8

The code and the tests are those of a commit, in a copy of it. The tests run once as they are, which tells which of
them run which line. Then each mutant is judged by the tests that run its statement, cheapest first, until one fails,
in a process of its own: forked from one that has imported and collected everything, where only the mutated function
is replaced; what runs at import needs a fresh import, from the mutated file. Every verdict is on disk before the next
mutant starts, so the same command goes on after a kill. `--again` judges what survived earlier commits once more, at
the commit that is checked out now.
"""

from __future__ import annotations

import csv
import gc
import hashlib
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType

import _pytest.main
import click
import pytest
from covering import Covering
from mutants import Mutant, mutants_of, sample

ROOT = Path(__file__).resolve().parents[2]
CODE = ("ccta_lib/evaluation/*.py", "ccta_lib/schema.py", "ccta_lib/training/objective.py")
TESTS = (
    "tests/evaluation",
    "tests/oracles",
    "tests/plots",
    "tests/test_schema.py",
    "tests/training/test_objective.py",
    "tests/cohort/test_table1.py",
    "tests/cohort/test_check.py",
    "tests/cohort/audit",
)
PRELOADED = ("numpy", "pandas", "scipy.stats", "scipy.optimize", "sklearn.linear_model", "sklearn.metrics",
             "sklearn.model_selection", "statsmodels.api", "lifelines", "pandera.pandas", "pydantic", "pyarrow.parquet",
             "joblib", "wfdb", "yaml", "tableone", "matplotlib.pyplot", "seaborn", "torch", "hypothesis.extra.numpy",
             "_pytest.assertion.rewrite", "click", "rich.console")  # fmt: skip
OPTIONS = ("-q", "-s", "-p", "no:cacheprovider", "-p", "no:cov", "-p", "no:xdist")
MEMORY = 8 << 30
FIELDS = ("name", "commit", "status", "path", "line", "function", "change", "tests", "seconds", "killed_by")
OPEN = ("survived", "uncovered")


@click.command()
@click.option("--sample", "size", default=500, show_default=True, help="How many mutants; 0: all.")
@click.option("--seed", default=8, show_default=True)
@click.option("--out", default=ROOT / "build/mutation", show_default=True, type=click.Path(path_type=Path))
@click.option("--commit", default="HEAD", show_default=True, help="What to judge.")
@click.option(
    "--budget", default=20.0, show_default=True, help="Processor seconds of tests that a mutant must outlive."
)
@click.option("--again", is_flag=True, help="Only what survived at the commits judged before.")
@click.option("--only", multiple=True, help="Only files whose path contains this.")
@click.option(
    "--tests", multiple=True, default=TESTS, help="Test files and folders; default: those of the files."
)
def main(
    size: int, seed: int, out: Path, commit: str, budget: float, again: bool, only: tuple[str, ...],
    tests: tuple[str, ...],
) -> None:  # fmt: skip
    """Judge a seeded sample of the mutants and write verdicts.csv."""
    sha = subprocess.check_output(["git", "rev-parse", "--short=12", commit], cwd=ROOT, text=True).strip()
    bench = Bench(out.resolve(), sha, tests, budget)
    files = sorted(
        {path.relative_to(bench.tree).as_posix() for pattern in CODE for path in bench.tree.glob(pattern)}
    )
    everything = bench.mutants(files)
    before = bench.verdicts()
    if again:
        last = {row["name"]: row for row in before}
        names = {name for name, row in last.items() if row["status"] in OPEN}
        chosen = [one for one in everything if one.name in names]
        for gone in sorted(names - {one.name for one in chosen}):
            bench.add({**last[gone], "commit": sha, "status": "code changed"})
    else:
        chosen = sample(everything, size or len(everything), seed=seed)
    done = {row["name"] for row in before if row["commit"] == sha}
    left = [
        one for one in chosen if one.name not in done and (not only or any(part in one.path for part in only))
    ]
    click.echo(
        f"{len(everything)} mutants of {len(files)} files at {sha}; {len(chosen)} chosen, {len(left)} to judge"
    )
    if not left:
        return
    for name in PRELOADED:
        importlib.import_module(name)
    texts = {path: (bench.tree / path).read_text(encoding="utf-8") for path in files}
    fresh = [one for one in left if not bench.replaceable(one, texts[one.path])]
    quick = [one for one in left if one not in fresh]
    if quick:
        _in_fork(lambda: bench.judge_in_session(quick, texts))
    for mutant in fresh:
        bench.judge_afresh(mutant, texts[mutant.path])
    click.echo(json.dumps(Counter(row["status"] for row in bench.verdicts() if row["commit"] == sha)))


class Bench:
    """A frozen copy of a commit, what its tests cover, and the verdicts."""

    def __init__(self, out: Path, sha: str, tests: tuple[str, ...], budget: float) -> None:
        self.sha, self.tests, self.budget = sha, tests, budget
        chosen = "" if tests == TESTS else "-" + hashlib.sha1("\0".join(tests).encode()).hexdigest()[:6]
        self.folder, self.file = out / f"{sha}{chosen}", out / "verdicts.csv"
        self.tree = self.folder / "tree"
        self.tree.mkdir(parents=True, exist_ok=True)
        # Every file as committed, also after a kill in the middle of a mutant.
        archive = subprocess.Popen(["git", "archive", sha], cwd=ROOT, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", str(self.tree)], stdin=archive.stdout, check=True)
        if archive.wait():
            raise click.ClickException(f"git archive {sha} failed")
        self._baseline()
        self.covering = Covering(self.tree, self.folder / "coverage.db", self.folder / "tests.json")

    def _baseline(self) -> None:
        """Run the tests once as they are: they must pass, and leave which lines each of them runs."""
        if (self.folder / "passed").exists():
            return
        settings = self.folder / "coveragerc"
        settings.write_text(
            f"[run]\nbranch = True\ndata_file = {self.folder}/coverage.db\nsource = ccta_lib\n",
            encoding="utf-8",
        )
        report = f"--cov-report=json:{self.folder}/coverage.json"
        coverage = ["--cov", f"--cov-config={settings}", "--cov-context=test", report]
        environment = _environment(self.tree) | {"CCTA_MUTATION_NOTES": str(self.folder / "tests.json")}
        environment["PYTHONPATH"] += os.pathsep + str(Path(__file__).parent)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "covering",
            "-p",
            "no:cacheprovider",
            *coverage,
            *self.tests,
        ]
        if subprocess.run(command, cwd=self.tree, env=environment).returncode:
            raise click.ClickException("the tests fail before anything is mutated")
        (self.folder / "passed").touch()

    def mutants(self, files: list[str]) -> list[Mutant]:
        """All mutants of the files, kept beside the tree."""
        kept = self.folder / "mutants.json"
        if not kept.exists():
            found = [asdict(one) for path in files for one in mutants_of(self.tree, path)]
            kept.with_suffix(".part").write_text(json.dumps(found), encoding="utf-8")
            kept.with_suffix(".part").rename(kept)
        rows = json.loads(kept.read_text(encoding="utf-8"))
        return [Mutant(**{**row, "start": tuple(row["start"]), "end": tuple(row["end"])}) for row in rows]

    def verdicts(self) -> list[dict[str, str]]:
        """All verdicts so far, of every commit."""
        if not self.file.exists():
            return []
        with self.file.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def add(self, row: dict[str, object] | dict[str, str]) -> None:
        """Put one verdict on disk."""
        new = not self.file.exists()
        with self.file.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, FIELDS)
            if new:
                writer.writeheader()
            writer.writerow({field: row[field] for field in FIELDS})
            file.flush()
            os.fsync(file.fileno())

    def replaceable(self, mutant: Mutant, text: str) -> bool:
        """Tell whether the mutant changes the code of functions alone, none of which ran its part at import."""
        if self.covering.at_import(mutant, text):
            return False
        try:
            new = compile(mutant.source(text), mutant.path, "exec")
        except SyntaxError:
            return False
        changed = [one for one, other in _pairs(_compiled(text, mutant.path), new) if one != other]
        return any(one.co_qualname.replace(".<locals>", "").startswith(mutant.function) for one in changed)

    def judge_in_session(self, mutants: list[Mutant], texts: dict[str, str]) -> int:
        """Collect all tests, then judge each mutant in a fork of that session."""
        bench = self

        class Loop:
            @pytest.hookimpl(tryfirst=True)
            def pytest_runtestloop(self, session: pytest.Session) -> bool:
                items = {item.nodeid: item for item in session.items}
                functions = [one for one in gc.get_objects() if type(one) is FunctionType]
                gc.freeze()  # the forks share what is here; a collection would copy it
                for mutant in mutants:
                    text = texts[mutant.path]

                    def run(tests: list[str], mutant: Mutant = mutant, text: str = text) -> int:
                        _replace(functions, str(bench.tree / mutant.path), mutant.source(text))
                        session.items = [items[test] for test in tests]
                        session.config.option.maxfail = 1
                        session.config.pluginmanager.register(_Killer(bench.folder / "killer.txt"))
                        try:
                            _pytest.main.pytest_runtestloop(session)
                        except (session.Failed, session.Interrupted):
                            return 1
                        return int(session.testsfailed > 0)

                    bench._judge(mutant, text, run)
                return True

        self._enter()
        return int(
            pytest.main([*self.tests, *OPTIONS, f"--basetemp={self.folder}/temporary"], plugins=[Loop()])
        )

    def judge_afresh(self, mutant: Mutant, text: str) -> None:
        """Judge a mutant in a process that imports the project from the mutated file."""
        file = self.tree / mutant.path
        for stale in file.parent.glob(f"__pycache__/{file.stem}.*"):
            stale.unlink()

        def run(tests: list[str]) -> int:
            self._enter()
            options = [*OPTIONS, "-x", f"--basetemp={self.folder}/temporary"]
            return int(pytest.main([*tests, *options], plugins=[_Killer(self.folder / "killer.txt")]))

        try:
            file.write_text(mutant.source(text), encoding="utf-8")
            self._judge(mutant, text, run)
        finally:
            file.write_text(text, encoding="utf-8")

    def _enter(self) -> None:
        os.environ.update(_environment(self.tree))
        os.chdir(self.tree)
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(self.tree))

    def _judge(self, mutant: Mutant, text: str, run: Callable[[list[str]], int]) -> None:
        row: dict[str, object] = {
            "name": mutant.name,
            "commit": self.sha,
            "status": "uncovered",
            "path": mutant.path,
        }
        row |= {"line": mutant.start[0], "function": mutant.function, "change": mutant.line(text)}
        tests = self.covering.of(mutant, text, budget=self.budget)
        killer = self.folder / "killer.txt"
        killer.unlink(missing_ok=True)
        started = time.monotonic()
        if tests:
            limit = 30 + 10 * self.covering.seconds(tests)
            code = _in_fork(lambda: run(tests), limit=limit, output=self.folder / "output.txt")
            row["status"] = {None: "timeout", 0: "survived"}.get(code, "killed")
        row |= {"tests": len(tests), "seconds": round(time.monotonic() - started, 1), "killed_by": ""}
        if row["status"] == "killed":
            row["killed_by"] = killer.read_text(encoding="utf-8") if killer.exists() else f"exit code {code}"
        self.add(row)
        click.echo(
            f"{row['status']:9} {row['seconds']:>6} s  {mutant.path}:{mutant.start[0]}  {row['change']}",
            err=True,
        )


class _Killer:
    """Notes the first test that failed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.path.exists():
            self.path.write_text(report.nodeid, encoding="utf-8")


def _environment(tree: Path) -> dict[str, str]:
    reference = os.environ.get("CCTA_REFERENCE_DATA", str(ROOT.parent / "shared"))
    return {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "CCTA_REFERENCE_DATA": reference,
            "MPLBACKEND": "agg"}  # fmt: skip


_compiled = lru_cache(lambda text, path: compile(text, path, "exec"))


def _pairs(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Functions of two versions of a module, side by side."""
    mine, yours = ([one for one in code.co_consts if isinstance(one, CodeType)] for code in (old, new))
    for one, other in zip(mine, yours, strict=False):
        if one.co_flags & 0x1:  # CO_OPTIMIZED: the body of a function, not of a class
            yield one, other
        yield from _pairs(one, other)


def _replace(functions: list[FunctionType], path: str, mutated: str) -> None:
    """Give every live function of a file the code it has in the mutated file."""
    codes: dict[tuple[str, int], CodeType] = {}
    for _, code in _pairs(*[compile(mutated, path, "exec")] * 2):
        codes[code.co_qualname, code.co_firstlineno] = code
    for function in functions:
        old = function.__code__
        if old.co_filename == path and (old.co_qualname, old.co_firstlineno) in codes:
            function.__code__ = codes[old.co_qualname, old.co_firstlineno]


def _in_fork(
    work: Callable[[], int], *, limit: float | None = None, output: Path | None = None
) -> int | None:
    """Return the exit code of a forked process (negative: the signal that ended it); None when out of time.

    Time is processor time, so that a busy machine kills no mutant; a process that sleeps has ten times as long.
    """
    child = os.fork()
    if child == 0:
        status = 70
        try:
            if limit is not None and output is not None:
                os.setsid()
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
                resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 5))
                out = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(out, 1)
                os.dup2(out, 2)
            status = work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    ends = time.monotonic() + (float("inf") if limit is None else 60 + 10 * limit)
    while time.monotonic() < ends:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return None if code in (-signal.SIGXCPU, -signal.SIGKILL) else code
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


if __name__ == "__main__":
    main()
