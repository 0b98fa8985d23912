"""Virtual exports made, built and compared in one go: what the chapter "From exports to cohort" shows."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ccta_lib.cohort.exports import BuildSettings, LinkageRules
from ccta_lib.cohort.flow import COLUMNS
from ccta_lib.simulate.exports.clinical_text import told_set
from ccta_lib.simulate.exports.comparison import (
    build_hospital,
    compare_recordings,
    compare_reports,
    read_report_grades,
    read_told,
)
from ccta_lib.simulate.exports.folder import simulate_exports
from ccta_lib.simulate.exports.reports import LANGUAGES, report_set

ROLES = {"zh": "internal", "en": "external"}
"""Role of each hospital's patients, so that the flow diagram keeps the hospitals apart."""


@dataclass(frozen=True)
class ExportsStudy:
    """What came of virtual exports.

    Attributes
    ----------
    recordings, reports : DataFrame
        From `comparison.compare_recordings` and `compare_reports`, of all hospitals.
    account : DataFrame
        account.parquet of all builds, with `hospital`.
    flow : DataFrame
        flow.csv of all builds; the first hospital is internal, the second external.
    cohort : DataFrame
        The cohort tables, one under the other.
    """

    recordings: pd.DataFrame
    reports: pd.DataFrame
    account: pd.DataFrame
    flow: pd.DataFrame
    cohort: pd.DataFrame


def exports_study(
    *, patients: int, seed: int, languages: Sequence[str] = LANGUAGES, rules: LinkageRules
) -> ExportsStudy:
    """Make virtual exports in a temporary folder, build each hospital's cohort, and compare with what was planted.

    Parameters
    ----------
    patients, seed, languages
        Of `simulate_exports`.
    rules : LinkageRules
        Of the builds; `which` must be "all".

    Returns
    -------
    ExportsStudy
    """
    parts: dict[str, list[pd.DataFrame]] = {
        k: [] for k in ("recordings", "reports", "account", "flow", "cohort")
    }
    with tempfile.TemporaryDirectory() as place:
        exports = simulate_exports(Path(place) / "exports", patients=patients, seed=seed, languages=languages)
        for language in languages:
            hospital, out = f"hospital_{language}", Path(place) / f"build_{language}"
            settings = BuildSettings(linkage=rules, cohort=ROLES[language])
            cohort = build_hospital(exports, hospital, out, settings=settings)
            parts["recordings"].append(compare_recordings(exports, hospital, out, rules=rules))
            parts["reports"].append(compare_reports(exports, hospital, out, rules=rules))
            parts["account"].append(pd.read_parquet(out / "account.parquet").assign(hospital=hospital))
            parts["flow"].append(pd.read_csv(out / "flow.csv", keep_default_na=False)[COLUMNS])
            parts["cohort"].append(pd.read_parquet(cohort))
        tables = {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}
        return ExportsStudy(**tables)


def formats_table(recordings: pd.DataFrame) -> pd.DataFrame:
    """Count the files of each format: written, kept, left out, and decided as planted."""
    kept, right = recordings["found"] == "", recordings["found"] == recordings["expected"]
    table = recordings.assign(kept=kept, left_out=~kept, as_expected=right).groupby("form", sort=False)
    counts = table[["kept", "left_out", "as_expected"]].sum()
    return counts.assign(files=table.size())[["files", "kept", "left_out", "as_expected"]].reset_index()


def grade_readings(
    *,
    n: int,
    seed: int,
    languages: Sequence[str] = LANGUAGES,
    splits: Sequence[str] = ("develop", "score-once"),
) -> pd.DataFrame:
    """Write `n` reports per split and language and read their grades; see `comparison.read_report_grades`.

    The second score-once set is read only where it is named: it is there to be scored a single time.
    """
    return pd.concat([
        read_report_grades(report_set(split, n=n, seed=seed, language=language)).assign(split=split)
        for split in splits for language in languages
    ], ignore_index=True)  # fmt: skip


def blind_scores() -> pd.DataFrame:
    """Return how the rules scored, once each, on wording that nobody who wrote them had seen.

    Returns
    -------
    DataFrame
        As `evaluation.reading.grade_agreement`, by split in the order scored, with reports (per language), seed, date
        and commit of the rules. Nothing of it is measured again: who changed a rule after a score could know what
        was missed.
    """
    return pd.read_csv(Path(__file__).with_name("blind_scores.csv"))


def told_readings(*, n: int, seed: int, languages: Sequence[str] = LANGUAGES) -> pd.DataFrame:
    """Write `n` statements, histories and procedures per language and read them; see `comparison.read_told`."""
    sets = [told_set(n=n, seed=seed, language=language) for language in languages]
    return pd.concat([read_told(one) for one in sets], ignore_index=True)
