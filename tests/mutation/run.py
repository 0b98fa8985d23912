"""Mutation testing: how many small faults put into the code do the tests notice?

    python tests/mutation/run.py --sample 500 --seed 8

Each mutant is written into a frozen copy of the commit and the tests that run its line are run there, cheapest
first, until one fails. The process forks from one that has the large libraries loaded. Every verdict is on disk
before the next mutant starts: the same command goes on after a kill. `--again` judges the survivors of an earlier
run once more, with the tests (and the code) of the commit that is checked out now.
"""

from __future__ import annotations

import csv
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
from pathlib import Path

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
    "tests/book/test_compare.py",
    "tests/book/test_interactive.py",
    "tests/cohort/test_table1.py",
    "tests/cohort/test_check.py",
    "tests/cohort/audit",
)
PRELOADED = ("numpy", "pandas", "scipy.stats", "scipy.optimize", "sklearn.linear_model", "sklearn.metrics",
             "sklearn.model_selection", "statsmodels.api", "lifelines", "pandera.pandas", "pydantic", "pyarrow.parquet",
             "joblib", "wfdb", "yaml", "tableone", "matplotlib.pyplot", "seaborn", "torch", "hypothesis.extra.numpy",
             "_pytest.assertion.rewrite", "click", "rich.console")  # fmt: skip
MEMORY = 8 << 30
BUDGET = 40.0  # seconds of tests, as measured unmutated; a mutant that outlives them has survived
FIELDS = (
    "round",
    "name",
    "status",
    "path",
    "line",
    "function",
    "change",
    "tests",
    "seconds",
    "killed_by",
    "commit",
)


@click.command()
@click.option("--sample", "size", default=500, show_default=True, help="How many mutants; 0: all.")
@click.option("--seed", default=8, show_default=True)
@click.option("--out", default=ROOT / "build/mutation", show_default=True, type=click.Path(path_type=Path))
@click.option("--commit", default="HEAD", show_default=True, help="What to judge.")
@click.option("--again", is_flag=True, help="Only what the rounds before did not kill.")
@click.option("--only", multiple=True, help="Only files whose path contains this.")
def main(size: int, seed: int, out: Path, commit: str, again: bool, only: tuple[str, ...]) -> None:
    """Judge a seeded sample of the mutants and write verdicts.csv."""
    sha = subprocess.check_output(["git", "rev-parse", "--short=12", commit], cwd=ROOT, text=True).strip()
    tree = _tree(out, sha)
    covering = _baseline(out / sha, tree)
    files = sorted(path.relative_to(tree).as_posix() for pattern in CODE for path in tree.glob(pattern))
    everything = [one for path in files for one in mutants_of(tree, path)]
    verdicts = _read(out / "verdicts.csv")
    if again:
        last = {row["name"]: row for row in verdicts}
        names = {name for name, row in last.items() if row["status"] in ("survived", "uncovered")}
        chosen = [one for one in everything if one.name in names]
        for gone in sorted(names - {one.name for one in chosen}):
            _add(out / "verdicts.csv", {**last[gone], "round": sha, "commit": sha, "status": "code changed"})
    else:
        chosen = sample(everything, size or len(everything), seed=seed)
    chosen = [one for one in chosen if not only or any(part in one.path for part in only)]
    done = {row["name"] for row in verdicts if row["commit"] == sha}
    click.echo(
        f"{len(everything)} mutants of {len(files)} files at {sha}; {len(chosen)} chosen, {len(done)} done before"
    )
    for name in PRELOADED:
        importlib.import_module(name)
    for index, mutant in enumerate(chosen):
        if mutant.name not in done:
            row = _judge(mutant, tree, covering, out / sha)
            _add(out / "verdicts.csv", {"round": sha, **row, "commit": sha})
            where = f"{mutant.path}:{mutant.start[0]}"
            click.echo(
                f"{index + 1}/{len(chosen)} {row['status']:9} {row['seconds']:>6} s  {where}  {row['change']}"
            )
    click.echo(
        json.dumps(Counter(row["status"] for row in _read(out / "verdicts.csv") if row["commit"] == sha))
    )


