"""Every row of every input, kept or left out for one reason; and the flow diagram, whose boxes add up to the input."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccta_lib.cohort.exports import linkage, recordings
from ccta_lib.cohort.exports.identity import label
from ccta_lib.cohort.exports.linkage import LinkageRules
from ccta_lib.cohort.flow import COLUMNS, GRADE, NO_GRADE, START
from ccta_lib.cohort.quality import Reason
from ccta_lib.schema import COHORTS, VESSELS

ACCOUNT_COLUMNS = ["input", "row", "id", "status", "reason", "detail"]
KEPT, EXCLUDED, PART = "kept", "excluded", "part"
FILES = "ECG recordings in the folder"


def steps(rules: LinkageRules) -> dict[str, list[str]]:
    """Title of each box of the flow and the reasons that lead into it, in the order in which they are applied."""
    quality = [r for r in Reason if r is not Reason.DUPLICATE]
    return {
        "Readable ECG of 10 s": [str(r) for r in quality],
        "One patient and time known": [recordings.TWO_PATIENTS, recordings.NO_PATIENT, recordings.NO_TIME],
        "Each recording once": [linkage.TWO_NAMES, str(Reason.DUPLICATE)],
        "CCTA report of the patient": [recordings.NO_REPORT],
        "Same person in all inputs": [linkage.SEX, linkage.BIRTH],
        "CCTA after the ECG": [linkage.NO_LATER, rules.too_early],
        "No revascularisation": [linkage.PRIOR, linkage.SUBSEQUENT],
        "Plausible age": [linkage.AGE, rules.too_young],
        "Chosen ECG": [linkage.NOT_CHOSEN],
    }


def flow(rows: pd.DataFrame, exams: pd.DataFrame, *, rules: LinkageRules) -> pd.DataFrame:
    """Count recordings, examinations and patients after each exclusion.

    Parameters
    ----------
    rows : DataFrame
        From `linkage.link`, with `cohort`.
    exams : DataFrame
        From `examinations`.
    rules : LinkageRules

    Returns
    -------
    DataFrame
        Columns as `ccta_lib.cohort.flow.flow_table`: n is what remains after the row. Examinations are, before
        the pairing, all those of the remaining patients; after it, the paired ones. A step that leaves nobody
        out is a box only if it always is one: the recordings, the pairing, the table.
    """
    titles = steps(rules)
    paired = list(titles).index("CCTA after the ECG")
    lines = []
    for name in [c for c in COHORTS if (rows["cohort"] == c).any()]:
        left = rows["cohort"] == name
        lines.append(_line(FILES, name, rows[left], exams, 0, "", paired=False))
        for place, (step, reasons) in enumerate(titles.items()):
            here = [r for r in reasons if r and (left & (rows["reason"] == r)).any()]
            for reason in here:
                out = left & (rows["reason"] == reason)
                left &= ~out
                # The examinations of a pairing are known once it is over, and only with its last line.
                over = place > paired or (place == paired and reason == here[-1])
                lines.append(_line(step, name, rows[left], exams, int(out.sum()), reason, paired=over))
        lines.append(_line(START, name, rows[left], exams, 0, "", paired=True))
        graded = (exams.set_index("exam")[[v.grade_column for v in VESSELS]] >= 0).any(axis=1)
        known = left & rows["exam"].isin(graded.index[graded])
        lines.append(
            _line(GRADE, name, rows[known], exams, int((left & ~known).sum()), NO_GRADE, paired=True)
        )
    return pd.DataFrame(lines, columns=COLUMNS)


def continued(build: pd.DataFrame, later: pd.DataFrame) -> pd.DataFrame:
    """Put a build's flow in front of the flow of a run on its table, so that the diagram starts at the recordings.

    Parameters
    ----------
    build : DataFrame
        The `flow.csv` beside the cohort table.
    later : DataFrame
        From `ccta_lib.cohort.flow.flow_table`.

    Returns
    -------
    DataFrame
        Per cohort the build's lines before its table, then the run's; the run's alone where the two disagree
        about how many ECGs the table holds, because the table has been changed since.
    """
    parts = []
    for name, after in later.groupby("cohort", sort=False):
        before = build[build["cohort"] == name]
        start = before["step"] == START
        same = start.any() and before.loc[start, "n_ecgs"].iloc[0] == after["n_ecgs"].iloc[0]
        parts += [before[~start.cummax()], after] if same else [after]
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def _line(step: str, cohort: str, left: pd.DataFrame, exams: pd.DataFrame, excluded: int, reason: str, *,
          paired: bool) -> tuple[object, ...]:  # fmt: skip
    patients = left.loc[left["patient"] != 0, "patient"]
    n_exams = left["exam"].nunique() if paired else exams["patient"].isin(patients).sum()
    return step, cohort, len(left), int(n_exams), patients.nunique(), excluded, reason


def account_rows(name: str, rows: pd.DataFrame, ids: np.ndarray | None = None) -> pd.DataFrame:
    """Account of one input: `reason` empty is kept; `id` is the pseudonym of what a row became part of."""
    reason = rows["reason"].astype(str)
    return pd.DataFrame({
        "input": name,
        "row": rows["row"].to_numpy(dtype=np.int64),
        "id": "" if ids is None else ids,
        "status": np.where(reason == "", KEPT, EXCLUDED),
        "reason": reason.to_numpy(dtype=object),
        "detail": rows["detail"].to_numpy(dtype=object) if "detail" in rows else "",
    })  # fmt: skip


def account_parts(parts: list[tuple[int, str]], first: int) -> pd.DataFrame:
    """Account of the files that belong to a recording beside its own; they are numbered after the recordings."""
    return pd.DataFrame({
        "input": "ecgs", "row": np.arange(first, first + len(parts), dtype=np.int64), "id": "", "status": PART,
        "reason": recordings.SIGNAL_FILE, "detail": [f"of recording {row}" for row, _ in parts],
    }, columns=ACCOUNT_COLUMNS)  # fmt: skip


def report_reasons(reports: pd.DataFrame, ecgs: pd.DataFrame) -> pd.Series:
    """Reason of each report row, extended to those of which no ECG is in the cohort."""
    reason = reports["reason"].astype(object)
    free = reason == ""
    kept = ecgs[ecgs["reason"] == ""]
    # What the pairing found before an ECG was left out for another reason.
    paired = reports["exam"].isin(ecgs.loc[ecgs["exam"] != 0, "exam"])
    person = reports["patient"].isin(ecgs.loc[ecgs["patient"] != 0, "patient"])
    for which, why in [
        (reports["exam"].isin(kept["exam"]), ""),
        (paired, "its recordings are left out"),
        (person, "no recording of the patient pairs with it"),
    ]:
        reason = reason.mask(free & which, why)
        free &= ~which
    return reason.mask(free, "no recording of the patient")


def exam_labels(exams: pd.Series) -> np.ndarray:
    """Identifiers of examinations; empty for none."""
    numbers = exams.to_numpy()
    labels = np.full(len(numbers), "", dtype=object)
    labels[numbers != 0] = label("X", numbers[numbers != 0])
    return labels
