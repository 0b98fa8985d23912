"""The how-to pages on machines: commands exist as written, scripts parse, numbers are the program's own."""

import re
import runpy
import shlex
import subprocess
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ccta_lib.cli import cli

BOOK = Path(__file__).resolve().parent.parent / "book"
PAGES = ["one-gpu", "eight-gpus", "slurm"]


def blocks(page: str, language: str = "bash") -> list[str]:
    text = (BOOK / "howto" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def commands(page: str) -> list[list[str]]:
    """The arguments of every ccta command on a page, scripts included."""
    text = "\n".join(blocks(page)).replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        match = re.search(r"(?:\bccta|-m ccta_lib) ((?:train|predict|estimate|book)\b[^\"&]*)", line)
        if match:
            found.append(shlex.split(re.sub(r"\$\w+", "1", match[1])))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_commands_have_the_options_they_are_given(page):
    found = commands(page)
    assert found
    for arguments in found:
        command = cli.commands[arguments[0]]
        command.make_context("ccta", [*arguments[1:]], resilient_parsing=False).close()


@pytest.mark.parametrize("page", PAGES)
def test_scripts_parse(page):
    for block in blocks(page):
        for script in (block, *re.findall(r"<<'END'\n(.*?)\nEND", block, flags=re.DOTALL)):
            done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
            assert not done.stderr


def test_torchrun_knows_its_options():
    from torch.distributed.run import get_args_parser

    parser = get_args_parser()
    found = 0
    for page in PAGES:
        text = "\n".join(blocks(page)).replace("\\\n", " ")
        for line in re.findall(r"torchrun (.*)", text):
            given = parser.parse_args(shlex.split(re.sub(r"\$\w+", "1", line)))
            assert given.training_script == "ccta_lib"
            assert given.module
            found += 1
    assert found == 2


def test_a_wrong_option_is_noticed():
    with pytest.raises(click.UsageError):
        cli.commands["train"].make_context("ccta", ["--foldd", "1"])


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES[:2])
def test_estimates_are_the_programs(page):
    (arguments,) = [c for c in commands(page) if c[0] == "estimate"]
    shown = CliRunner().invoke(cli, arguments)
    assert shown.exit_code == 0
    assert shown.output.strip() == blocks(page, "text")[0].strip()


def test_the_scaling_table_is_of_the_benchmarks_cases():
    cases = runpy.run_path(str(BOOK.parent / "benchmarks" / "scaling.py"))["cases"]()
    table = pd.read_csv(BOOK / "reference" / "scaling.csv")
    keys = list(cases[0])
    rows = [tuple(row) for row in table[keys].itertuples(index=False)]
    assert len(set(rows)) == len(rows) > 0
    assert set(rows) <= {tuple(case.values()) for case in cases}
    assert (table[["seconds_per_call", "ecgs_per_second", "peak_mib"]] > 0).all(axis=None)


def test_the_table_of_large_cohorts_is_of_the_benchmarks_sizes_and_grows_no_faster_than_they_do():
    benchmark = runpy.run_path(str(BOOK.parent / "benchmarks" / "scale.py"))
    table = pd.read_csv(BOOK / "reference" / "scale.csv")
    chapters = pd.read_csv(BOOK / "reference" / "scale_chapters.csv")
    assert set(table["step"]) == set(benchmark["STEPS"].values())
    costs = [step[["rows", "cpu_seconds"]] for _, step in table.groupby("step")]
    costs += [chapter[["rows", "peak_mib"]] for _, chapter in chapters.groupby("chapter")]
    for measured in costs:
        rows, cost = measured.to_numpy().T
        assert [min(benchmark["SIZES"], key=lambda n: abs(n - r)) for r in rows] == list(benchmark["SIZES"])
        assert rows[-1] >= 1_000_000
        # Convex growth would put the middle under the straight line through the ends.
        assert (cost[1:-1] > 0.75 * np.interp(rows[1:-1], rows[[0, -1]], cost[[0, -1]])).all()
    assert set(chapters["chapter"]) == {page.stem for page in (BOOK / "chapters").glob("*.md")}
    assert set(chapters["rows"]) == set(table["rows"])
