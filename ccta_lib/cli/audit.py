"""Verbs in which people check what the readers of reports have read."""

from __future__ import annotations

from pathlib import Path

import click

from ccta_lib.cli.options import PathArgument


@click.command()
@click.argument("build", type=PathArgument)
@click.option("--reports", type=PathArgument, required=True, help="The reports the build has read.")
@click.option("--columns", type=PathArgument, help="YAML map of their headers, as for the build.")
@click.option("--sample", type=click.IntRange(min=0), default=50, show_default=True,
              help="Reports on which the readers agree, drawn to be read too.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of that sample.")
@click.option("--out", "sheet", type=PathArgument, required=True, help="Sheet to write, .xlsx or .csv.")
def audit_sheet(
    build: Path, reports: Path, columns: Path | None, sample: int, seed: int, sheet: Path
) -> None:
    """Write the reports on which readers disagree or abstain, and a sample of the rest, for clinicians to read.

    The sheet shows de-identified reports and not what the readers said of them.

    \b
    Example:
      ccta cohort audit-sheet cohort --reports export/reports.xlsx --columns export/columns.yaml --out audit.xlsx
    """
    from ccta_lib.cohort.audit import prepare_audit

    chosen = prepare_audit(build, reports, sheet, columns=columns, sample=sample, seed=seed)
    counts = chosen["stratum"].value_counts()
    told = ", ".join(f"{n} {name}" for name, n in counts.items())
    click.echo(
        f"{len(chosen)} grades of {chosen['row'].nunique()} reports to read ({told}); fill auditor_1 and auditor_2"
    )
    click.echo(sheet)


@click.command()
@click.argument("build", type=PathArgument)
@click.argument("sheet", type=PathArgument)
@click.option(
    "--level", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True, help="Of the intervals."
)
@click.option(
    "--n-boot", type=click.IntRange(min=100), default=1000, show_default=True, help="Resamples of reports."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the resamples.")
def audit(build: Path, sheet: Path, level: float, n_boot: int, seed: int) -> None:
    """Read a filled audit sheet back: kappa per vessel, and the cohort table with the grades people settled.

    \b
    Example:
      ccta cohort audit cohort audit.xlsx
    """
    from ccta_lib.book.show import interval
    from ccta_lib.cohort.audit import finish_audit

    done = finish_audit(build, sheet, level=level, n_boot=n_boot, seed=seed)
    shown = done.agreement.assign(value=interval(done.agreement))
    click.echo(shown[["vessel", "first", "second", "metric", "value", "n", "note"]].to_string(index=False))
    click.echo(
        f"{done.changed} cells of the cohort table changed; {done.open} grades are still open and unknown"
    )
    click.echo(done.table)
