"""The mutants themselves: each is one change that compiles, its name outlives edits elsewhere, the sample is fair."""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("mutmut")

SOURCE = '''"""Doc."""
LIMIT = 3


class Box:
    @property
    def half(self) -> float:
        return self.size / 2


def f(x: int, *, step: int = 1) -> int:
    if x > LIMIT and step:
        return x + step
    return min(x, 0)
'''


@pytest.fixture
def mutants(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import mutants

    return mutants


def written(folder: Path, text: str) -> Path:
    (folder / "code.py").write_text(text, encoding="utf-8")
    return folder


def test_each_mutant_is_one_change_that_compiles(mutants: ModuleType, tmp_path: Path) -> None:
    found = list(mutants.mutants_of(written(tmp_path, SOURCE), "code.py"))
    mutated = [one.source(SOURCE) for one in found]
    assert len(set(mutated)) == len(found) == len({one.name for one in found})
    for text in mutated:
        ast.parse(text)
        changed = [a for a, b in zip(SOURCE.splitlines(), text.splitlines(), strict=True) if a != b]
        assert len(changed) == 1
    # Constants of the module, defaults, and decorated functions are not left out; docstrings are.
    lines = {one.line(SOURCE) for one in found}
    assert "LIMIT = 3  ->  LIMIT = 4" in lines
    assert "return self.size / 2  ->  return self.size * 2" in lines
    assert "if x > LIMIT and step:  ->  if x >= LIMIT and step:" in lines
    assert "if x > LIMIT and step:  ->  if x > LIMIT or step:" in lines
    assert "return x + step  ->  return x - step" in lines
    assert any("step: int = 2" in line for line in lines)
    assert not any("Doc" in line for line in lines)
    functions = {one.function for one in found}
    assert functions == {"<module>", "Box.half", "f"}


def test_a_name_outlives_lines_added_above(mutants: ModuleType, tmp_path: Path) -> None:
    before = {one.name for one in mutants.mutants_of(written(tmp_path, SOURCE), "code.py")}
    moved = SOURCE.replace("LIMIT = 3\n", "OTHER = 5\nLIMIT = 3\n")
    after = {one.name: one for one in mutants.mutants_of(written(tmp_path, moved), "code.py")}
    assert before <= set(after)
    assert {one.line(moved) for name, one in after.items() if name not in before} >= {
        "OTHER = 5  ->  OTHER = 6"
    }


def test_a_sample_repeats_grows_and_differs_by_seed(mutants: ModuleType, tmp_path: Path) -> None:
    found = list(mutants.mutants_of(written(tmp_path, SOURCE), "code.py"))
    few, more = mutants.sample(found, 5, seed=1), mutants.sample(found, 9, seed=1)
    assert few == more[:5] == mutants.sample(found[::-1], 5, seed=1)
    assert few != mutants.sample(found, 5, seed=2)
    counts = dict.fromkeys((one.name for one in found), 0)
    for seed in range(400):
        for one in mutants.sample(found, 4, seed=seed):
            counts[one.name] += 1
    expected = 400 * 4 / len(found)
    assert all(abs(n - expected) < 5 * expected**0.5 for n in counts.values())


def test_lines_of_the_statement_around_a_line(mutants: ModuleType) -> None:
    text = "x = [\n    1,\n    2,\n]\nif x:\n    y = 1\n"
    assert [list(mutants.statement_lines(text, line)) for line in (2, 5, 6)] == [[1, 2, 3, 4], [5], [6]]
