"""A bounded part of the fuzzing, the same inputs each time; `python -m tests.fuzz` goes on for as long as one wants."""

from __future__ import annotations

import random
import warnings
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from ccta_lib.errors import InputError
from tests.fuzz.guard import Finding, Hang, Tally, attempt
from tests.fuzz.registry import TARGETS
from tests.fuzz.target import Target, Wrong

FEW, MANY = 8, 250


def tried(target: Target, folder: Path, inputs: int) -> Tally:
    """Damage of `inputs` seeds, and what came of it."""
    if absent := [name for name in target.needs if find_spec(name) is None]:
        pytest.skip(f"needs {', '.join(absent)}")
    pytest.importorskip("ecgdatakit") if target.name == "ecg-scp" else None
    samples, tally = target.samples(folder), Tally()
    for sample in samples:
        outcome = attempt(target, folder, sample, "whole")
        assert outcome == "read" or target.name == "model-answer", outcome
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, about files that are broken
        for number in range(inputs):
            rng = random.Random(f"{target.name} 0 {number}")
            found = target.damage(rng, rng.choice(samples))
            tally.add(attempt(target, folder, found.data, found.kind))
    return tally


def clean(tally: Tally) -> None:
    found = [f"{one.where}: {one.what}\n{one.trace}" for sort in tally.findings.values() for one in sort]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", TARGETS)
def test_damage_is_read_rightly_or_refused(name: str, tmp_path: Path) -> None:
    clean(tried(TARGETS[name], tmp_path, FEW))


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_much_damage_is_read_rightly_or_refused(name: str, tmp_path: Path) -> None:
    tally = tried(TARGETS[name], tmp_path, MANY)
    clean(tally)
    assert tally.counts["inputs"] == MANY


class Bad(Target):
    """A reader that fails in the way its input names."""

    name = "bad"

    def check(self, folder: Path, data: bytes, kind: str) -> str:
        if data == b"crash":
            raise KeyError("x")
        if data == b"hang":
            while True:
                pass
        if data == b"wrong":
            raise Wrong("another signal")
        if data == b"lines":
            error = InputError("x")
            error.faults = ["two\nlines"]
            return self.refused(error)
        return "read"


@pytest.mark.parametrize(
    ("data", "what"),
    [(b"crash", "KeyError"), (b"hang", "Hang"), (b"wrong", "Wrong"), (b"lines", "not one clear line")],
)
def test_the_guard_sees_it(data: bytes, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.guard.SECONDS", 0.2)
    outcome = attempt(Bad(), tmp_path, data, "other")
    assert isinstance(outcome, Finding)
    assert what in outcome.what
    assert attempt(Bad(), tmp_path, b"", "other") == "read"
    assert issubclass(Hang, BaseException)


def test_the_guard_sees_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = iter([1000, 1000 + 2**20])  # KiB: half a gibibyte more than is allowed
    usage = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda who: SimpleNamespace(ru_maxrss=next(peaks)))
    monkeypatch.setattr("tests.fuzz.guard.resource", usage)
    outcome = attempt(Bad(), tmp_path, b"", "other")
    assert isinstance(outcome, Finding)
    assert outcome.what.startswith("memory")
