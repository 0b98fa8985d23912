"""Run chapters of a run directory and no more: `ccta run` also makes the pages. usage: chapter-alone NAME FOLDER"""

from pathlib import Path

import click

from ccta_lib.book.runner import run_chapters
from ccta_lib.cli import cli, main


@cli.command("chapter-alone")
@click.argument("name")
@click.argument("folder", type=Path)
def chapter_alone(name: str, folder: Path) -> None:
    """Run one chapter."""
    run_chapters([name], folder, {}, workers=1)


if __name__ == "__main__":
    main()
