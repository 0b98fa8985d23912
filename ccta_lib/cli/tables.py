"""Verbs on tables."""

from __future__ import annotations

from pathlib import Path

import click

from ccta_lib.cli.options import (
    PathArgument,
)


@click.command()
@click.argument("table", type=PathArgument)
def check(table: Path) -> None:
    """Say what a cohort or prediction table holds, per cohort and vessel, or what is wrong with it.

    \b
    Example:
      ccta check hospital/cohort.csv
    """
    from ccta_lib.cohort.check import describe

    click.echo(describe(table).to_string(index=False))
