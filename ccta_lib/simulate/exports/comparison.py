"""What a build made of virtual exports, beside what was planted in them: row by row, nothing counted yet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.cohort.exports import PRIVATE, BuildSettings, LinkageRules, build_cohort, linkage, recordings
from ccta_lib.cohort.exports.examinations import CONFLICTING, IDENTICAL
from ccta_lib.cohort.quality import Reason
from ccta_lib.progress import Progress
from ccta_lib.schema import VESSELS
from ccta_lib.simulate.exports.clinical_text import answer
from ccta_lib.simulate.exports.folder import TRUTH
from ccta_lib.simulate.exports.people import Trouble

KEPT = ""
# In the order of the flow: what is found first is the reason.
_RECORDING: dict[Trouble, str] = {
    Trouble.UNREADABLE: str(Reason.UNREADABLE),
    Trouble.NO_ECG_FILE: str(Reason.UNREADABLE),
    Trouble.FLAT: str(Reason.FLAT),
    Trouble.SHORT: str(Reason.SHORT),
    Trouble.NAN: str(Reason.NAN),
    Trouble.UNIT: str(Reason.IMPLAUSIBLE),
    Trouble.NO_IDENTIFIER: recordings.NO_PATIENT,
    Trouble.NO_TIME: recordings.NO_TIME,
    Trouble.MIXED_UP: linkage.TWO_NAMES,
    Trouble.UNLISTED: recordings.NO_REPORT,
    Trouble.NO_EXAM: recordings.NO_REPORT,
    Trouble.REPORTS_CONFLICT: recordings.NO_REPORT,
    Trouble.SEX: linkage.SEX,
    Trouble.BIRTH: linkage.BIRTH,
    Trouble.AFTER: linkage.NO_LATER,
}
_AFTER_PAIRING: dict[Trouble, str] = {
    Trouble.PCI_BEFORE: linkage.PRIOR,
    Trouble.CABG_BEFORE: linkage.PRIOR,
    Trouble.PCI_AFTER: linkage.SUBSEQUENT,
    Trouble.AGE_OVER: linkage.AGE,
    Trouble.AGE_UNDER: linkage.AGE,
}


def build_hospital(
    exports: str | os.PathLike[str], hospital: str, out: str | os.PathLike[str], *,
    settings: BuildSettings | None = None, progress: Progress | None = None,
) -> Path:  # fmt: skip
    """Build the cohort of one hospital of an exports folder from everything it hands over.

    Parameters
    ----------
    exports : path
        From `simulate_exports`.
    hospital : str
        "hospital_zh" or "hospital_en".
    out : path
    settings, progress
        Of `build_cohort`.

    Returns
    -------
    pathlib.Path
        cohort.parquet.
    """
    folder = Path(exports) / hospital
    reports = next(folder.glob("reports.*"))
    tables: dict[str, Any] = {
        name: path
        for name in ("statements", "procedures", "followup", "identifiers")
        if (path := folder / f"{name}.csv").is_file()
    }
    return build_cohort(folder / "ecgs", reports, out, columns=folder / "columns.yaml", settings=settings,
                        progress=progress, **tables)  # fmt: skip


def expected_reasons(truth: pd.DataFrame, rules: LinkageRules) -> pd.Series:
    """Say for which reason each planted recording should be left out under these rules; empty for kept.

    Parameters
    ----------
    truth : DataFrame
        truth/recordings.parquet.
    rules : LinkageRules
        With `which` "all".

    Returns
    -------
    Series of str, index of `truth`
    """
    return pd.Series(
        [_expected(row, rules) for row in truth.to_dict("records")], index=truth.index, dtype=object
    )


def _expected(row: dict[Any, Any], rules: LinkageRules) -> str:
    trouble = Trouble(str(row["trouble"]))
    if trouble in _RECORDING and trouble is not Trouble.AFTER:
        return _RECORDING[trouble]
    if row["copy_of"]:
        return str(Reason.DUPLICATE)
    ahead = pd.Timestamp(row["ccta_time"]) - pd.Timestamp(row["time"])
    if ahead < -pd.Timedelta(minutes=rules.clock_minutes):
        return linkage.NO_LATER
    if rules.max_days is not None and ahead > pd.Timedelta(days=rules.max_days):
        return rules.too_early
    reason = _AFTER_PAIRING.get(trouble, KEPT)
    if reason in (linkage.PRIOR, linkage.SUBSEQUENT):
        covered = {"none": (), "prior": (linkage.PRIOR,)}.get(rules.revascularised, (reason,))
        return reason if reason in covered else KEPT
    return reason


def compare_recordings(
    exports: str | os.PathLike[str], hospital: str, build: str | os.PathLike[str], *, rules: LinkageRules
) -> pd.DataFrame:
    """Put what happened to each ECG file beside what should have.

    Parameters
    ----------
    exports, hospital
        As in `build_hospital`.
    build : path
        Folder of its build, with `private`.
    rules : LinkageRules
        Of that build.

    Returns
    -------
    DataFrame
        One row per ECG file: the truth's columns, `expected` and `found` (reason, empty for kept), and of the
        kept ECGs `found_normal`, their reading in the cohort table.
    """
    folder, built = Path(exports), Path(build)
    truth = pd.read_parquet(folder / TRUTH / "recordings.parquet").query("hospital == @hospital")
    truth = truth.assign(expected=expected_reasons(truth, rules))
    files = pd.read_csv(built / PRIVATE / "files.csv")
    account = pd.read_parquet(built / "account.parquet").query("input == 'ecgs'")[["row", "id", "reason"]]
    cohort = pd.read_parquet(built / "cohort.parquet")[["ecg_id", "ecg_normal"]]
    found = files.merge(account, on="row").merge(cohort, left_on="id", right_on="ecg_id", how="left")
    found = found.rename(columns={"reason": "found", "ecg_normal": "found_normal"})
    return truth.merge(found[["path", "found", "found_normal"]], on="path", how="left", validate="one_to_one")


def compare_reports(
    exports: str | os.PathLike[str], hospital: str, build: str | os.PathLike[str], *, rules: LinkageRules
) -> pd.DataFrame:
    """Put what happened to each row of the reports beside what should have.

    Returns
    -------
    DataFrame
        One row per report: hospital, row, trouble, `expected` and `found` reason ("left out with its
        recordings" where the reason lies with the ECGs).
    """
    folder, built = Path(exports), Path(build)
    truth = pd.read_parquet(folder / TRUTH / "reports.parquet").query("hospital == @hospital")
    ecgs = pd.read_parquet(folder / TRUTH / "recordings.parquet").query("hospital == @hospital")
    kept = set(ecgs.loc[expected_reasons(ecgs, rules) == KEPT, "exam"])
    repeated = truth["exam"].duplicated()
    conflict = truth["trouble"] == Trouble.REPORTS_CONFLICT
    expected = np.where(truth["exam"].isin(kept), KEPT, LEFT_WITH_ECG)
    expected = np.where(repeated, IDENTICAL, expected)
    expected = np.where(conflict, CONFLICTING, expected)
    account = pd.read_parquet(built / "account.parquet").query("input == 'reports'")[["row", "reason"]]
    merged = truth.assign(expected=expected)[["hospital", "row", "trouble", "expected"]]
    merged = merged.merge(
        account.rename(columns={"reason": "found"}), on="row", how="left", validate="one_to_one"
    )
    own = {KEPT, IDENTICAL, CONFLICTING}
    return merged.assign(found=merged["found"].where(merged["found"].isin(own), LEFT_WITH_ECG))


LEFT_WITH_ECG = "left out with its recordings"


def read_report_grades(reports: pd.DataFrame) -> pd.DataFrame:
    """Read the grades of a report set with the rules; adds `read_<vessel>`, missing where they abstain."""
    from ccta_lib.cohort.text import read_grades

    readings = [read_grades(text) for text in reports["report"]]
    return reports.assign(**{
        f"read_{v.lower()}": pd.array([None if (g := r[v].grade) is None else str(g) for r in readings], dtype="string")
        for v in VESSELS
    })  # fmt: skip


def read_told(told: pd.DataFrame) -> pd.DataFrame:
    """Read statements, histories and procedures with the rules; adds `read`.

    Parameters
    ----------
    told : DataFrame
        From `clinical_text.told_set`.
    """
    from ccta_lib.cohort.text import read_history, read_procedure, read_statement

    def read(subject: str, text: str) -> str:
        if subject == "procedure":
            return str(read_procedure(text).kind or "none")
        if subject == "normal ECG":
            return answer(read_statement(text).ecg_normal)
        return answer(read_history(text)[subject.replace(" ", "_")].value)

    return told.assign(read=[read(s, t) for s, t in zip(told["subject"], told["text"], strict=True)])
