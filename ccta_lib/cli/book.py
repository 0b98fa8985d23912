"""Verbs that make pages: the whole book, or one chapter."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click

from ccta_lib.book.edition import EDITIONS
from ccta_lib.cli.options import (
    PathArgument,
    cohort_option,
    dask_option,
    end_with_banner,
    profile_of,
    profile_option,
    seed_option,
    workers_option,
)
from ccta_lib.errors import InputError
from ccta_lib.progress import TerminalProgress


@click.command()
@profile_option
@cohort_option
@click.option("--predictions", type=PathArgument, help="Prediction table; nothing is simulated or trained.")
@click.option("--out", type=PathArgument, help="Run directory  [default: build/PROFILE]")
@click.option("--pdf", is_flag=True, help="Set the book as a PDF as well; needs LaTeX.")
@click.option("--edition", type=click.Choice(EDITIONS), default="full", show_default=True,
              help="The student edition has no solution anywhere, and worksheets to fill.")  # fmt: skip
@seed_option
@workers_option
@dask_option
def book(
    profile_name: str,
    cohort: Path | None,
    predictions: Path | None,
    out: Path | None,
    pdf: bool,
    edition: str,
    seed: int | None,
    workers: int,
    dask: str | None,
) -> None:
    """Make the whole book and print the path of its first page.

    \b
    Examples:
      ccta book
      ccta book --profile smoke
      ccta book --pdf
      ccta book --edition student
      ccta book --cohort hospital/cohort.csv --out build/hospital
      ccta book --predictions my/predictions.parquet --out build/mine
    """
    from ccta_lib.book.pdf import check_latex, render_pdf
    from ccta_lib.parallel import cluster
    from ccta_lib.pipeline import make_book

    if pdf:
        check_latex()  # before minutes of work
    run_dir = out or Path("build") / profile_name
    with cluster(dask):
        index = make_book(profile_of(profile_name, seed), run_dir, cohort=cohort, predictions=predictions,
                          edition=edition, workers=workers, progress=TerminalProgress())  # fmt: skip
    printed = render_pdf(run_dir) if pdf else None
    end_with_banner(run_dir)
    click.echo(f"Open {index}")
    if printed:
        click.echo(f"Print {printed}")


class ChapterCommand(click.Command):
    """`ccta run CHAPTER --help` lists the chapter's own parameters; `--sweep NAME VALUE...` takes many values."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the chapter's help when a chapter is named before --help."""
        chapter = next((a for a in args if not a.startswith("-")), None)
        if chapter and {"--help", "-h"} & set(args):
            from ccta_lib.book.runner import read_chapter

            source = read_chapter(chapter)
            click.echo(f"{source.title}\n\nParameters (-p NAME VALUE; lists as JSON):")
            for p in source.parameters.values():
                click.echo(f"  {p.name}: {p.annotation} = {p.default!r}\n      {p.meaning}")
            ctx.exit()
        return super().parse_args(ctx, _join_sweeps(args))


def _join_sweeps(args: list[str]) -> list[str]:
    """Turn `--sweep NAME V1 V2 ...` into `--sweep NAME VALUES`, which click can take; VALUES is a JSON list of text."""
    joined, rest = [], list(args)
    while rest:
        word = rest.pop(0)
        joined.append(word)
        if word == "--sweep" and rest:
            joined.append(rest.pop(0))
            values = []
            while rest and not re.match(r"-[A-Za-z-]", rest[0]):  # -1 is a value, -p an option
                values.append(rest.pop(0))
            joined.append(json.dumps(values))
    return joined


@click.command(cls=ChapterCommand)
@click.argument("chapter")
@click.option(
    "-p", "given", nargs=2, multiple=True, metavar="NAME VALUE", help="Set a parameter; lists as JSON."
)
@click.option("--sweep", "swept", nargs=2, multiple=True, metavar="NAME VALUE...",
              help="Make a page per value, and one that compares them; several are combined.")  # fmt: skip
@click.option(
    "--run", "run_dir", type=PathArgument, help="Run directory  [default: the newest, else the shipped one]"
)
@click.option("--out", type=PathArgument, help="Write here instead, leaving the run as it is.")
@workers_option
def run(
    chapter: str,
    given: tuple[tuple[str, str], ...],
    swept: tuple[tuple[str, str], ...],
    run_dir: Path | None,
    out: Path | None,
    workers: int,
) -> None:
    """Run one chapter on an existing run and print its page.

    \b
    Examples:
      ccta run discrimination -p n_boot 2000 -p vessels '["LAD"]'
      ccta run discrimination --help
      ccta run calibration --sweep frac 0.4 0.6 0.8
    """
    from ccta_lib.book.locate import find_run, shipped_run
    from ccta_lib.book.render import render
    from ccta_lib.book.runner import read_chapter, run_chapters
    from ccta_lib.book.sweep import run_sweep
    from ccta_lib.in_use import in_use
    from ccta_lib.pipeline import take_predictions

    known = read_chapter(chapter).parameters
    values: dict[str, Any] = {n: known[n].parse(v) if n in known else v for n, v in given}
    found = find_run(run_dir or "")
    # The shipped run is read-only: its tables are taken into a folder of their own.
    target = out or (Path("build") / "shipped" if found == shipped_run() else found)
    page = chapter
    with in_use(target):
        if target != found:
            take_predictions(found / "predictions.parquet", target)
        if swept:
            parsed = {
                n: [known[n].parse(v) if n in known else v for v in json.loads(text)] for n, text in swept
            }
            page = run_sweep(
                chapter, parsed, target, values, workers=workers, progress=TerminalProgress()
            ).stem
        else:
            run_chapters([chapter], target, {chapter: values}, progress=TerminalProgress())
        render(target)
    end_with_banner(target)
    click.echo(f"Open {target / 'html' / 'chapters' / page}.html")


@click.command()
@click.argument("a", type=PathArgument)
@click.argument("b", type=PathArgument)
@click.option("--out", type=PathArgument, help="Folder for tables and page  [default: build/compare-A-B]")
@click.option("--within", type=click.FloatRange(min=0), help="Only tell whether all tables are the same to so much; "
              "0 = to the byte. Exit code 2 if not.")  # fmt: skip
def compare(a: Path, b: Path, out: Path | None, within: float | None) -> None:
    """Set two runs side by side: settings, predictions on the same ECGs, and every estimate; b minus a.

    \b
    Examples:
      ccta compare build/demo build/hospital
      ccta compare --within 1e-9 build/demo elsewhere/demo
    """
    from ccta_lib.book.compare_page import compare_runs
    from ccta_lib.book.same_tables import table_differences

    if within is not None:
        if out:
            raise InputError("--out and --within: give one of them; --within writes nothing")
        count, faults = table_differences(a, b, within=within)
        if faults:
            raise InputError(*faults)
        click.echo(f"{count} tables, all the same {'to the byte' if within == 0 else f'within {within:g}'}")
        return
    target = out or Path("build") / f"compare-{a.resolve().name}-{b.resolve().name}"
    index = compare_runs(a, b, target)
    end_with_banner(b)
    click.echo(f"Open {index}")
