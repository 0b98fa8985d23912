"""Verbs that make a cohort table out of what a hospital holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ccta_lib.cli.options import PathArgument, workers_option
from ccta_lib.errors import InputError
from ccta_lib.progress import TerminalProgress

# Written out, since reading them from the library would have every `ccta --help` import it; a test compares them.
WHICH = ("all", "nearest", "earliest")
REVASCULARISED = ("prior", "prior-and-subsequent", "none")
COHORTS = ("internal", "external", "followup")
OPTIONAL_CELLS = ("age", "birth_date", "sex", "symptom", "exam_id", "recording_id", "event", "event_time")


@click.group()
def cohort() -> None:
    """Make a cohort table from a hospital's exports."""


@cohort.command()
@click.option("--ecgs", type=PathArgument, required=True, help="Folder of recordings, with its subfolders.")
@click.option("--reports", type=PathArgument, required=True, help="CCTA reports, CSV or XLSX.")
@click.option("--statements", type=PathArgument, help="ECG statements; without them, those in the files.")
@click.option("--procedures", type=PathArgument, help="PCI and CABG.")
@click.option("--followup", type=PathArgument, help="Last contact and events.")
@click.option("--identifiers", type=PathArgument, help="Patients under several identifiers.")
@click.option("--columns", type=PathArgument, help="YAML map of headers, date formats and words.")
@click.option("--out", type=PathArgument, required=True, help="Folder of the results.")
@click.option("--max-days", type=click.FloatRange(min=0), help="Most days between an ECG and its CCTA; "
              "without it, any number, as in the paper.")  # fmt: skip
@click.option("--which", type=click.Choice(WHICH), default="all", show_default=True,
              help="Which ECGs of an examination enter.")  # fmt: skip
@click.option("--revascularised", type=click.Choice(REVASCULARISED), default="prior", show_default=True,
              help="Leave out who had PCI or CABG before the CCTA; also after, as the paper; or nobody.")  # fmt: skip
@click.option("--clock-minutes", type=click.FloatRange(min=0), default=0, show_default=True,
              help="An ECG so many minutes after the CCTA still precedes it (clocks disagree), flagged.")  # fmt: skip
@click.option("--min-age", type=click.FloatRange(min=0), default=18, show_default=True,
              help="Leave out younger patients.")  # fmt: skip
@click.option("--statement-minutes", type=click.FloatRange(min=0), default=10, show_default=True,
              help="How far a statement's time may lie from its ECG's.")  # fmt: skip
@click.option("--cohort", "role", type=click.Choice(COHORTS), default="internal", show_default=True,
              help="Role of the patients in the study.")  # fmt: skip
@click.option("--external-site", multiple=True, metavar="SITE", help="A site whose patients are external.")
@click.option("--timezone", help="Where the hospital is, such as Asia/Shanghai, for times with an offset; "
              "without it, the clock of the recording counts.")  # fmt: skip
@click.option("--shift-dates", is_flag=True, help="Move each patient's dates by a secret number of days.")
@click.option("--oldest-age", type=click.IntRange(min=0), default=90, show_default=True,
              help="Ages from here on are written as this one; 0 keeps them.")  # fmt: skip
@click.option(
    "--key-file", type=PathArgument, help="Secret key of the pseudonyms, made if absent (default: OUT.key)."
)
@click.option("--private/--no-private", default=True, show_default=True,
              help="Keep the folder OUT/private: quotes of reports and names of files, for the audit.")  # fmt: skip
@click.option("--language-model", "endpoint", metavar="URL", help="Have a language model read the reports too: an "
              "OpenAI-compatible endpoint, such as http://localhost:8000/v1; it gets them de-identified.")  # fmt: skip
@click.option("--model", help="With --language-model: the model's name there.")
@click.option("--prices", nargs=2, type=click.FloatRange(min=0), metavar="IN OUT",
              help="With --language-model: prices of a million tokens in and out, for the estimate.")  # fmt: skip
@click.option("--answers", type=PathArgument, help="With --language-model: file that keeps the answers, which quote "
              "reports (default: OUT/private/answers.sqlite).")  # fmt: skip