def _tree(out: Path, sha: str) -> Path:
    """A copy of the commit; every file as committed, also after a kill in the middle of a mutant."""
    tree = out / sha / "tree"
    tree.mkdir(parents=True, exist_ok=True)
    archive = subprocess.Popen(["git", "archive", sha], cwd=ROOT, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", str(tree)], stdin=archive.stdout, check=True)
    if archive.wait():
        raise click.ClickException(f"git archive {sha} failed")
    return tree


def _baseline(folder: Path, tree: Path) -> Covering:
    """Run the tests once as they are: they must pass, and leave which lines each of them runs."""
    data, notes = folder / "coverage.db", folder / "tests.json"
    if not (folder / "passed").exists():
        settings = folder / "coveragerc"
        settings.write_text(
            f"[run]\nbranch = True\ndata_file = {data}\nsource = ccta_lib\n", encoding="utf-8"
        )
        pytest_options = ["-q", "-p", "covering", "-p", "no:cacheprovider"]
        coverage = [
            "--cov",
            f"--cov-config={settings}",
            "--cov-context=test",
            f"--cov-report=json:{folder}/coverage.json",
        ]
        command = [sys.executable, "-m", "pytest", *pytest_options, *coverage, *TESTS]
        environment = {**_environment(tree), "CCTA_MUTATION_NOTES": str(notes)}
        environment["PYTHONPATH"] += os.pathsep + str(Path(__file__).parent)
        environment.pop("PYTHONDONTWRITEBYTECODE")
        if subprocess.run(command, cwd=tree, env=environment).returncode:
            raise click.ClickException("the tests fail before anything is mutated")
        (folder / "passed").touch()
    return Covering(tree, data, notes)


def _environment(tree: Path) -> dict[str, str]:
    reference = os.environ.get("CCTA_REFERENCE_DATA", str(ROOT.parent / "shared"))
    return {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
            "CCTA_REFERENCE_DATA": reference, "MPLBACKEND": "agg"}  # fmt: skip


def _judge(mutant: Mutant, tree: Path, covering: Covering, folder: Path) -> dict[str, object]:
    """Write the mutant into the tree, run its tests in a forked process, put the file back."""
    file = tree / mutant.path
    text = file.read_text(encoding="utf-8")
    row: dict[str, object] = {
        "name": mutant.name,
        "path": mutant.path,
        "line": mutant.start[0],
        "function": mutant.function,
    }
    row |= {"change": mutant.line(text), "tests": 0, "seconds": 0.0, "killed_by": ""}
    mutated = mutant.source(text)
    try:
        compile(mutated, mutant.path, "exec")
    except SyntaxError:
        return {**row, "status": "invalid"}
    tests = covering.of(mutant, text, budget=BUDGET)
    row["tests"] = len(tests)
    if not tests:
        return {**row, "status": "uncovered"}
    for stale in file.parent.glob(f"__pycache__/{file.stem}.*"):
        stale.unlink()
    killer = folder / "killer.txt"
    killer.unlink(missing_ok=True)
    started = time.monotonic()
    try:
        file.write_text(mutated, encoding="utf-8")
        code = _run(tests, tree, killer, folder / "output.txt", limit=20 + 5 * covering.seconds(tests))
    finally:
        file.write_text(text, encoding="utf-8")
    row["seconds"] = round(time.monotonic() - started, 1)
    row["status"] = {None: "timeout", 0: "survived"}.get(code, "killed")
    row["killed_by"] = (
        killer.read_text(encoding="utf-8") if killer.exists() else ("" if not code else f"exit {code}")
    )
    return row


def _run(tests: list[str], tree: Path, killer: Path, output: Path, *, limit: float) -> int | None:
    """pytest's exit code in a fork of this process (negative: the signal that ended it); None: out of time."""
    child = os.fork()
    if child == 0:
        status = 70
        try:
            status = _child(tests, tree, killer, output)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    ends = time.monotonic() + limit
    while time.monotonic() < ends:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


class _Killer:
    """Notes the first test that failed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.path.exists():
            self.path.write_text(report.nodeid, encoding="utf-8")


def _child(tests: list[str], tree: Path, killer: Path, output: Path) -> int:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    out = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ.update(_environment(tree))
    os.chdir(tree)
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(tree)]
    return int(
        pytest.main([*tests, "-x", "-q", "-p", "no:cacheprovider", "-p", "no:cov"], plugins=[_Killer(killer)])
    )


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _add(path: Path, row: dict[str, object]) -> None:
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        if new:
            writer.writeheader()
        writer.writerow({field: row[field] for field in FIELDS})
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    main()
