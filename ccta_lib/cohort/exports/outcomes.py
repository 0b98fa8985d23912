"""What is said about a linked ECG elsewhere: whether it was read as normal, and how its patient fared."""

from __future__ import annotations

import pandas as pd

from ccta_lib.cohort.exports.examinations import IDENTICAL
from ccta_lib.cohort.exports.reading import UNKNOWN
from ccta_lib.schema import END_REASONS

CONFLICTING = "conflicting statements of one time"
NO_ECG = "no recording of the patient near this time"
NO_EVENT_TIME = "event without a time"
NO_PATIENT = "patient not in the cohort"
NEITHER = "neither PCI nor CABG"


def usable_statements(statements: pd.DataFrame) -> pd.DataFrame:
    """Leave out rows that stand twice and rows of one time that contradict each other, by `reason`."""
    rows = statements.copy()
    rows["reason"] = rows["reason"].astype(object)
    usable = rows[rows["reason"] == ""]
    rows.loc[usable.index[usable["content"].duplicated()], "reason"] = IDENTICAL
    usable = rows[(rows["reason"] == "") & (rows["ecg_normal"] != UNKNOWN) & ~rows["ecg_time_day"]]
    # Two recordings may have one time; their identifiers tell them apart.
    said = usable.groupby(["patient", "ecg_time", "recording_id"])["ecg_normal"]
    torn = said.transform("min") != said.transform("max")
    rows.loc[torn.index[torn], "reason"] = CONFLICTING
    return rows


def match_statements(recordings: pd.DataFrame, statements: pd.DataFrame, *, minutes: float) -> pd.Series:
    """Find each recording's statement: by its identifier, else the nearest in time, else the only one of that day.

    Parameters
    ----------
    recordings : DataFrame
        patient, ecg_time, recording_id.
    statements : DataFrame
        From `usable_statements`.
    minutes : float
        How far a statement's time may lie from the ECG's.

    Returns
    -------
    Series of Int64, index of `recordings`
        Position in `statements`, <NA> for none.
    """
    usable = statements[statements["reason"] == ""].assign(
        at=lambda s: s["ecg_time"].astype("datetime64[ns]")
    )
    usable = usable.reset_index(names="statement")
    timed = recordings[recordings["ecg_time"].notna() & (recordings["patient"] != 0)]
    left = timed[["patient", "ecg_time", "recording_id"]].assign(
        at=timed["ecg_time"].astype("datetime64[ns]")
    )
    left = left.sort_values("at", kind="stable").reset_index(names="index")
    found = pd.Series(pd.NA, index=recordings.index, dtype="Int64")

    named = usable[usable["recording_id"] != 0].drop_duplicates(["patient", "recording_id"])
    by_name = left[left["recording_id"] != 0].merge(named[["patient", "recording_id", "statement"]],
                                                    on=["patient", "recording_id"])  # fmt: skip
    found.loc[by_name["index"]] = by_name["statement"].to_numpy()

    exact = usable[~usable["ecg_time_day"]].sort_values(["at", "statement"])
    near = pd.merge_asof(left[["index", "patient", "at"]], exact[["patient", "at", "statement"]].astype({"statement":
        "Int64"}), on="at", by="patient", direction="nearest", tolerance=pd.Timedelta(minutes=minutes))  # fmt: skip
    found = found.fillna(near.set_index("index")["statement"].reindex(recordings.index))

    day = left.assign(at=left["at"].dt.normalize()).drop_duplicates(["patient", "at"], keep=False)
    days = usable[usable["ecg_time_day"]].assign(at=lambda s: s["at"].dt.normalize())
    days = days.drop_duplicates(["patient", "at"], keep=False)
    whole = day[["index", "patient", "at"]].merge(days[["patient", "at", "statement"]], on=["patient", "at"])
    return found.fillna(whole.set_index("index")["statement"].astype("Int64").reindex(recordings.index))