@click.option(
    "--yes", is_flag=True, help="With --language-model: do not ask before the first question is sent."
)
@workers_option
def build(ecgs: Path, reports: Path, out: Path, max_days: float | None, which: str, revascularised: str,
          clock_minutes: float, min_age: float, statement_minutes: float, role: str, external_site: tuple[str, ...],
          timezone: str | None, shift_dates: bool, oldest_age: int, private: bool, endpoint: str | None,
          model: str | None, prices: tuple[float, float] | None, answers: Path | None, yes: bool, workers: int,
          **files: Any) -> None:  # fmt: skip
    """Turn a folder of ECG files and tables of reports into a cohort table, with an account of every row.

    Killed, the same command goes on where it stopped. The how-to "Bring your own data" tells what the inputs hold.

    \b
    Example:
      ccta cohort build --ecgs export/ecgs --reports export/reports.xlsx --procedures export/procedures.csv \\
          --columns export/columns.yaml --out cohort
      ccta check cohort/cohort.parquet
    """
    from ccta_lib.cohort.exports import BuildSettings, LinkageRules, build_cohort
    from ccta_lib.files import read_json

    words: Any = {"which": which, "revascularised": revascularised}
    rules = LinkageRules(max_days=max_days, min_age=min_age, clock_minutes=clock_minutes,
                         statement_minutes=statement_minutes, **words)  # fmt: skip
    settings = BuildSettings(linkage=rules, cohort=role, external_sites=external_site, timezone=timezone,
                             shift_dates=shift_dates, oldest_age=oldest_age or None, private=private)  # fmt: skip
    reader = _language_model(endpoint, model, prices, answers or out / "private" / "answers.sqlite", yes)
    table = build_cohort(
        ecgs,
        reports,
        out,
        settings=settings,
        reader=reader,
        workers=workers,
        progress=TerminalProgress(),
        **files,
    )
    for line in summary(read_json(out / "run.json"), private=private, out=out):
        click.echo(line)
    click.echo(table)


def _language_model(
    endpoint: str | None, model: str | None, prices: tuple[float, float] | None, answers: Path, yes: bool
) -> Any:
    """Return the second reader asked for, or None; it says what reading will take before it sends anything."""
    if endpoint is None:
        if model or prices or yes:
            raise InputError(
                "--model, --prices and --yes go with --language-model; give its URL, or leave them out"
            )
        return None
    if not model:
        raise InputError(
            "--language-model: the model's name is missing; give --model NAME as the endpoint knows it"
        )
    from ccta_lib.cohort.exports.readers import by_language_model
    from ccta_lib.cohort.language_model import CostEstimate, Endpoint, LanguageModelReader

    where = Endpoint(endpoint, model)

    def agreed(estimate: CostEstimate) -> bool:
        place = (
            "on this machine" if where.is_local else f"to {endpoint}; de-identified, they leave this machine"
        )
        click.echo(f"Language model {model}: {estimate}; they go {place}", err=True)
        return yes or estimate.questions == 0 or click.confirm("Go on?", err=True)

    return by_language_model(LanguageModelReader(where, cache=answers), prices=prices, agreed=agreed)


def summary(record: dict[str, Any], *, private: bool, out: Path) -> list[str]:
    """Say in lines what a build kept, what it left out and what somebody should look at."""
    counts = record["counts"]
    lines = []
    for name in dict.fromkeys(row["input"] for row in counts["account"]):
        rows = [r for r in counts["account"] if r["input"] == name and r["status"] != "part"]
        kept = sum(r["rows"] for r in rows if r["status"] == "kept")
        lines.append(f"{name}: {kept:,} of {sum(r['rows'] for r in rows):,} kept")
        left = sorted((r for r in rows if r["status"] == "excluded"), key=lambda r: -r["rows"])
        lines += [f"  {r['rows']:>9,}  {r['reason']}" for r in left]
    for name, source in record["inputs"].items():
        unread = source.get("unread_cells", {})
        # Rows without a patient or a time are left out, and stand above with their reason.
        lines += [f"{name}: {n:,} cells of {column} cannot be read and are unknown"
                  for column, n in sorted(unread.items()) if column in OPTIONAL_CELLS]  # fmt: skip
    if counts["suspected_patients"]:
        lines.append(
            f"warning: {counts['suspected_patients']} identifiers may be another patient's too; see "
            f"{out / 'suspected.csv'}, and name those who are one in --identifiers"
        )
    if counts["audit"]:
        told = ", ".join(f"{n:,} {why}" for why, n in sorted(counts["audit"].items()))
        lines.append(
            f"grades to look at: {told}" + (f"; {out / 'private' / 'audit.parquet'}" if private else "")
        )
    if private:
        lines.append(f"{out / 'private'} identifies patients: do not pass it on (or build with --no-private)")
    lines.append(
        f"cohort: {counts['ecgs']:,} ECGs, {counts['exams']:,} examinations, {counts['patients']:,} patients"
    )
    return lines
