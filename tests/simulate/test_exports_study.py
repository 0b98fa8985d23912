"""What is expected of a build follows from the rules; and a build of virtual exports does it."""

import pandas as pd
import pytest

from ccta_lib.cohort.exports import LinkageRules, linkage
from ccta_lib.cohort.quality import Reason
from ccta_lib.evaluation.reading import account_balance, decision_table
from ccta_lib.schema import VESSELS
from ccta_lib.simulate.exports import Trouble, report_set
from ccta_lib.simulate.exports.clinical_text import told_set
from ccta_lib.simulate.exports.comparison import expected_reasons
from ccta_lib.simulate.exports.study import blind_scores, exports_study, formats_table

CCTA = pd.Timestamp("2020-05-10 12:00")


def _row(trouble: Trouble, hours: float, copy_of: str = "") -> dict[str, object]:
    return {
        "trouble": str(trouble),
        "copy_of": copy_of,
        "ccta_time": CCTA,
        "time": CCTA - pd.Timedelta(hours=hours),
    }


@pytest.mark.parametrize(
    ("rules", "row", "reason"),
    [
        ({}, _row(Trouble.NONE, 2), ""),
        ({}, _row(Trouble.NONE, -0.25), linkage.NO_LATER),
        ({"clock_minutes": 20}, _row(Trouble.CLOCK_FAST, -0.25), ""),
        ({"clock_minutes": 10}, _row(Trouble.CLOCK_FAST, -0.25), linkage.NO_LATER),
        ({"max_days": 30}, _row(Trouble.LONG_BEFORE, 24 * 31), "more than 30 days before the CCTA"),
        ({}, _row(Trouble.LONG_BEFORE, 24 * 31), ""),
        ({"max_days": 30}, _row(Trouble.FLAT, 24 * 31), str(Reason.FLAT)),
        ({}, _row(Trouble.COPY, 1), ""),
        ({}, _row(Trouble.COPY, 1, "E1"), str(Reason.DUPLICATE)),
        ({}, _row(Trouble.PCI_BEFORE, 1), linkage.PRIOR),
        ({"revascularised": "none"}, _row(Trouble.PCI_BEFORE, 1), ""),
        ({}, _row(Trouble.PCI_AFTER, 1), ""),
        ({"revascularised": "prior-and-subsequent"}, _row(Trouble.PCI_AFTER, 1), linkage.SUBSEQUENT),
        ({"revascularised": "prior-and-subsequent"}, _row(Trouble.CABG_BEFORE, 1), linkage.PRIOR),
        ({}, _row(Trouble.AGE_OVER, 1), linkage.AGE),
        ({"max_days": 1}, _row(Trouble.AGE_OVER, 30), "more than 1 days before the CCTA"),
    ],
)
def test_expected_reason_follows_the_rules(rules, row, reason):
    assert expected_reasons(pd.DataFrame([row]), LinkageRules(**rules)).tolist() == [reason]


def _check(study) -> None:
    # Formats keep steps of 1 to 5 uV, so a copy in another format is not the same to the bit: the build, which
    # compares samples exactly, may take both.
    rounded = (study.recordings["trouble"] == Trouble.OTHER_FORM) & (study.recordings["copy_of"] != "")
    missed = study.recordings[~rounded & (study.recordings["found"] != study.recordings["expected"])]
    assert missed.empty, decision_table(missed).to_string()
    assert set(study.recordings.loc[rounded, "found"]) <= {"", str(Reason.DUPLICATE)}
    assert (study.reports["found"] == study.reports["expected"]).all()
    assert (account_balance(study.account)["unaccounted"] == 0).all()
    kept = study.recordings[study.recordings["found"] == ""]
    assert len(kept) == len(study.cohort)
    first = study.flow.groupby("cohort")["n_ecgs"].first()
    assert first.sum() == len(study.recordings)
    assert formats_table(study.recordings)["files"].sum() == len(study.recordings)


def test_one_small_hospital_is_built_as_planted():
    study = exports_study(patients=16, seed=4, languages=("en",), rules=LinkageRules(max_days=90))
    _check(study)
    assert set(study.flow["cohort"]) == {"external"}


@pytest.mark.slow
@pytest.mark.parametrize("revascularised", ["prior", "prior-and-subsequent"])
def test_two_hospitals_with_every_trouble_are_built_as_planted(revascularised):
    rules = LinkageRules(max_days=90, revascularised=revascularised)
    _check(exports_study(patients=140, seed=42, rules=rules))


@pytest.mark.parametrize("split", ["score-once", "second"])
def test_blind_scores_are_of_the_frozen_wording(split):
    scores = blind_scores()
    score = scores[scores["split"] == split]
    assert score[["reports", "seed", "date", "commit"]].drop_duplicates().shape[0] == 1
    assert (score["estimate"] - score["k"] / score["n"]).abs().max() < 1e-6
    n, seed = int(score["reports"].iloc[0]), int(score["seed"].iloc[0])
    for language in ("zh", "en"):
        texts = report_set(split, n=n, seed=seed, language=language)
        here = score[(score["language"] == language) & (score["metric"] == "agreement")]
        told = {v: int(texts[v.grade_column].notna().sum()) for v in VESSELS}
        assert told == here.set_index("vessel")["n"].to_dict()


def test_told_sets_tell_all_answers_in_both_languages():
    for language in ("zh", "en"):
        table = told_set(n=200, seed=1, language=language)
        assert set(table["subject"]) == {"normal ECG", "diabetes", "hypertension", "prior mi", "procedure"}
        for subject, part in table.groupby("subject"):
            wanted = {"pci", "cabg", "none"} if subject == "procedure" else {"yes", "no", "unknown"}
            assert set(part["told"]) == wanted
        pd.testing.assert_frame_equal(table, told_set(n=200, seed=1, language=language))
