"""Options and endings that several verbs share."""

from __future__ import annotations

from pathlib import Path

import click

from ccta_lib.profile import PROFILES, Profile, load_profile

PathArgument = click.Path(path_type=Path)
profile_option = click.option("--profile", "profile_name", default="demo", show_default=True,
                              type=click.Choice(PROFILES), help="Cohort size, model and chapter settings.")  # fmt: skip
seed_option = click.option("--seed", type=click.IntRange(min=0), help="Instead of the profile's seed.")
cohort_option = click.option(
    "--cohort", type=PathArgument, help="Cohort table; without it, a virtual cohort."
)
workers_option = click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True,
                              help="Processes at a time.")  # fmt: skip
dask_option = click.option("--dask", metavar="ADDRESS",
                           help="Run pieces on this Dask cluster (tcp://...).")  # fmt: skip


def profile_of(name: str, seed: int | None) -> Profile:
    """Return a profile, with another seed where one was given."""
    profile = load_profile(name)
    return profile if seed is None else profile.model_copy(update={"seed": seed})


def end_with_banner(run_dir: Path) -> None:
    """Say at the end of a command what kind of patients its run is about."""
    from ccta_lib.banner import banner_text
    from ccta_lib.book.provenance import RunRecord

    click.echo(banner_text(RunRecord(run_dir).values["data_kind"]))
