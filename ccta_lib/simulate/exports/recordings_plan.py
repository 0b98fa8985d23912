"""Which ECG files an export holds, what stands in each, and what a build is expected to make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

import numpy as np
import pandas as pd

from ccta_lib.simulate.exports.clinical_text import statement_text
from ccta_lib.simulate.exports.people import Patient, Trouble

UNKNOWN_SHARE = 0.1
"""Probability that a statement judges nothing."""
IN_FILE_SHARE = 0.5
"""Probability that a statement stands in the ECG's file, where the format has a place for it."""
CLOCK_FAST = timedelta(minutes=40)
# Formats in which patient and time have no place.
BARE = ("npy",)


@dataclass(frozen=True)
class Planned:
    """One file to be written.

    Attributes
    ----------
    person : Patient
    ecg_id, exam_id : str
        The simulator's.
    row : int
        Row of the simulated table whose waveform it is.
    form : str
    trouble : Trouble
        What is wrong with this file (or with its patient).
    true_time, time : datetime
        When it was recorded, and what the machine's clock said.
    ccta : datetime
        Time of the CCTA that followed.
    identifier : str
        As the file (or what stands for it) says.
    listed : bool
        Whether patient and time are known outside the file where the form has no place for them.
    normal : bool
        Planted reading of the ECG.
    stated : bool or None
        What the statement says of it; None where it judges nothing or there is none.
    statement : str
    in_file : bool
        Whether the statement stands in the file; otherwise it is a row of the statements.
    copy_of : str
        ecg_id of the recording it is a copy of, or "".
    """

    person: Patient
    ecg_id: str
    exam_id: str
    row: int
    form: str
    trouble: Trouble
    true_time: datetime
    time: datetime
    ccta: datetime
    identifier: str
    normal: bool
    stated: bool | None
    statement: str
    in_file: bool
    listed: bool = True
    copy_of: str = ""


_OF_ONE_FILE = {
    Trouble.AFTER, Trouble.CLOCK_FAST, Trouble.CLOCK_RESET, Trouble.LONG_BEFORE, Trouble.UNREADABLE,
    Trouble.NO_ECG_FILE,
    Trouble.FLAT, Trouble.SHORT, Trouble.NAN, Trouble.UNIT, Trouble.NO_IDENTIFIER, Trouble.NO_TIME,
    Trouble.STATEMENT_CLOCK, Trouble.STATEMENT_FAR,
}  # fmt: skip
_ADDED = {Trouble.COPY, Trouble.OTHER_FORM, Trouble.MIXED_UP}
_OF_ALL = set(Trouble) - _OF_ONE_FILE - _ADDED
# Forms a trouble needs: a file without identifier is a bare array that nothing lists.
_FORM = {Trouble.NO_IDENTIFIER: "npy", Trouble.NO_TIME: "npy", Trouble.NAN: "npz", Trouble.UNIT: "npz"}


def plan_recordings(
    table: pd.DataFrame, people: Sequence[Patient], *, forms: Sequence[str], rng: np.random.Generator
) -> list[Planned]:
    """Say which files to write.

    Parameters
    ----------
    table : DataFrame
        Simulated cohort table; `people` in its order.
    people : sequence of Patient
    forms : sequence of str
        Dealt in turn, so that every form occurs.
    rng : numpy.random.Generator

    Returns
    -------
    list of Planned
        A patient without recordings has none; copies follow the recording they copy.
    """
    of = {p.key: p for p in people}
    planned: list[Planned] = []
    turn: dict[str, int] = dict.fromkeys({p.language for p in people}, 0)
    seen: set[str] = set()
    for row, ecg in enumerate(cast(Any, table.itertuples())):
        person = of[str(ecg.patient_id)]
        if person.trouble is Trouble.NO_RECORDING:
            continue
        form = forms[turn[person.language] % len(forms)]
        turn[person.language] += 1
        trouble = person.trouble if person.trouble in _OF_ALL or person.key not in seen else Trouble.NONE
        seen.add(person.key)
        one = _plain(person, ecg, row, form, rng)
        planned += _with(one, trouble, list(forms), rng)
    return _mixed_up(planned)


