"""`ccta`: a thin door to the library. Exit codes: 0 done, 2 wrong input, 1 a fault of ours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ccta_lib import __version__
from ccta_lib.errors import CctaError, InputError
from ccta_lib.profile import PROFILES, Profile, load_profile
from ccta_lib.progress import TerminalProgress

MOST_FAULTS = 20

PathArgument = click.Path(path_type=Path)
profile_option = click.option("--profile", "profile_name", default="demo", show_default=True,
                              type=click.Choice(PROFILES), help="Cohort size, model and chapter settings.")  # fmt: skip
seed_option = click.option("--seed", type=click.IntRange(min=0), help="Instead of the profile's seed.")
cohort_option = click.option(
    "--cohort", type=PathArgument, help="Cohort table; without it, a virtual cohort."
)
workers_option = click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True,
                              help="Processes at a time.")  # fmt: skip


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        code = cli.main(prog_name="ccta", standalone_mode=False)
    except InputError as error:
        for fault in error.faults[:MOST_FAULTS]:
            click.echo(fault, err=True)
        if len(error.faults) > MOST_FAULTS:
            click.echo(f"and {len(error.faults) - MOST_FAULTS} more ({len(error.faults)} in all)", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; the same command goes on where it stopped", err=True)
        sys.exit(130)
    except CctaError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ccta")
def cli() -> None:
    """Severe coronary stenosis on CT angiography, estimated from the 12-lead ECG: an executable paper.

    Start with `ccta book`: it makes a virtual cohort, trains, evaluates, and prints the page to open.
    """


def _profile(name: str, seed: int | None) -> Profile:
    profile = load_profile(name)
    return profile if seed is None else profile.model_copy(update={"seed": seed})


def _end_with_banner(run_dir: Path) -> None:
    from ccta_lib.banner import banner_text
    from ccta_lib.book.provenance import RunRecord

    click.echo(banner_text(RunRecord(run_dir).values["data_kind"]))


@cli.command()
@profile_option
@cohort_option
@click.option("--predictions", type=PathArgument, help="Prediction table; nothing is simulated or trained.")
@click.option("--out", type=PathArgument, help="Run directory  [default: build/PROFILE]")
@seed_option
@workers_option
def book(
    profile_name: str,
    cohort: Path | None,
    predictions: Path | None,
    out: Path | None,
    seed: int | None,
    workers: int,
) -> None:
    """Make the whole book and print the path of its first page.

    \b
    Examples:
      ccta book
      ccta book --profile smoke
      ccta book --cohort hospital/cohort.csv --out build/hospital
      ccta book --predictions my/predictions.parquet --out build/mine
    """
    from ccta_lib.pipeline import make_book

    run_dir = out or Path("build") / profile_name
    index = make_book(_profile(profile_name, seed), run_dir, cohort=cohort, predictions=predictions, workers=workers,
                      progress=TerminalProgress())  # fmt: skip
    _end_with_banner(run_dir)
    click.echo(f"Open {index}")


class ChapterCommand(click.Command):
    """`ccta run CHAPTER --help` lists the chapter's own parameters."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the chapter's help when a chapter is named before --help."""
        chapter = next((a for a in args if not a.startswith("-")), None)
        if chapter and {"--help", "-h"} & set(args):
            from ccta_lib.book.runner import read_chapter

            source = read_chapter(chapter)
            click.echo(f"{source.title}\n\nParameters (-p NAME VALUE; lists as JSON):")
            for p in source.parameters.values():
                click.echo(f"  {p.name}: {p.annotation} = {p.default!r}\n      {p.meaning}")
            ctx.exit()
        return super().parse_args(ctx, args)


@cli.command(cls=ChapterCommand)
@click.argument("chapter")
@click.option(
    "-p", "given", nargs=2, multiple=True, metavar="NAME VALUE", help="Set a parameter; lists as JSON."
)
@click.option(
    "--run", "run_dir", type=PathArgument, help="Run directory  [default: the newest, else the shipped one]"
)
@click.option("--out", type=PathArgument, help="Write here instead, leaving the run as it is.")
def run(chapter: str, given: tuple[tuple[str, str], ...], run_dir: Path | None, out: Path | None) -> None:
    """Run one chapter on an existing run and print its page.

    \b
    Examples:
      ccta run discrimination -p n_boot 2000 -p vessels '["LAD"]'
      ccta run discrimination --help
    """
    from ccta_lib.book.locate import find_run, shipped_run
    from ccta_lib.book.render import render
    from ccta_lib.book.runner import read_chapter, run_chapters
    from ccta_lib.pipeline import take_predictions

    known = read_chapter(chapter).parameters
    values: dict[str, Any] = {n: known[n].parse(v) if n in known else v for n, v in given}
    found = find_run(run_dir or "")
    # The shipped run is read-only: its tables are taken into a folder of their own.
    target = out or (Path("build") / "shipped" if found == shipped_run() else found)
    if target != found:
        take_predictions(found / "predictions.parquet", target)
    run_chapters([chapter], target, {chapter: values}, progress=TerminalProgress())
    render(target)
    _end_with_banner(target)
    click.echo(f"Open {target / 'html' / 'chapters' / chapter}.html")


@cli.command()
@profile_option
@click.option("--out", type=PathArgument, required=True, help="Folder for table, waveforms and truth.")
@seed_option
@workers_option
@click.option("--null", is_flag=True, help="Ischaemia and infarct switched off: the confounding floor.")
@click.option("--ceiling", is_flag=True, help="Estimate the attainable AUC on fresh ECGs instead (minutes).")
def simulate(profile_name: str, out: Path, seed: int | None, workers: int, null: bool, ceiling: bool) -> None:
    """Make a virtual cohort: ECGs, table, and the truth that was planted.

    \b
    Examples:
      ccta simulate --profile full --seed 7 --out cohorts/seven
      ccta simulate --ceiling --out ceiling
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
    profile = _profile(profile_name, seed)
    sizes = CohortSizes(**profile.simulation.model_dump())
    with TerminalProgress().task(
        "Virtual cohort", total=sizes.internal_ecgs + sizes.external + sizes.followup
    ) as advance:
        table = simulate_cohort(
            out, sizes=sizes, seed=profile.seed, null=null, workers=workers, progress=advance
        )
    click.echo(banner_text("simulated"))
    click.echo(table)


@cli.command()
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


@cli.command()
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
        _profile(profile_name, seed),
        out or Path("build") / profile_name,
        TerminalProgress(),
    )
    table = prepare_cohort(profile, run_dir, cohort=cohort, workers=workers, progress=progress)
    train_and_predict(profile, table, run_dir, workers=workers, progress=progress)
    _end_with_banner(run_dir)
    click.echo(run_dir / "predictions.parquet")


@cli.command()
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
    _end_with_banner(out)
    click.echo(path)


@cli.command()
@click.argument("table", type=PathArgument)
def check(table: Path) -> None:
    """Say what a cohort or prediction table holds, per cohort and vessel, or what is wrong with it.

    \b
    Example:
      ccta check hospital/cohort.csv
    """
    from ccta_lib.cohort.check import describe

    click.echo(describe(table).to_string(index=False))
