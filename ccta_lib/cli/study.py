"""The verb that makes the tables of the studies."""

from __future__ import annotations

from pathlib import Path

import click

from ccta_lib.cli.options import PathArgument, workers_option
from ccta_lib.progress import TerminalProgress
from ccta_lib.study.size import SIZES, load_size


@click.command()
@click.option("--size", "size_name", type=click.Choice(SIZES), default="study", show_default=True,
              help="The one the book shows, or the smallest that runs everything.")  # fmt: skip
@click.option("--only", "only", multiple=True, metavar="NAME", help="This study only; may be repeated.")
@click.option("--out", type=PathArgument, default=Path("build/study"), show_default=True,
              help="Folder for tables, finished cells and what cells share.")  # fmt: skip
@workers_option
def study(size_name: str, only: tuple[str, ...], out: Path, workers: int) -> None:
    """Make the tables behind the chapters on baselines, ablations, optimism and the rest.

    Work is kept cell by cell: killed at any moment, the same command goes on where it stopped.

    \b
    Examples:
      ccta study
      ccta study --size smoke --out build/study-smoke
      ccta study --only learning-curves --only optimism
    """
    from ccta_lib.banner import banner_text
    from ccta_lib.study.run import run_study

    record = run_study(
        out, load_size(size_name), only=only or None, size_name=size_name, workers=workers,
        progress=TerminalProgress(),
    )  # fmt: skip
    click.echo(banner_text("simulated"))
    click.echo(record)
