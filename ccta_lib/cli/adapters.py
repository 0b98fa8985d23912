"""The verb that takes tables of a known layout."""

from __future__ import annotations

from pathlib import Path

import click

from ccta_lib.cli.options import PathArgument


@click.command()
@click.argument("layout", type=click.Choice(["ptbxl", "authors"]))
@click.argument("source", type=PathArgument)
@click.option("--out", type=PathArgument, required=True, help="Folder for cohort.csv and adapted.json.")
@click.option(
    "--sampling-hz", type=float, help="Of the recordings; ptbxl: 500 (default) or 100, authors: required."
)
@click.option("--site", help="Written into every row (authors).")
def adapt(layout: str, source: Path, out: Path, sampling_hz: float | None, site: str | None) -> None:
    """Make a cohort table from PTB-XL (its folder) or from a table in the authors' layout (its CSV).

    \b
    Examples:
      ccta cohort adapt ptbxl ptb-xl/1.0.3 --out cohorts/ptbxl
      ccta cohort adapt authors 冠脉CTA.csv --sampling-hz 500 --out cohorts/authors
    """
    from ccta_lib.cohort.adapters import cohort_from_authors, cohort_from_ptbxl
    from ccta_lib.cohort.adapters.table import ACCOUNT_NAME
    from ccta_lib.cohort.check import describe
    from ccta_lib.errors import ParameterError
    from ccta_lib.files import read_json

    if layout == "ptbxl":
        if site is not None:
            raise ParameterError("--site: PTB-XL is one site, ptbxl; leave it out")
        hz = 500 if sampling_hz is None else sampling_hz
        if hz != int(hz):
            raise ParameterError(f"--sampling-hz {hz:g}: PTB-XL has recordings at 500 and at 100 Hz")
        table = cohort_from_ptbxl(source, out=out, sampling_hz=int(hz))
    else:
        if sampling_hz is None:
            raise ParameterError("--sampling-hz is missing: an .npy array does not say its rate")
        table = cohort_from_authors(source, out=out, sampling_hz=sampling_hz, site=site)
    left_out = read_json(out / ACCOUNT_NAME)["left_out_columns"]
    click.echo(describe(table).to_string(index=False))
    if left_out:
        click.echo(f"left out, see {out / ACCOUNT_NAME}: columns {', '.join(left_out)}")
    click.echo(table)
