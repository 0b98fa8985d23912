"""Wrong input is refused with one line that names the parameter, what was found and what to do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from ccta_lib import evaluation as ev
from ccta_lib.errors import InputError, ParameterError
from ccta_lib.evaluation.contrasts import AucTerm, auc_contrast, mean_difference
from ccta_lib.evaluation.differences import auc_stratum_difference

Y = [0, 1, 0, 1]
P = [0.1, 0.8, 0.7, 0.6]
T = [1.0, 2.0, 3.0, 4.0]
X = pd.DataFrame({"age": [1.0, 3.0, 2.0, 5.0]})
CUT = [0.2]

# Every function, with the arguments it needs; each is then spoiled one argument at a time.
FUNCTIONS: dict[str, tuple[Callable[..., object], dict[str, object]]] = {
    "auc_interval": (ev.auc_interval, {"y": Y, "p": P, "groups": list("abcd")}),
    "auc_difference": (ev.auc_difference, {"y": Y, "p_a": P, "p_b": P[::-1], "groups": list("abcd")}),
    "auc_difference_groups": (
        ev.auc_difference_groups, {"y": Y, "p": P, "stratum": list("aabb"), "groups": list("abcd")}),
    "auc_stratum_difference": (
        auc_stratum_difference, {"y": Y, "p": P, "second": [0, 0, 1, 1], "groups": list("abcd")}),
    "calibration_summary": (ev.calibration_summary, {"y": Y, "p": P}),
    "calibration_groups": (ev.calibration_groups, {"y": Y, "p": P}),
    "calibration_curve": (ev.calibration_curve, {"y": Y, "p": P, "groups": list("abcd"), "n_boot": 2}),
    "kaplan_meier": (ev.kaplan_meier, {"time": T, "event": Y, "entry": [0.0] * 4, "groups": list("abcd"), "times": T}),
    "logrank": (ev.logrank, {"time": T, "event": Y, "group": list("aabb"), "strata": list("abab")}),
    "aalen_johansen": (ev.aalen_johansen, {"time": T, "cause": [0, 1, 2, 1], "times": T}),
    "cox_hazard_ratio": (ev.cox_hazard_ratio, {"time": T, "event": Y, "covariates": X}),
    "proportional_hazards_test": (ev.proportional_hazards_test, {"time": T, "event": Y, "covariates": X}),
    "net_benefit": (ev.net_benefit, {"y": Y, "p": P, "thresholds": CUT}),
    "net_benefit_difference": (
        ev.net_benefit_difference, {"y": Y, "p": P, "thresholds": CUT, "groups": list("abcd"), "n_boot": 2}),
    "net_benefit_survival": (
        ev.net_benefit_survival, {"time": T, "event": Y, "p": P, "thresholds": CUT, "horizon": 3.0}),
    "operating_points": (ev.operating_points, {"y": Y, "p": P, "thresholds": CUT, "groups": list("abcd")}),
    "spearman_trend": (ev.spearman_trend, {"grade": [0, 1, 2, 3], "p": P, "groups": list("abcd")}),
    "jonckheere_terpstra": (ev.jonckheere_terpstra, {"grade": [0, 1, 2, 3], "p": P, "groups": list("abcd")}),
    "interaction_test": (ev.interaction_test, {"y": Y, "score": P, "group": list("aabb"), "groups": list("abcd")}),
    "rate_interval": (ev.rate_interval, {"success": Y, "groups": list("abcd")}),
    "recalibrate": (ev.recalibrate, {"y": Y, "p": P, "groups": list("abcd")}),
    "risk_groups": (ev.risk_groups, {"y": Y, "p": P, "threshold": 0.5, "groups": list("abcd")}),
    "roc_points": (ev.roc_points, {"y": Y, "p": P}),
    "crossfit_risk": (ev.crossfit_risk, {"time": T, "event": Y, "p": P, "horizon": 3.0}),
}  # fmt: skip
ZERO_OR_ONE = {"y", "event", "success", "second"}
LABELS = {"groups", "group", "stratum", "strata"}
NUMBERS = {"y", "p", "p_a", "p_b", "time", "event", "entry", "cause", "thresholds", "times", "score", "grade",
           "second"}  # fmt: skip
ONE_PER_ROW = (NUMBERS | LABELS) - {"thresholds", "times"}
PROBABILITIES = {(name, "p") for name in (
    "calibration_summary", "calibration_groups", "calibration_curve", "net_benefit", "net_benefit_difference",
    "net_benefit_survival", "operating_points", "recalibrate", "risk_groups", "crossfit_risk")}  # fmt: skip
CASES = [(name, argument) for name, (_, given) in FUNCTIONS.items() for argument in given]


def refused(name: str, **changed: object) -> str:
    function, given = FUNCTIONS[name]
    with pytest.raises(InputError) as caught:
        function(**given | changed)
    return str(caught.value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_arguments_are_right_before_they_are_spoiled(name):
    function, given = FUNCTIONS[name]
    function(**given)


@pytest.mark.parametrize(("name", "argument"), [case for case in CASES if case[1] in NUMBERS])
def test_nan_is_named_with_its_position(name, argument):
    values = np.array(FUNCTIONS[name][1][argument], dtype=float)
    values[-1] = np.nan
    message = refused(name, **{argument: values})
    assert message.startswith(
        f"{argument}: 1 of {values.size} values are NaN or infinite, the first at position "
    )
    assert f"position {values.size - 1}; mask" in message


@pytest.mark.parametrize(("name", "argument"), [case for case in CASES if case[1] in NUMBERS - {"grade"}])
def test_text_is_no_number(name, argument):
    values = FUNCTIONS[name][1][argument]
    if argument in ("thresholds", "times"):
        return
    assert refused(name, **{argument: ["x"] * len(values)}).startswith(
        f"{argument}: expected numbers, found "
    )


@pytest.mark.parametrize(("name", "argument"), [case for case in CASES if case[1] in ZERO_OR_ONE])
def test_a_label_of_two_is_named(name, argument):
    message = refused(name, **{argument: [0, 1, 2, 1]})
    assert message == f"{argument}: expected 0 or 1, found 2 at position 2; recode {argument}"


@pytest.mark.parametrize(("name", "argument"), [case for case in CASES if case in PROBABILITIES])
def test_a_probability_over_one_is_named(name, argument):
    message = refused(name, **{argument: [0.1, 1.2, 0.3, 0.4]})
    assert (
        message
        == "p: expected a probability in [0, 1], found 1.2 at position 1; pass probabilities, not scores"
    )


@pytest.mark.parametrize(("name", "argument"), [case for case in CASES if case[1] in LABELS])
def test_a_missing_label_is_named(name, argument):
    message = refused(name, **{argument: ["a", "b", None, "d"]})
    assert message == f"{argument}: missing at position 2; mask such rows before calling"


@pytest.mark.parametrize(("name", "argument"), [case for case in CASES if case[1] in ONE_PER_ROW])
def test_a_length_that_differs_is_named(name, argument):
    if name == "rate_interval" and argument == "success":
        return  # the patients are then the ones of another length
    message = refused(name, **{argument: FUNCTIONS[name][1][argument][:3]})
    assert message.startswith("lengths differ: ")
    assert f"{argument} 3" in message


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("auc_interval", {"method": "magic"}, "method: expected one of delong, bootstrap, found 'magic'"),
        ("auc_interval", {"level": 1.0}, "level: expected a number between 0 and 1, found 1.0; 0.95 is usual"),
        ("auc_interval", {"method": "bootstrap", "n_boot": 0}, "n_boot: expected at least 1 resample, found 0"),
        ("auc_interval", {"method": "bootstrap", "resamples": [0, 1]},
         "resamples: expected shape (replicates, draws), found (2,)"),
        ("auc_interval", {"method": "bootstrap", "groups": None, "resamples": [[0, 4]]},
         "resamples: expected row numbers from 0 to 3"),
        ("auc_interval", {"method": "bootstrap", "groups": None, "resamples": [[-1, 2]]},
         "resamples: expected row numbers from 0 to 3"),
        ("auc_interval", {"method": "bootstrap", "groups": None, "resamples": [[0.0, 1.0]]},
         "resamples: expected row numbers from 0 to 3"),
        ("auc_interval", {"method": "bootstrap", "resamples": [["a", "z"]]},
         "resamples: group z is not among groups"),
        ("aalen_johansen", {"cause": [0, 1, 0.5, 1]},
         "cause: expected whole numbers from 0 (censored); 1 is the event of interest"),
        ("kaplan_meier", {"groups": list("abca")}, "groups: patient a has several rows; keep one row per patient"),
        ("kaplan_meier", {"times": [2.0, 1.0]}, "times: expected increasing times; sort them and drop duplicates"),
        ("kaplan_meier", {"conf_type": "magic"}, "conf_type: expected one of "),
        ("proportional_hazards_test", {"transform": "magic"},
         "transform: expected one of km, rank, identity, log, found 'magic'"),
        ("cox_hazard_ratio", {"covariates": X.assign(age=np.nan)}, "covariate age: 4 of 4 values are NaN"),
        ("net_benefit", {"thresholds": [1.0]}, "thresholds: expected probabilities in [0, 1), found 1"),
        ("net_benefit", {"thresholds": [-0.1]}, "thresholds: expected probabilities in [0, 1), found -0.1"),
        ("net_benefit_survival", {"horizon": 0}, "horizon: expected a positive time, found 0"),
        ("risk_groups", {"threshold": 1.5}, "threshold: expected a probability in [0, 1], found 1.5"),
        ("risk_groups", {"prevalence": 1.0}, "prevalence: expected a number inside (0, 1), found 1.0"),
        ("recalibrate", {"form": "magic"}, "form: expected one of "),
        ("calibration_groups", {"size": 0}, "size: expected at least 1 row per group, found 0"),
        ("spearman_trend", {"grade": ["mild", "bad", "worse", "bad"]},
         "grade: found bad, worse; use normal, mild, moderate, severe, occluded, mask unknown ones"),
    ],
)  # fmt: skip
def test_other_wrong_values_are_named(name, changed, message):
    assert refused(name, **changed).startswith(message)


def test_contrasts_name_what_differs():
    with pytest.raises(InputError, match=r"lengths differ: y 2, p 2, patients 1"):
        auc_contrast([AucTerm(1.0, np.array([0, 1]), np.array([0.1, 0.2]), np.array(["a"]))])
    with pytest.raises(InputError, match=r"lengths differ: a 2, patients_a 1"):
        mean_difference([1.0, 2.0], [1.0], ["a"], ["b"])
    with pytest.raises(InputError, match=r"lengths differ: b 1, patients_b 2"):
        mean_difference([1.0], [1.0], ["a"], ["b", "c"])
    with pytest.raises(InputError, match=r"^b: 1 of 1 values are NaN"):
        mean_difference([1.0], [np.nan], ["a"], ["b"])
    with pytest.raises(InputError, match=r"^a: 1 of 1 values are NaN"):
        mean_difference([np.inf], [1.0], ["a"], ["b"])
    with pytest.raises(
        InputError, match=r"^p: expected one dimension, found shape \(2, 1\); pass one column"
    ):
        ev.auc_interval([0, 1], [[0.1], [0.2]])
    with pytest.raises(InputError, match=r"^y, p: empty; pass at least one row"):
        ev.auc_interval([], [])


def test_tables_name_what_does_not_exist(make):
    table = make(5)
    with pytest.raises(
        ParameterError, match=r"vessels: expected some of RCA, LM, LAD, LCX, found \['LADX'\]"
    ):
        ev.discrimination_table(table, vessels=["LADX"])
    with pytest.raises(ParameterError, match=r"vessels: expected some of RCA, LM, LAD, LCX, found \[\]"):
        ev.discrimination_table(table, vessels=[])
    with pytest.raises(
        ParameterError, match=r"cohorts: expected some of internal, external, followup, found abroad"
    ):
        ev.discrimination_table(table, cohorts=["internal", "abroad"])
    with pytest.raises(ParameterError, match=r"factors: expected some of age, .*, found shoe size"):
        ev.subgroup_table(table, factors=["age", "shoe size"])
    with pytest.raises(InputError, match=r"unit: expected one of ecg, exam, patient, found 'lead'"):
        ev.aggregate(table, "lead")
    with pytest.raises(InputError, match=r"rule: expected one of index, worst, found 'best'"):
        ev.aggregate(table, "patient", rule="best")
    with pytest.raises(InputError, match=r"origin: expected one of ccta, ecg, paper, found 'birth'"):
        ev.followup_patients(table, origin="birth")
