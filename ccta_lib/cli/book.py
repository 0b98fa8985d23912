"""Verbs that make pages: the whole book, or one chapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ccta_lib.cli.options import (
    PathArgument,
    cohort_option,
    end_with_banner,
    profile_of,
    profile_option,
    seed_option,
    workers_option,
)
from ccta_lib.progress import TerminalProgress


@click.command()
@profile_option
@cohort_option
@click.option("--predictions", type=PathArgument, help="Prediction table; nothing is simulated or trained.")
@click.option("--out", type=PathArgument, help="Run directory  [default: build/PROFILE]")
@seed_option
@workers_option
def book(
    profile_name: str,
    cohort: Path | None,
    predictions: Path | None,
    out: Path | None,
    seed: int | None,
    workers: int,
) -> None:
    """Make the whole book and print the path of its first page.

    \b
    Examples:
      ccta book
      ccta book --profile smoke
      ccta book --cohort hospital/cohort.csv --out build/hospital
      ccta book --predictions my/predictions.parquet --out build/mine
    """
    from ccta_lib.pipeline import make_book

    run_dir = out or Path("build") / profile_name
    index = make_book(profile_of(profile_name, seed), run_dir, cohort=cohort, predictions=predictions, workers=workers,
                      progress=TerminalProgress())  # fmt: skip
    end_with_banner(run_dir)
    click.echo(f"Open {index}")


class ChapterCommand(click.Command):
    """`ccta run CHAPTER --help` lists the chapter's own parameters."""

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
        return super().parse_args(ctx, args)


@click.command(cls=ChapterCommand)
@click.argument("chapter")
@click.option(
    "-p", "given", nargs=2, multiple=True, metavar="NAME VALUE", help="Set a parameter; lists as JSON."
)
@click.option(
    "--run", "run_dir", type=PathArgument, help="Run directory  [default: the newest, else the shipped one]"
)
@click.option("--out", type=PathArgument, help="Write here instead, leaving the run as it is.")
def run(chapter: str, given: tuple[tuple[str, str], ...], run_dir: Path | None, out: Path | None) -> None:
    """Run one chapter on an existing run and print its page.

    \b
    Examples:
      ccta run discrimination -p n_boot 2000 -p vessels '["LAD"]'
      ccta run discrimination --help
    """
    from ccta_lib.book.locate import find_run, shipped_run
    from ccta_lib.book.render import render
    from ccta_lib.book.runner import read_chapter, run_chapters
    from ccta_lib.pipeline import take_predictions

    known = read_chapter(chapter).parameters
    values: dict[str, Any] = {n: known[n].parse(v) if n in known else v for n, v in given}
    found = find_run(run_dir or "")
    # The shipped run is read-only: its tables are taken into a folder of their own.
    target = out or (Path("build") / "shipped" if found == shipped_run() else found)
    if target != found:
        take_predictions(found / "predictions.parquet", target)
    run_chapters([chapter], target, {chapter: values}, progress=TerminalProgress())
    render(target)
    end_with_banner(target)
    click.echo(f"Open {target / 'html' / 'chapters' / chapter}.html")