def account_events(followup: pd.DataFrame, patients: pd.Series) -> pd.DataFrame:
    """Give the rows of the follow-up that say nothing of the cohort their `reason`."""
    rows = followup.copy()
    rows["reason"] = rows["reason"].astype(object)
    usable = rows["reason"] == ""
    rows.loc[usable & rows["content"].duplicated(), "reason"] = IDENTICAL
    no_time = ~rows["event"].isin(["", "none"]) & rows["event_time"].isna()
    rows.loc[(rows["reason"] == "") & no_time, "reason"] = NO_EVENT_TIME
    rows.loc[(rows["reason"] == "") & ~rows["patient"].isin(patients), "reason"] = NO_PATIENT
    return rows


def follow(ecgs: pd.DataFrame, followup: pd.DataFrame, procedures: pd.DataFrame | None) -> pd.DataFrame:
    """Time from each ECG to the first of infarction, death, revascularisation and last contact (DEFINITIONS).

    Parameters
    ----------
    ecgs : DataFrame
        patient, ecg_time.
    followup : DataFrame
        From `account_events`; a patient may have several rows, each with another event.
    procedures : DataFrame or None
        Usable rows of PCI and CABG.

    Returns
    -------
    DataFrame, index of `ecgs`
        followup_days (days, 1e-4), mi_event (boolean), end_reason. All missing without a contact after the ECG;
        `mi_event` and `end_reason` missing where no row says whether there was an event, and for a patient
        with an event whose time is unknown.
    """
    known = followup[followup["reason"] == ""]
    unclear = set(followup.loc[followup["reason"] == NO_EVENT_TIME, "patient"])
    silent = known.groupby("patient")["event"].agg(lambda e: (e.astype(str) == "").all())
    unclear |= set(silent.index[silent.to_numpy(dtype=bool)])
    events = {
        reason: known.loc[known["event"] == reason, ["patient", "event_time"]] for reason in END_REASONS[:3]
    }
    if procedures is not None:
        treated = procedures[["patient", "procedure_time"]].set_axis(["patient", "event_time"], axis=1)
        events["revascularisation"] = pd.concat([events["revascularisation"], treated])
    times = pd.DataFrame({r: _first_after(ecgs, table) for r, table in events.items()}, index=ecgs.index)
    # Who had an event was alive until then, whatever the column of the last contact says.
    contact = pd.concat([known[["patient", "last_contact"]].set_axis(["patient", "time"], axis=1),
                         known[["patient", "event_time"]].set_axis(["patient", "time"], axis=1)])  # fmt: skip
    times["end"] = ecgs["patient"].map(contact.groupby("patient")["time"].max()).astype("datetime64[ns]")
    times["end"] = times["end"].where(times["end"] >= ecgs["ecg_time"])
    followed = ecgs["patient"].isin(known["patient"]) & times["end"].notna()
    order = times[list(END_REASONS)].where(followed)
    end = order.min(axis=1)
    reason = pd.Series(pd.NA, index=ecgs.index, dtype="object")
    for name in END_REASONS[::-1]:  # of events at one time the first named counts
        reason = reason.mask(order[name].notna() & (order[name] == end), name)
    days = ((end - ecgs["ecg_time"]).dt.total_seconds() / 86_400).round(4)
    told = followed & ~ecgs["patient"].isin(unclear)
    return pd.DataFrame({
        "followup_days": days.astype("float64"),
        "mi_event": (reason == "mi").astype("boolean").where(told),
        "end_reason": reason.where(told),
    }, index=ecgs.index)  # fmt: skip


def _first_after(ecgs: pd.DataFrame, events: pd.DataFrame) -> pd.Series:
    """Time of each ECG's first event at or after it."""
    left = (
        ecgs[["patient"]]
        .assign(at=ecgs["ecg_time"].astype("datetime64[ns]"))
        .sort_values("at", kind="stable")
    )
    left = left.reset_index(names="index")
    right = events.dropna().assign(at=lambda e: e["event_time"].astype("datetime64[ns]"))
    right = right.assign(event_time=right["at"]).sort_values("at", kind="stable")
    found = pd.merge_asof(left, right, on="at", by="patient", direction="forward")
    return found.set_index("index")["event_time"].reindex(ecgs.index).astype("datetime64[ns]")
