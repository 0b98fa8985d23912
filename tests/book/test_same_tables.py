"""Two runs are the same only if every cell of every table is."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ccta_lib.book.same_tables import table_differences
from ccta_lib.cli import cli
from ccta_lib.errors import InputError
from ccta_lib.schema import write_table

TABLE = pd.DataFrame(
    {"vessel": ["RCA", None], "estimate": [0.71, np.nan], "n": [3, 4], "low": [-np.inf, 1e-3]}
)


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    write_table(TABLE, tmp_path / "a" / "tables" / "severity" / "t.csv")
    write_table(TABLE, tmp_path / "a" / "predictions.parquet")
    (tmp_path / "a" / "tables" / "severity" / ".t.9.partial.csv").write_text("half")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    return tmp_path / "a", tmp_path / "b"


def test_copies_are_the_same_to_the_byte(runs: tuple[Path, Path]) -> None:
    assert table_differences(*runs, within=0) == (2, [])
    done = CliRunner().invoke(cli, ["compare", "--within", "0", *map(str, runs)])
    assert done.output == "2 tables, all the same to the byte\n"


@pytest.mark.parametrize(
    ("column", "value", "within", "says"),
    [
        ("estimate", 0.71 + 2e-9, 1e-9, "row 1, column estimate: 0.71 against 0.710000002 (1 cells)"),
        ("estimate", 0.71 + 5e-10, 1e-9, None),
        ("estimate", 0.71 + 1e-15, 0, "row 1, column estimate"),
        ("estimate", np.nan, 1, "row 1, column estimate: 0.71 against nan"),
        ("low", np.inf, 1, "row 1, column low: -inf against inf"),
        ("n", 4, 1e-9, "row 1, column n: 3.0 against 4.0"),
        ("vessel", "LM", 1e-9, "row 1, column vessel: RCA against LM"),
    ],
)
def test_a_cell_that_differs_is_told(
    runs: tuple[Path, Path], column: str, value: object, within: float, says: str | None
) -> None:
    changed = TABLE.copy()
    changed.loc[0, column] = value
    for name in ("tables/severity/t.csv", "predictions.parquet"):
        write_table(changed, runs[1] / name)
    count, faults = table_differences(*runs, within=within)
    assert count == 2
    assert len(faults) == (0 if says is None else 2)
    assert all(says in f for f in faults if says)


def test_tables_and_shapes_that_differ_are_told(runs: tuple[Path, Path]) -> None:
    write_table(TABLE, runs[0] / "tables" / "x.csv")
    write_table(TABLE.iloc[:1], runs[1] / "tables" / "severity" / "t.csv")
    write_table(TABLE.drop(columns="n"), runs[1] / "predictions.parquet")
    _, faults = table_differences(*runs, within=1)
    assert faults == [f"tables/x.csv: only in {runs[0]}", "predictions.parquet: columns n",
                      "tables/severity/t.csv: 2 rows against 1"]  # fmt: skip
    with pytest.raises(InputError, match="holds no table"):
        table_differences(runs[0], runs[0].parent, within=0)
