"""Verbs that train networks or use them."""

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
@click.option(
    "--out", type=PathArgument, required=True, help="Folder for nano.safetensors and its model card."
)
@click.option("--n", "n_ecgs", type=click.IntRange(min=400), help="Virtual ECGs of the first stage.")
@click.option("--epochs", type=click.IntRange(min=1), help="Passes of the first stage.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random.")
@workers_option
def pretrain(out: Path, workers: int, **settings: int | None) -> None:
    """Make the small pretrained network again, in the paper's two stages, on virtual ECGs of another kind.

    \b
    Example:
      ccta pretrain --out weights
    """
    from ccta_lib.banner import banner_text
    from ccta_lib.training import pretrain as make

    given: dict[str, Any] = {
        "n" if name == "n_ecgs" else name: value for name, value in settings.items() if value is not None
    }
    with TerminalProgress().task("Pretraining", total=1) as advance:
        path = make(out, workers=workers, progress=advance, **given)
    click.echo(banner_text("simulated"))
    click.echo(path)


@click.command()
@profile_option
@cohort_option
@click.option("--out", type=PathArgument, help="Run directory  [default: build/PROFILE]")
@seed_option
@workers_option
def train(profile_name: str, cohort: Path | None, out: Path | None, seed: int | None, workers: int) -> None:
    """Fine-tune the five folds and write predictions, without running chapters.

    \b
    Example:
      ccta train --cohort hospital/cohort.csv --profile full --out build/hospital
    """
    from ccta_lib.pipeline import prepare_cohort, train_and_predict

    profile, run_dir, progress = (
        profile_of(profile_name, seed),
        out or Path("build") / profile_name,
        TerminalProgress(),
    )
    table = prepare_cohort(profile, run_dir, cohort=cohort, workers=workers, progress=progress)
    train_and_predict(profile, table, run_dir, workers=workers, progress=progress)
    end_with_banner(run_dir)
    click.echo(run_dir / "predictions.parquet")


@click.command()
@click.option(
    "--run", "run_dir", type=PathArgument, required=True, help="Run directory whose five networks predict."
)
@click.option("--cohort", type=PathArgument, required=True, help="Cohort table to predict.")
@click.option(
    "--out", type=PathArgument, required=True, help="Folder for predictions.parquet and the waveform store."
)
@workers_option
def predict(run_dir: Path, cohort: Path, out: Path, workers: int) -> None:
    """Predict another cohort with the networks of a run: the mean of the five.

    \b
    Example:
      ccta predict --run build/demo --cohort hospital/cohort.csv --out build/hospital
    """
    from ccta_lib.pipeline import predict_cohort

    path = predict_cohort(cohort, run_dir, out, workers=workers, progress=TerminalProgress())
    end_with_banner(out)
    click.echo(path)
