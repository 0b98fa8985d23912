"""Halves of `ccta run`, which runs a chapter and then makes the pages.

usage: chapter-alone NAME FOLDER | pages-alone FOLDER
"""

from pathlib import Path

import click

from ccta_lib.book.render import render
from ccta_lib.book.runner import run_chapters
from ccta_lib.cli import cli, main


@cli.command("chapter-alone")
@click.argument("name")
@click.argument("folder", type=Path)
def chapter_alone(name: str, folder: Path) -> None:
    """Run one chapter."""
    run_chapters([name], folder, {}, workers=1)


@cli.command("pages-alone")
@click.argument("folder", type=Path)
def pages_alone(folder: Path) -> None:
    """Make the pages of what was run."""
    render(folder)


if __name__ == "__main__":
    main()
