"""The verb that makes virtual patients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ccta_lib.cli.options import (
    PathArgument,
    profile_of,
    profile_option,
    seed_option,
    workers_option,
)
from ccta_lib.progress import TerminalProgress


@click.command()
@profile_option
@click.option("--out", type=PathArgument, required=True, help="Folder for table, waveforms and truth.")
@seed_option
@workers_option
@click.option("--null", is_flag=True, help="Ischaemia and infarct switched off: the confounding floor.")
@click.option("--ceiling", is_flag=True, help="Estimate the attainable AUC on fresh ECGs instead (minutes).")
@click.option(
    "--exports",
    type=click.IntRange(min=10),
    metavar="PATIENTS",
    help="Write what two hospitals would hand over of so many patients instead.",
)
def simulate(
    profile_name: str,
    out: Path,
    seed: int | None,
    workers: int,
    null: bool,
    ceiling: bool,
    exports: int | None,
) -> None:
    """Make a virtual cohort: ECGs, table, and the truth that was planted.

    \b
    Examples:
      ccta simulate --profile full --seed 7 --out cohorts/seven
      ccta simulate --ceiling --out ceiling
      ccta simulate --exports 140 --out exports
    """
    from ccta_lib.banner import banner_text
    from ccta_lib.simulate import CohortSizes, simulate_cohort

    if ceiling:
        from ccta_lib.simulate.attainable import estimate_ceiling, estimate_lower

        report = TerminalProgress()
        given: dict[str, Any] = {} if seed is None else {"seed": seed}
        with report.task("Upper limit of the AUC", total=1) as advance:
            estimate_ceiling(out, progress=advance, **given)
        with report.task("Lower limit of the AUC", total=1) as advance:
            click.echo(estimate_lower(out, workers=workers, progress=advance))
        return
    profile = profile_of(profile_name, seed)
    if exports is not None:
        from ccta_lib.simulate.exports import simulate_exports

        with TerminalProgress().task("Virtual exports", total=exports) as advance:
            folder = simulate_exports(out, patients=exports, seed=profile.seed, progress=advance)
        click.echo(banner_text("simulated"))
        for hospital in sorted(folder.glob("hospital_*")):
            click.echo(hospital)
        return
    sizes = CohortSizes(**profile.simulation.model_dump())
    with TerminalProgress().task(
        "Virtual cohort", total=sizes.internal_ecgs + sizes.external + sizes.followup
    ) as advance:
        table = simulate_cohort(
            out, sizes=sizes, seed=profile.seed, null=null, workers=workers, progress=advance
        )
    click.echo(banner_text("simulated"))
    click.echo(table)
