"""Pairing against a reader of the rules that goes ECG by ECG, and sums that always hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccta_lib.cohort.exports import account, examinations, linkage, outcomes
from ccta_lib.cohort.exports.identity import Pseudonyms
from ccta_lib.cohort.exports.linkage import LinkageRules, link
from ccta_lib.cohort.exports.recordings import NO_PATIENT, NO_REPORT
from ccta_lib.cohort.flow import GRADE, START
from ccta_lib.cohort.quality import Reason
from ccta_lib.errors import ParameterError
from ccta_lib.plots.flow import flow_diagram
from ccta_lib.schema import VESSELS

KEY = Pseudonyms(bytes(32))
DAY = pd.Timedelta(days=1)
T0 = pd.Timestamp("2024-03-01")


def row(**cells: object) -> dict:
    return cells


def recordings(*rows: dict) -> pd.DataFrame:
    base = {
        "reason": "",
        "note": "",
        "flags": "",
        "patient": 1,
        "recording_id": 0,
        "ecg_time": T0,
        "sex": "",
        "age": np.nan,
        "birth_date": pd.NaT,
        "person": 0,
        "ecg_normal": -1,
        "content": 0,
    }
    made = [{**base, "content": 1000 + i, **given, "row": i + 1} for i, given in enumerate(rows)]
    table = pd.DataFrame(made)
    table["birth_date"] = table["birth_date"].astype("datetime64[s]")
    table["ecg_time"] = table["ecg_time"].astype("datetime64[s]")
    return table.assign(ecg_id=[f"E{r}" for r in table["row"]])


def reports(*rows: dict) -> pd.DataFrame:
    base = {
        "reason": "",
        "patient": 1,
        "exam_id": 0,
        "ccta_time": T0 + DAY,
        "ccta_time_day": False,
        "content": 0,
        "person": 0,
        "age": np.nan,
        "birth_date": pd.NaT,
        "sex": "",
        "symptom": "",
        "site": "",
        "diabetes": -1,
        "hypertension": -1,
        "prior_mi": -1,
        **{v.grade_column: 0 for v in VESSELS},
    }
    table = pd.DataFrame(
        [{**base, "content": 5000 + i, **given, "row": i + 2} for i, given in enumerate(rows)]
    )
    for column in ("birth_date", "ccta_time"):
        table[column] = table[column].astype("datetime64[s]")
    return table


def procedures(*rows: tuple[int, pd.Timestamp]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["patient", "procedure_time"])
    return table.astype({"procedure_time": "datetime64[s]"})


def linked(
    ecgs: pd.DataFrame, said: pd.DataFrame, treated: pd.DataFrame | None = None, **rules: object
) -> pd.DataFrame:
    said, exams = examinations.examinations(said, KEY)
    return link(ecgs, said, exams, treated, rules=LinkageRules(**rules))


# ---------------------------------------------------------------------------------------------------------


def test_the_first_ccta_after_the_ecg() -> None:
    said = reports(
        row(ccta_time=T0 + 5 * DAY, exam_id=50),
        row(ccta_time=T0 + 2 * DAY, exam_id=20),
        row(patient=2, exam_id=1),
    )
    found = linked(
        recordings(
            {},
            row(ecg_time=T0 + 3 * DAY),
            row(ecg_time=T0 + 6 * DAY),
            row(ecg_time=T0 + 2 * DAY),
            row(patient=3),
        ),
        said,
    )
    assert found["exam"].tolist() == [20, 50, 0, 20, 0]
    assert found["reason"].tolist() == ["", "", linkage.NO_LATER, "", NO_REPORT]


def test_most_days_and_choice() -> None:
    ecgs = recordings(row(ecg_time=T0 - 9 * DAY), row(ecg_time=T0 - DAY), {})
    assert linked(ecgs, reports({}), max_days=10)["reason"].tolist() == ["", "", ""]
    early = "more than 5 days before the CCTA"
    assert linked(ecgs, reports({}), max_days=5)["reason"].tolist() == [early, "", ""]
    assert linked(ecgs, reports({}), which="nearest")["reason"].tolist() == [
        linkage.NOT_CHOSEN,
        linkage.NOT_CHOSEN,
        "",
    ]
    assert linked(ecgs, reports({}), max_days=5, which="earliest")["reason"].tolist() == [
        early,
        "",
        linkage.NOT_CHOSEN,
    ]


def test_clocks_that_disagree() -> None:
    ecgs = recordings(row(ecg_time=T0 + DAY + pd.Timedelta(minutes=4)))
    assert linked(ecgs, reports({}))["reason"].tolist() == [linkage.NO_LATER]
    found = linked(ecgs, reports({}), clock_minutes=5).iloc[0]
    assert (found["reason"], found["flags"], found["ecg_time"]) == ("", "clock", T0 + DAY)


@pytest.mark.parametrize(
    ("rule", "reasons"),
    [
        ("none", ["", "", ""]),
        ("prior", [linkage.PRIOR, "", ""]),
        ("prior-and-subsequent", [linkage.PRIOR, linkage.SUBSEQUENT, ""]),
    ],
)
def test_revascularisation(rule: str, reasons: list[str]) -> None:
    said = reports({}, row(patient=2), row(patient=3))
    treated = procedures((1, T0 + DAY / 2), (1, T0 + 9 * DAY), (2, T0 + DAY), (4, T0))
    found = linked(recordings({}, row(patient=2), row(patient=3)), said, treated, revascularised=rule)
    assert found["reason"].tolist() == reasons


def test_duplicates() -> None:
    ecgs = recordings(
        row(content=7, ecg_time=T0),
        row(content=7, ecg_time=T0 - DAY),
        row(content=8, patient=2),
        row(content=8, patient=1),
        row(content=9, reason=NO_PATIENT, patient=0),
        row(content=9),
    )
    found = linked(ecgs, reports({}, row(patient=2)))
    two = linkage.TWO_NAMES
    assert found["reason"].tolist() == [Reason.DUPLICATE, "", two, two, NO_PATIENT, ""]
    assert found["detail"].tolist()[0] == "same samples as recording 2, at another time"
    assert found["flags"].tolist()[1] == "same_samples_at_another_time"


def test_persons_who_cannot_be_one() -> None:
    said = reports(
        row(sex="F"), row(patient=2, birth_date=pd.Timestamp("1960-01-01")), row(patient=3, sex="M")
    )
    ecgs = recordings(
        row(sex="M"), row(patient=2, birth_date=pd.Timestamp("1961-01-01")), row(patient=3, sex="M")
    )
    assert linked(ecgs, said)["reason"].tolist() == [linkage.SEX, linkage.BIRTH, ""]


def test_ages() -> None:
    born = [
        row(birth_date=pd.Timestamp(d))
        for d in ("1960-03-01", "1960-03-02", "2024-03-02", "1900-01-01", "2010-01-01")
    ]
    said = reports(
        *(row(patient=i, **b) for i, b in enumerate(born, 1)),
        row(patient=6, age=60.0),
        row(patient=7),
        row(patient=8, ccta_time=T0 + 800 * DAY, age=60.0),
    )
    found = linked(
        recordings(*(row(patient=i) for i in (1, 2, 3, 4, 5, 6)), row(patient=7, age=44.7), row(patient=8)),
        said,
    )
    assert found["age"].tolist() == [64, 63, -1, 124, 14, 60, 44, 58]
    assert found["reason"].tolist() == ["", "", linkage.AGE, linkage.AGE, "younger than 18", "", "", ""]
    assert linked(recordings({}), reports({}))["age"].isna().all()


# ---------------------------------------------------------------------------------------------------------


def test_reports_that_contradict_each_other() -> None:
    lad = {"grade_lad": 3}
    said = reports(
        row(content=1),
        row(content=1),  # twice the same
        row(patient=2, exam_id=5),
        row(patient=3, exam_id=5),  # one identifier, two patients
        row(patient=4, exam_id=6),
        row(patient=4, exam_id=6, ccta_time=T0),  # two times
        row(patient=5),
        row(patient=5, **lad),  # two grades
        row(patient=6, grade_lad=-1, diabetes=1),
        row(patient=6, **lad, diabetes=0, site="A"),  # a supplement
    )
    rows, exams = examinations.examinations(said, KEY)
    e = examinations
    assert rows["reason"].tolist() == [
        "",
        e.IDENTICAL,
        e.OF_TWO_PATIENTS,
        e.OF_TWO_PATIENTS,
        e.AT_TWO_TIMES,
        e.AT_TWO_TIMES,
        e.CONFLICTING,
        e.CONFLICTING,
        "",
        "",
    ]
    assert exams["patient"].tolist() == [1, 6]
    whole = exams.iloc[1]
    assert (whole["grade_lad"], whole["grade_rca"], whole["diabetes"], whole["site"]) == (3, 0, -1, "A")


@pytest.mark.parametrize(
    "wrong", [row(max_days=-1.0), row(which="some"), row(revascularised="x"), row(min_age=float("nan"))]
)
def test_rules_are_checked(wrong: dict) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        LinkageRules(**wrong)


# ---------------------------------------------------------------------------------------------------------

hours = st.integers(0, 400).map(lambda h: T0 + pd.Timedelta(hours=h))
patients = st.integers(1, 5)
ecg_rows = st.fixed_dictionaries(
    {
        "patient": patients,
        "ecg_time": hours,
        "content": st.integers(1, 30),
        "sex": st.sampled_from(["", "", "F"]),
        "age": st.sampled_from([np.nan, 10.0, 50.0, 130.0]),
        "reason": st.sampled_from(["", "", "", NO_PATIENT, str(Reason.FLAT)]),
    }
)
report_rows = st.fixed_dictionaries(
    {
        "patient": patients,
        "ccta_time": hours,
        "exam_id": st.sampled_from([0, 0, 101, 102, 103]),
        "content": st.integers(1, 40),
        "grade_lad": st.integers(-1, 1),
        "grade_rca": st.just(-1),
        "grade_lm": st.just(-1),
        "grade_lcx": st.just(-1),
        "sex": st.sampled_from(["", "", "", "M"]),
        "reason": st.sampled_from(["", "", "", "", "no time"]),
    }
)
rule_sets = st.builds(
    LinkageRules,
    max_days=st.sampled_from([None, 0.0, 3.0]),
    which=st.sampled_from(["all", "nearest", "earliest"]),
    revascularised=st.sampled_from(["prior", "prior-and-subsequent", "none"]),
    clock_minutes=st.sampled_from([0.0, 90.0]),
)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(ecg_rows, min_size=1, max_size=14),
    st.lists(report_rows, min_size=1, max_size=12),
    st.lists(st.tuples(patients, hours), max_size=3),
    rule_sets,
)
def test_no_row_is_lost_and_every_pair_obeys_the_rules(
    ecg: list[dict], report: list[dict], treated: list, rules: LinkageRules
) -> None:
    ecgs, said = recordings(*ecg), reports(*report)
    said, exams = examinations.examinations(said, KEY)
    done = procedures(*treated)
    found = link(ecgs, said, exams, done, rules=rules)
    _check_sums(ecgs, said, exams, found, rules)
    every = link(ecgs, said, exams, None, rules=replace(rules, which="all", revascularised="none"))
    for ecg_row, one, alone in zip(ecgs.itertuples(), found.itertuples(), every.itertuples(), strict=True):
        if alone.reason in (linkage.AGE, rules.too_young):  # asked after revascularisation
            assert one.reason in (alone.reason, linkage.PRIOR, linkage.SUBSEQUENT)
        elif alone.reason:
            assert one.reason == alone.reason
        if one.reason in ("", linkage.PRIOR, linkage.SUBSEQUENT, linkage.NOT_CHOSEN):
            later = [
                t
                for p, t in zip(exams["patient"], exams["ccta_time"], strict=True)
                if p == one.patient and t >= ecg_row.ecg_time - pd.Timedelta(minutes=rules.clock_minutes)
            ]
            assert one.ccta_time == min(later)
            assert rules.max_days is None or min(later) - ecg_row.ecg_time <= rules.max_days * DAY
            times = [t for p, t in treated if p == one.patient]
            before, after = any(t < one.ccta_time for t in times), any(t >= one.ccta_time for t in times)
            if rules.revascularised != "none":
                assert (one.reason == linkage.PRIOR) == before
            if rules.revascularised == "prior-and-subsequent" and not before:
                assert (one.reason == linkage.SUBSEQUENT) == after
    kept = found[found["reason"] == ""]
    assert not kept["content"].duplicated().any()
    if rules.which != "all":
        assert not kept["exam"].duplicated().any()


def _check_sums(
    ecgs: pd.DataFrame, said: pd.DataFrame, exams: pd.DataFrame, found: pd.DataFrame, rules: LinkageRules
) -> None:
    flow = account.flow(found.assign(cohort="internal"), exams, rules=rules)
    assert flow["n_ecgs"].iloc[0] == len(ecgs)
    assert (flow["n_ecgs"].shift().iloc[1:] == (flow["n_ecgs"] + flow["excluded"]).iloc[1:]).all()
    for column in ("n_ecgs", "n_exams", "n_patients"):
        assert (flow[column].diff().dropna() <= 0).all()
    table = flow[flow["step"] == START].iloc[0]
    kept = found[found["reason"] == ""]
    assert (table["n_ecgs"], table["n_exams"], table["n_patients"]) == (
        len(kept),
        kept["exam"].nunique(),
        kept["patient"].nunique(),
    )
    assert flow["step"].iloc[-1] == GRADE
    rows = account.account_rows("ecgs", found, found["ecg_id"].to_numpy())
    assert rows["row"].tolist() == ecgs["row"].tolist()
    assert ((rows["status"] == "kept") == (rows["reason"] == "")).all()
    reasons = account.report_reasons(said, found)
    assert (reasons[said["exam"].isin(kept["exam"])] == "").all()
    assert (reasons[~said["exam"].isin(kept["exam"])] != "").all()


def test_the_chapter_draws_the_flow() -> None:
    found = linked(recordings({}, row(reason=str(Reason.FLAT)), row(ecg_time=T0 + 9 * DAY)), reports({}))
    _, exams = examinations.examinations(reports({}), KEY)
    flow = account.flow(found.assign(cohort="external"), exams, rules=LinkageRules())
    words = " ".join(t.get_text() for t in flow_diagram(flow).texts)
    assert "1 flat lead" in words.replace("\n   ", " ")
    assert "3 ECGs" in words


# ---------------------------------------------------------------------------------------------------------


def statements(*rows: dict) -> pd.DataFrame:
    base = {
        "reason": "",
        "patient": 1,
        "ecg_time": T0,
        "ecg_time_day": False,
        "recording_id": 0,
        "ecg_normal": 1,
    }
    table = pd.DataFrame([{**base, "content": i, **given, "row": i + 2} for i, given in enumerate(rows)])
    return table.astype({"ecg_time": "datetime64[s]"})


def test_statements_find_their_ecg() -> None:
    minute = pd.Timedelta(minutes=1)
    said = outcomes.usable_statements(
        statements(
            row(ecg_time=T0 + 3 * minute),
            row(ecg_time=T0 + 9 * minute, recording_id=9),
            row(ecg_time=T0 + 3 * DAY),
            row(patient=2, ecg_time=T0 + DAY - pd.Timedelta(seconds=1), ecg_time_day=True),
            row(patient=3),
            row(patient=3, ecg_normal=0),
            row(content=0),
        )
    )
    assert said["reason"].tolist() == [
        "",
        "",
        "",
        "",
        outcomes.CONFLICTING,
        outcomes.CONFLICTING,
        examinations.IDENTICAL,
    ]
    ecgs = recordings(
        {},
        row(ecg_time=T0 + 2 * DAY, recording_id=9),
        row(patient=2, ecg_time=T0 + minute),
        row(patient=3),
        row(ecg_time=T0 + 3 * DAY + 11 * minute),
    )
    found = outcomes.match_statements(ecgs, said, minutes=10)
    assert found.tolist() == [0, 1, 3, pd.NA, pd.NA]


def followed(*rows: tuple, treated: pd.DataFrame | None = None) -> pd.DataFrame:
    table = pd.DataFrame(
        [dict(zip(("patient", "last_contact", "event", "event_time"), r, strict=True)) for r in rows]
    )
    table = table.assign(reason="", content=range(len(table)), row=range(2, len(table) + 2))
    table = table.astype({"last_contact": "datetime64[s]", "event_time": "datetime64[s]"})
    ecgs = recordings({}, row(ecg_time=T0 + 10 * DAY))
    return outcomes.follow(ecgs, outcomes.account_events(table, pd.Series([1])), treated)


def test_followup_ends_with_the_first_of_all() -> None:
    end, mi, death = T0 + 100 * DAY, T0 + 40 * DAY, T0 + 60 * DAY
    found = followed((1, end, "mi", mi), (1, death, "death", death))
    assert found["followup_days"].tolist() == [40, 30]
    assert found["mi_event"].tolist() == [True, True]
    found = followed((1, end, "mi", mi), treated=procedures((1, T0 + 5 * DAY)))
    assert found["followup_days"].tolist() == [5, 30]  # the PCI lies before the second ECG
    assert found["end_reason"].tolist() == ["revascularisation", "mi"]
    assert found["mi_event"].tolist() == [False, True]
    found = followed((1, end, "none", pd.NaT))
    assert (found["followup_days"].tolist(), found["end_reason"].tolist()) == ([100, 90], ["end", "end"])
    same = followed((1, mi, "death", mi), (1, mi, "mi", mi))
    assert same["end_reason"].tolist() == ["mi", "mi"]


def test_unknown_events_stay_unknown() -> None:
    silent = followed((1, T0 + 100 * DAY, "", pd.NaT))
    assert silent["followup_days"].tolist() == [100, 90]
    assert silent["mi_event"].isna().all()
    unclear = followed((1, T0 + 100 * DAY, "mi", pd.NaT), (1, T0 + 100 * DAY, "none", pd.NaT))
    assert unclear["mi_event"].isna().all()
    gone = followed((1, T0 - DAY, "none", pd.NaT))
    assert gone.isna().all(axis=None)