def _plain(person: Patient, ecg: Any, row: int, form: str, rng: np.random.Generator) -> Planned:
    normal = bool(ecg.ecg_normal)
    stated = None if rng.random() < UNKNOWN_SHARE else normal
    time = ecg.ecg_time.to_pydatetime()
    statement = statement_text(stated, language=person.language, rng=rng)
    in_file = form not in BARE and rng.random() < IN_FILE_SHARE
    return Planned(person, str(ecg.ecg_id), str(ecg.exam_id), row, form, Trouble.NONE, time, time,
                   ecg.ccta_time.to_pydatetime(), person.identifier, normal, stated, statement, in_file)  # fmt: skip


def _with(one: Planned, trouble: Trouble, forms: list[str], rng: np.random.Generator) -> list[Planned]:
    """Apply a trouble to one recording."""
    one, ccta = replace(one, trouble=trouble), one.ccta
    if trouble in _FORM:
        one = replace(one, form=_FORM[trouble], in_file=one.in_file and _FORM[trouble] not in BARE)
    if trouble in (Trouble.SEX, Trouble.BIRTH) and one.form in BARE:
        # A bare array says neither, so nothing would differ.
        one = replace(one, form=next((f for f in forms if f not in BARE), "npz"))
    if trouble is Trouble.AFTER:
        time = ccta + timedelta(minutes=float(rng.integers(3 * 60, 10 * 24 * 60)))
        return [replace(one, true_time=time, time=time)]
    if trouble is Trouble.CLOCK_FAST:
        time = ccta - timedelta(minutes=float(rng.integers(5, 30)))
        return [replace(one, true_time=time, time=time + CLOCK_FAST)]
    if trouble is Trouble.CLOCK_RESET:
        return [replace(one, time=datetime(2000, 1, 1, 0, int(rng.integers(1, 60))))]
    if trouble is Trouble.LONG_BEFORE:
        time = ccta - timedelta(days=float(rng.integers(200, 900)), minutes=17)
        return [replace(one, true_time=time, time=time)]
    if trouble in (Trouble.NO_IDENTIFIER, Trouble.NO_TIME):
        return [replace(one, listed=False)]
    if trouble is Trouble.TWO_IDENTIFIERS or trouble is Trouble.UNLISTED:
        return [replace(one, identifier=one.person.second_identifier)]
    if trouble in (Trouble.STATEMENT_CLOCK, Trouble.STATEMENT_FAR):
        stated = one.normal  # a statement that judges, in the table: there its time matters
        text = statement_text(stated, language=one.person.language, rng=rng)
        return [replace(one, in_file=False, stated=stated, statement=text)]
    if trouble is Trouble.COPY:
        return [one, replace(one, copy_of=one.ecg_id, in_file=one.in_file)]
    if trouble is Trouble.OTHER_FORM:
        others = [f for f in forms if f != one.form and f not in BARE] or [one.form]
        return [one, replace(one, copy_of=one.ecg_id, form=others[int(rng.integers(len(others)))])]
    return [one]


def _mixed_up(planned: list[Planned]) -> list[Planned]:
    """File a copy of a recording under the next untroubled patient of the hospital."""
    clean = [p for p in planned if p.trouble is Trouble.NONE]
    out = []
    for one in planned:
        out.append(one)
        if one.trouble is Trouble.MIXED_UP:
            other = next((p.person for p in clean if p.person.language == one.person.language
                          and p.person.trouble is Trouble.NONE), None)  # fmt: skip
            if other is not None:
                out.append(replace(one, identifier=other.identifier, person=other, copy_of=one.ecg_id))
    return out
