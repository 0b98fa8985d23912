"""The verb that checks what lies there: a table, or a finished build for traces of people."""

from __future__ import annotations

from pathlib import Path

import click

from ccta_lib.cli.options import PathArgument
from ccta_lib.errors import InputError
from ccta_lib.progress import TerminalProgress

TABLES = ("reports", "statements", "procedures", "followup", "identifiers")


@click.command()
@click.argument("path", type=PathArgument)
@click.option("--privacy", is_flag=True, help="Search a finished build, a folder, for people.")
@click.option("--ecgs", type=PathArgument, help="With --privacy: recordings whose people to look for.")
@click.option(
    "--reports", type=PathArgument, help="With --privacy: reports whose people and words to look for."
)
@click.option("--statements", type=PathArgument, help="Likewise.")
@click.option("--procedures", type=PathArgument, help="Likewise.")
@click.option("--followup", type=PathArgument, help="Likewise.")
@click.option("--identifiers", type=PathArgument, help="Likewise.")
@click.option("--columns", type=PathArgument, help="YAML map of the headers of these tables.")
def check(path: Path, privacy: bool, ecgs: Path | None, columns: Path | None, **tables: Path | None) -> None:
    """Say what a cohort or prediction table holds, per cohort and vessel, or what is wrong with it.

    With --privacy, search a finished build instead: every file, for names, identifiers, birth dates and words of
    the reports, and for what has the form of a telephone or identity number. Exit code 2 if anything is found.

    \b
    Examples:
      ccta check hospital/cohort.csv
      ccta check --privacy cohort --ecgs export/ecgs --reports export/reports.xlsx --columns export/columns.yaml
    """
    given = {name: file for name, file in tables.items() if file is not None}
    if privacy:
        _check_privacy(path, ecgs, given, columns)
        return
    if given or ecgs or columns:
        raise InputError("--ecgs, --columns and tables say whom to look for and go with --privacy; add it")
    from ccta_lib.cohort.check import describe

    click.echo(describe(path).to_string(index=False))


def _check_privacy(folder: Path, ecgs: Path | None, tables: dict[str, Path], columns: Path | None) -> None:
    from ccta_lib.cohort.exports.columns import load_columns
    from ccta_lib.cohort.privacy import add_recordings, scan_build, wanted_from_tables
    from ccta_lib.cohort.privacy.scan import NOT_SEARCHED

    wanted = wanted_from_tables({name: [file] for name, file in tables.items()}, load_columns(columns))
    progress = TerminalProgress()
    if ecgs is not None:
        with progress.task("People of the recordings", total=1) as advance:
            unread = add_recordings(wanted, ecgs, progress=advance)
        click.echo(
            f"{unread} files of {ecgs} are no recordings that can be read; they name nobody to look for"
        )
    with progress.task("Searching", total=1) as advance:
        found = scan_build(folder, wanted, progress=advance)
    told = ", ".join(f"{n:,} {kind}" for kind, n in sorted(wanted.counts.items())) or "nobody in particular"
    click.echo(f"looked for: {told}; and for the forms of identity numbers, telephones and e-mail addresses")
    alarms = [f for f in found if f.kind != NOT_SEARCHED]
    for finding in found:
        if finding.kind == NOT_SEARCHED:
            click.echo(f"not searched: {finding.file}: {finding.place}")
    if alarms:
        raise InputError(*(f"{folder}/{finding}" for finding in alarms))
    click.echo(f"{folder}: nothing found")
