"""Verbs that train networks or use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ccta_lib.cli.options import (
    PathArgument,
    cohort_option,
    dask_option,
    end_with_banner,
    profile_of,
    profile_option,
    seed_option,
    workers_option,
)
from ccta_lib.errors import InputError
from ccta_lib.memory import keep_freed_memory
from ccta_lib.progress import TerminalProgress


def _keep_memory() -> None:
    """Let this process keep what it frees, as its workers will, and say so."""
    line = keep_freed_memory()
    if line:
        click.echo(line, err=True)


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
@click.option("--fold", type=click.IntRange(min=0), help="Train this fold only.")
@click.option("--prepare", is_flag=True, help="Make everything the folds need, and train none.")
@dask_option
def train(
    profile_name: str,
    cohort: Path | None,
    out: Path | None,
    seed: int | None,
    workers: int,
    fold: int | None,
    prepare: bool,
    dask: str | None,
) -> None:
    """Fine-tune the five folds and write predictions, without running chapters.

    Killed at any moment, the same command goes on where it stopped. Folds trained one by one (--fold), perhaps on
    several machines at a time, are put together by the command without --fold. Under torchrun, its processes share
    each fold's batches.

    \b
    Examples:
      ccta train --cohort hospital/cohort.csv --profile full --out build/hospital
      ccta train --profile full --fold 3
      torchrun --nproc-per-node 2 -m ccta_lib train --profile full
    """
    from ccta_lib.in_use import in_use
    from ccta_lib.parallel import cluster, started_by_torchrun
    from ccta_lib.pipeline import prepare_cohort, train_and_predict, train_folds

    if prepare and fold is not None:
        raise InputError("--prepare and --fold: give one of them; --prepare trains no fold")
    if dask and (fold is not None or started_by_torchrun()):
        raise InputError("--dask spreads whole folds; a single fold, or folds under torchrun, take no --dask")
    profile, run_dir, progress = (
        profile_of(profile_name, seed),
        out or Path("build") / profile_name,
        TerminalProgress(),
    )
    if prepare or fold is not None or started_by_torchrun():
        folds = [] if prepare else None if fold is None else [fold]
        first = train_folds(profile, run_dir, cohort=cohort, folds=folds, workers=workers, progress=progress)
        if not first:
            return
        if folds is not None:
            click.echo(run_dir / "folds" if prepare else run_dir / "folds" / f"fold{fold}")
            return
    _keep_memory()
    with cluster(dask), in_use(run_dir):
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
@dask_option
def predict(run_dir: Path, cohort: Path, out: Path, workers: int, dask: str | None) -> None:
    """Predict another cohort with the networks of a run: the mean of the five.

    Killed at any moment, the same command goes on after the ECGs it had scored.

    \b
    Example:
      ccta predict --run build/demo --cohort hospital/cohort.csv --out build/hospital
    """
    from ccta_lib.parallel import cluster
    from ccta_lib.pipeline import predict_cohort

    _keep_memory()
    with cluster(dask):
        path = predict_cohort(cohort, run_dir, out, workers=workers, progress=TerminalProgress())
    end_with_banner(out)
    click.echo(path)


@click.command()
@click.option("--ecgs", type=click.IntRange(min=1), default=10_000_000, show_default=True, help="How many.")
@click.option("--network", type=click.Choice(["ecgfounder", "nano"]), default="ecgfounder", show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), default=100, show_default=True, help="Of training.")
@click.option("--devices", type=click.IntRange(min=1), default=1, show_default=True, help="GPUs at a time.")
@click.option(
    "--peak-tflops", type=float, default=156.0, show_default=True, help="Of one, as its maker states it."
)
@click.option(
    "--utilisation", type=float, default=0.1, show_default=True, help="Share of it that is reached."
)
@click.option("--price-per-hour", type=float, default=2.0, show_default=True, help="Of one, any currency.")
def estimate(ecgs: int, network: str, epochs: int, **assumed: Any) -> None:
    """Estimate time and price of scoring and training many ECGs: arithmetic from assumptions, not a measurement.

    \b
    Example:
      ccta estimate --ecgs 10000000 --devices 8 --price-per-hour 2.5
    """
    from ccta_lib.model.contract import CONTRACTS
    from ccta_lib.model.net1d import ARCHITECTURES
    from ccta_lib.training.estimate import METHOD, Machine
    from ccta_lib.training.estimate import estimate as compute

    table = compute(ecgs, config=ARCHITECTURES[network], samples=CONTRACTS[network].samples, epochs=epochs,
                    machine=Machine(**assumed)).drop(columns="method")  # fmt: skip
    click.echo(table.to_string(index=False, float_format=lambda x: f"{x:,.4g}" if x < 1e4 else f"{x:,.0f}"))
    click.echo(METHOD)
