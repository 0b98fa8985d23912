"""Claims are judged by intervals; contrasts agree with the tests they generalise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from ccta_lib.evaluation import (
    RISK_THRESHOLDS,
    aggregate,
    auc_difference,
    auc_difference_groups,
    auc_interval,
    decision_curves,
    infarction_table,
)
from ccta_lib.evaluation.claim_measures import (
    Study,
    each_step,
    lm_falls_more,
    lm_groups,
    lm_lower,
    net_benefit,
    strongest,
)
from ccta_lib.evaluation.claims import (
    ABOVE,
    BELOW,
    CLAIMS,
    HELD,
    REVERSED,
    SIMILAR,
    UNDECIDED,
    directional_claims,
    verdict,
)
from ccta_lib.evaluation.claims_summary import claims_sentence, claims_shown, falls_sentence
from ccta_lib.evaluation.contrasts import AucTerm, auc_contrast, mean_difference
from ccta_lib.evaluation.results import Difference
from ccta_lib.paper import paper_values
from ccta_lib.schema import VESSELS, labels


@pytest.mark.parametrize(("rule", "low", "high", "expected"), [
    (ABOVE, 0.01, 0.2, HELD), (ABOVE, -0.2, -0.01, REVERSED), (ABOVE, -0.01, 0.2, UNDECIDED),
    (BELOW, -0.2, -0.01, HELD), (BELOW, 0.01, 0.2, REVERSED), (BELOW, -0.1, 0.0, UNDECIDED),
    (SIMILAR, -0.04, 0.04, HELD), (SIMILAR, 0.06, 0.2, REVERSED), (SIMILAR, -0.2, -0.06, REVERSED),
    (SIMILAR, -0.04, 0.06, UNDECIDED), (SIMILAR, 0.04, 0.06, UNDECIDED),
    (ABOVE, 0.1, np.nan, UNDECIDED), (BELOW, np.nan, -0.1, UNDECIDED),
    (ABOVE, np.nan, 0.2, UNDECIDED), (SIMILAR, np.nan, np.nan, UNDECIDED),
])  # fmt: skip
def test_verdict_by_hand(rule: str, low: float, high: float, expected: str) -> None:
    assert verdict(low, high, rule=rule, margin=0.05) == expected
    assert verdict(low + 1, high + 1, rule=rule, against=1.0, margin=0.05) in (expected, UNDECIDED)


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1), st.sampled_from([ABOVE, BELOW, SIMILAR]))
def test_a_wider_interval_never_decides_what_a_narrower_left_open(
    low: float, width: float, more: float, rule: str
) -> None:
    narrow = verdict(low, low + width, rule=rule)
    wide = verdict(low - more, low + width + more, rule=rule)
    assert wide in (narrow, UNDECIDED)
    mirrored = {ABOVE: BELOW, BELOW: ABOVE, SIMILAR: SIMILAR}[rule]
    assert verdict(-low - width, -low, rule=mirrored) == narrow


@pytest.fixture(scope="module")
def internal(predictions: pd.DataFrame) -> pd.DataFrame:
    rows = predictions[predictions["cohort"] == "internal"]
    known = rows[["grade_rca", "grade_lad"]].notna().all(axis=1)
    return rows[known].reset_index(drop=True)


def term(weight: float, rows: pd.DataFrame, vessel: str = "rca", score: str = "rca") -> AucTerm:
    y = labels(rows[f"grade_{vessel}"]) == 1
    return AucTerm(weight, y, rows[f"prob_{score}"].to_numpy(float), rows["patient_id"].to_numpy())


def test_contrast_of_two_strata_is_the_wald_test(internal: pd.DataFrame) -> None:
    one = (internal["sex"] == "F").to_numpy()
    found = auc_contrast([term(1.0, internal[one]), term(-1.0, internal[~one])])
    y, p = labels(internal["grade_rca"]) == 1, internal["prob_rca"]
    test = auc_difference_groups(y, p, one, groups=internal["patient_id"])
    assert found.z**2 == pytest.approx(test.statistic, rel=1e-10)
    assert found.p_value == pytest.approx(test.p_value, rel=1e-10)
    aucs = [auc_interval(y[w], p[w], groups=internal["patient_id"][w]).estimate for w in (one, ~one)]
    assert found.estimate == pytest.approx(aucs[0] - aucs[1], abs=1e-12)


def test_contrast_of_two_scores_is_near_the_paired_test(internal: pd.DataFrame) -> None:
    found = auc_contrast([term(1.0, internal), term(-1.0, internal, score="lad")])
    y = labels(internal["grade_rca"]) == 1
    paired = auc_difference(y, internal["prob_rca"], internal["prob_lad"], groups=internal["patient_id"])
    assert found.estimate == pytest.approx(paired.estimate, abs=1e-12)
    # Obuchowski's factors differ from the single I/(I - 1) by the share of positive patients only.
    assert found.high - found.low == pytest.approx(paired.high - paired.low, rel=0.02)


def test_an_auc_against_itself_has_no_variance(internal: pd.DataFrame) -> None:
    found = auc_contrast([term(1.0, internal), term(-1.0, internal)])
    assert found.estimate == 0
    assert np.isnan(found.low)
    assert "no variance" in found.note


def test_overlap_narrows_the_interval(internal: pd.DataFrame) -> None:
    """A part against the whole that holds it: patients enter once, so the interval is that of a bootstrap."""
    part = (internal["sex"] == "F").to_numpy()
    found = auc_contrast([term(1.0, internal[part]), term(-1.0, internal)])
    rng = np.random.default_rng(1)
    rows_of = internal.groupby("patient_id").indices
    ids = list(rows_of)
    drawn = []
    for _ in range(300):
        rows = np.concatenate([rows_of[ids[i]] for i in rng.integers(0, len(ids), len(ids))])
        table = internal.iloc[rows]
        inside = (table["sex"] == "F").to_numpy()
        drawn.append(_auc(table[inside]) - _auc(table))
    assert (found.high - found.low) / 3.92 == pytest.approx(np.std(drawn), rel=0.15)


def _auc(table: pd.DataFrame) -> float:
    return auc_interval(labels(table["grade_rca"]) == 1, table["prob_rca"]).estimate


def test_mean_difference_by_hand() -> None:
    d = mean_difference([1.0, 2.0, 3.0], [2.0, 6.0], ["a", "b", "c"], ["d", "e"])
    assert d.estimate == -2.0
    # influence: (-1, 0, 1)/3 and (2, -2)/2, five patients
    se = np.sqrt(5 / 4 * (2 / 9 + 2))
    assert d.high - d.low == pytest.approx(2 * 1.959964 * se, rel=1e-6)
    paired = mean_difference([1.0, 2.0, 3.0], [2.0, 3.0, 4.0], ["a", "b", "c"], ["a", "b", "c"])
    assert paired.estimate == -1.0
    assert "no variance" in paired.note
    assert mean_difference([], [1.0], [], ["a"]).note == "a group is empty"


# What the paper says, read once more: its place, what counts as held, and against what.
READ_AGAIN = {
    "discriminates": ("Figure 1 a", ABOVE, 0.5, True),
    "discriminates outside": ("Figure 1 b", ABOVE, 0.5, True),
    "discriminates in normal ECGs": ("Figure 1 c", ABOVE, 0.5, True),
    "external like internal": ("Results", SIMILAR, 0, True),
    "normal ECG like all": ("Results", SIMILAR, 0, True),
    "LM less stable outside": ("Limitations", ABOVE, 0, True),
    "LM less stable in normal ECGs": ("Limitations", ABOVE, 0, True),
    "examination like ECG": ("Figure 2", SIMILAR, 0, False),
    "patient like ECG": ("Figure 2", SIMILAR, 0, False),
    "younger better": ("Figure 3", ABOVE, 0, False),
    "hypertension better": ("Figure 3", ABOVE, 0, False),
    "over 3 h better": ("Figure 3", ABOVE, 0, False),
    "prior MI worse": ("Figure 3", BELOW, 0, False),
    "men like women": ("Figure 3", SIMILAR, 0, False),
    "diabetes makes no difference": ("Figure 3", SIMILAR, 0, False),
    "rises with grade": ("Figure 4", ABOVE, 0, False),
    "rises at each step": ("Figure 4", ABOVE, 0.5, False),
    "RCA strongest": ("Figure 4", ABOVE, 0, False),
    "LM probabilities lower": ("Figure 4", BELOW, 0, False),
    "calibrated slope": ("Figure 5", SIMILAR, 1, False),
    "calibrated mean": ("Figure 5", SIMILAR, 1, False),
    "low Brier score": ("Figure 5", ABOVE, 0, False),
    "LM risk rises": ("Figure 5", ABOVE, 0, False),
    "LM excludes": ("Results", BELOW, 0, False),
    "LM few false positives": ("Results", BELOW, 0.5, False),
    "infarctions separate": ("Figure 6", ABOVE, 1, False),
    "net benefit": ("Figure 7", ABOVE, 0.5, False),
}


def test_each_claim_is_judged_in_the_direction_the_paper_states() -> None:
    assert {c.name: (c.place, c.rule, c.against, c.targeted) for c, _ in CLAIMS} == READ_AGAIN
    assert all(c.says and c.quantity for c, _ in CLAIMS)


def by_hand(predictions: pd.DataFrame) -> dict[str, dict[str, float]]:
    """What each claim measures, from the table's columns with pandas and scikit-learn."""
    internal = predictions[predictions["cohort"] == "internal"]
    external = predictions[predictions["cohort"] == "external"]
    gap = (internal["ccta_time"] - internal["ecg_time"]).dt.total_seconds() / 3600

    def auc(rows: pd.DataFrame, v: str) -> float:
        y = labels(rows[f"grade_{v.lower()}"])
        known = ~np.isnan(y)
        return float(roc_auc_score(y[known], rows.loc[known, f"prob_{v.lower()}"]))

    def between(one: pd.Series, other: pd.Series) -> dict[str, float]:
        return {
            v: auc(internal[one.fillna(False)], v) - auc(internal[other.fillna(False)], v) for v in VESSELS
        }

    def flag(name: str) -> dict[str, float]:
        return between(internal[name], ~internal[name])

    normal = internal[internal["ecg_normal"].fillna(False)]
    whole = {str(v): auc(internal, v) for v in VESSELS}
    outside = {v: auc(external, v) for v in whole}
    calm = {v: auc(normal, v) for v in whole}

    def lm_falls(there: dict[str, float]) -> dict[str, float]:
        fall = {v: whole[v] - there[v] for v in whole}
        return {"LM": fall["LM"] - np.mean([fall[v] for v in ("RCA", "LAD", "LCX")])}

    patients = aggregate(internal, "patient")
    rank = {"normal": 0, "mild": 1, "moderate": 2, "severe": 3, "occluded": 3}
    found = {
        "discriminates": whole, "discriminates outside": outside, "discriminates in normal ECGs": calm,
        "external like internal": {v: outside[v] - whole[v] for v in whole},
        "normal ECG like all": {v: calm[v] - whole[v] for v in whole},
        "LM less stable outside": lm_falls(outside), "LM less stable in normal ECGs": lm_falls(calm),
        "examination like ECG": {v: auc(aggregate(internal, "exam"), v) - whole[v] for v in whole},
        "patient like ECG": {v: auc(patients, v) - whole[v] for v in whole},
        "younger better": between(internal["age"] < 65, internal["age"] >= 65),
        "hypertension better": flag("hypertension"), "prior MI worse": flag("prior_mi"),
        "diabetes makes no difference": flag("diabetes"),
        "over 3 h better": between(gap > 3, gap <= 3),
        "men like women": between(internal["sex"] == "M", internal["sex"] == "F"),
    }  # fmt: skip
    rho, strongest, steps, slope, mean, skill = {}, {}, {}, {}, {}, {}
    for v in whole:
        grade, p = patients[f"grade_{v.lower()}"].map(rank), patients[f"prob_{v.lower()}"]
        rho[v] = spearmanr(grade, p, nan_policy="omit").statistic
        steps[v] = [auc_of_step(p[grade == g], p[grade == g + 1]) for g in range(3)]
        if v != "RCA":
            first = patients["grade_rca"].map(rank)
            both = grade.notna() & first.notna()
            strongest[v] = (spearmanr(first[both], patients.loc[both, "prob_rca"]).statistic
                            - spearmanr(grade[both], p[both]).statistic)  # fmt: skip
        y = labels(internal[f"grade_{v.lower()}"])
        q = internal.loc[~np.isnan(y), f"prob_{v.lower()}"].to_numpy()
        y = y[~np.isnan(y)]
        slope[v] = sm.Logit(y, sm.add_constant(np.log(q / (1 - q)))).fit(disp=0).params[1]
        mean[v] = y.mean() / q.mean()
        skill[v] = 1 - np.mean((y - q) ** 2) / np.mean((y - y.mean()) ** 2)
    lm = internal[internal["grade_lm"].notna()]
    ill, p = labels(lm["grade_lm"]) == 1, lm["prob_lm"]
    high = (p >= RISK_THRESHOLDS["LM"]).to_numpy()
    return found | {
        "rises with grade": rho, "rises at each step": steps, "RCA strongest": strongest, "calibrated slope": slope,
        "calibrated mean": mean, "low Brier score": skill,
        "LM probabilities lower": {"LM": (p - lm[["prob_rca", "prob_lad", "prob_lcx"]].mean(axis=1)).mean()},
        "LM risk rises": {"LM": ill[high].mean() - ill[~high].mean() if (~high).any() else np.nan},
        "LM excludes": {"LM": ill[~high].mean() - ill.mean() if (~high).any() else np.nan},
        "LM few false positives": {"LM": high[~ill].mean()},
    }  # fmt: skip


def auc_of_step(lower: np.ndarray, higher: np.ndarray) -> float:
    return float(roc_auc_score(np.repeat([0, 1], [len(lower), len(higher)]), np.r_[lower, higher]))


def test_each_quantity_is_that_computed_by_hand(predictions: pd.DataFrame, claims: pd.DataFrame) -> None:
    expected = by_hand(predictions)
    judged = {
        name: dict(zip(part["vessel"], part["estimate"], strict=True))
        for name, part in claims.groupby("claim")
    }
    few = claims["note"].str.startswith("fewer than 10 positive patients")
    assert set(claims["claim"]) - set(expected) == {"infarctions separate", "net benefit"}
    for name, values in expected.items():
        assert set(judged[name]) == set(values)
        for vessel, value in values.items():
            if few[(claims["claim"] == name) & (claims["vessel"] == vessel)].item():
                assert np.isnan(judged[name][vessel])
            elif name == "rises at each step":
                assert min(abs(np.subtract(value, judged[name][vessel]))) < 1e-12
            else:
                assert judged[name][vessel] == pytest.approx(value, abs=1e-9, nan_ok=True), (name, vessel)
    assert few.sum() < 15  # most are compared


def test_net_benefit_and_hazards_are_those_of_their_tables(
    predictions: pd.DataFrame, claims: pd.DataFrame
) -> None:
    internal = predictions[predictions["cohort"] == "internal"]
    for row in claims[claims["claim"] == "net benefit"].to_dict("records"):
        curve = decision_curves(internal, vessels=[row["vessel"]], n_boot=60, seed=0)
        assert row["estimate"] == pytest.approx((curve["estimate"] > 0).mean())
        assert row["low"] == pytest.approx((curve["low"] > 0).sum() / curve["low"].notna().sum())
        assert row["high"] == pytest.approx(1 - (curve["high"] < 0).sum() / curve["low"].notna().sum())
        assert (row["n"], row["n_pos"]) == (curve["n"].iloc[0], curve["n_pos"].iloc[0])
    table = infarction_table(
        predictions, thresholds=RISK_THRESHOLDS, any_vessel=False, origins=["ccta"], horizon=700
    )
    ratios = table[(table["metric"] == "hazard ratio") & (table["analysis"] == "primary")].set_index("vessel")
    found = claims[claims["claim"] == "infarctions separate"].set_index("vessel")
    assert found["estimate"].to_dict() == pytest.approx(ratios["estimate"].to_dict(), nan_ok=True)
    shown = ratios["low"].where(ratios["interpret"].astype(bool))
    assert found["low"].to_dict() == pytest.approx(shown.to_dict(), nan_ok=True)


def a_study(predictions: pd.DataFrame, *vessels: str, **changed: float) -> Study:
    settings = {
        "margin": 0.05,
        "origin": "ccta",
        "horizon": 700,
        "n_boot": 20,
        "seed": 0,
        "level": 0.95,
    } | changed
    return Study(predictions, RISK_THRESHOLDS, vessels, **settings)


def test_the_step_that_speaks_most_against_a_rise_is_shown() -> None:
    grade = np.repeat(["normal", "mild", "moderate", "occluded"], 12)
    noise = np.tile(np.linspace(0, 0.2, 12), 4)
    table = pd.DataFrame({"ecg_id": [f"e{i}" for i in range(48)], "patient_id": [f"p{i}" for i in range(48)],
                          "cohort": "internal", "grade_rca": grade})  # fmt: skip

    def shown(*levels: float, rows: slice = slice(None)) -> tuple[Difference, int, int]:
        scored = table.assign(prob_rca=np.repeat(levels, 12) + noise)
        ((vessel, step, n, n_pos),) = each_step(a_study(scored[rows], "RCA"))
        assert vessel == "RCA"
        return step, n, n_pos

    # Both of the first two steps fall, the second by more.
    falls, n, n_pos = shown(0.40, 0.30, 0.12, 0.6)
    assert falls.note.strip() == "mild to moderate"
    assert falls.estimate == pytest.approx(auc_of_step(0.30 + noise[:12], 0.12 + noise[:12]))
    assert falls.high < 0.5
    assert (n, n_pos) == (48, 12)
    # All rise; moderate to occluded, a step although nobody is severe, rises least.
    rise, _, _ = shown(0.1, 0.25, 0.4, 0.45)
    assert rise.note.strip() == "moderate to severe"
    assert rise.estimate == pytest.approx(auc_of_step(0.40 + noise[:12], 0.45 + noise[:12]))
    unknown, n, _ = shown(0.1, 0.25, 0.4, 0.45, rows=slice(12, None))
    assert (unknown.note, n) == ("no patient in one of normal, mild", 36)
    assert np.isnan(unknown.low)


def test_claims_about_lm_and_rca_need_them(predictions: pd.DataFrame) -> None:
    internal = predictions[predictions["cohort"] == "internal"]
    assert list(strongest(a_study(internal, "LM", "LAD"))) == []
    assert list(lm_lower(a_study(internal, "LM"))) == []
    assert list(lm_falls_more(lambda s, v: s.part(v))(a_study(internal, "RCA", "LAD"))) == []
    assert list(lm_falls_more(lambda s, v: s.part(v))(a_study(internal, "LM"))) == []
    for what in ("rise", "npv", "fpr"):
        assert list(lm_groups(what)(a_study(internal, "RCA", "LAD"))) == []
    nobody = internal.assign(
        **{f"grade_{v.lower()}": pd.array([pd.NA] * len(internal), dtype="string") for v in VESSELS}
    )
    assert list(net_benefit(a_study(nobody, "RCA", "LM"))) == []
    apart = internal.assign(grade_lad=internal["grade_lad"].where(internal["grade_rca"].isna()))
    ((_, none, n, n_pos),) = strongest(a_study(apart, "RCA", "LAD"))
    assert (none.note, n, n_pos) == ("no patient with both grades", 0, 0)
    # Counts are of the rows that are compared.
    ((_, _, n, n_pos),) = strongest(a_study(internal, "RCA", "LAD"))
    patients = aggregate(internal, "patient").dropna(subset=["grade_rca", "grade_lad"])
    assert (n, n_pos) == (len(patients), int((labels(patients["grade_rca"]) == 1).sum()))
    half = internal.assign(prob_rca=internal["prob_rca"].where(internal["age"] > 60))
    ((_, d, n, n_pos),) = lm_lower(a_study(half, "RCA", "LM"))
    rows = half.dropna(subset=["prob_rca", "grade_lm"])
    assert (n, n_pos) == (len(rows), int((labels(rows["grade_lm"]) == 1).sum()))
    assert d.estimate == pytest.approx((rows["prob_lm"] - rows["prob_rca"]).mean())


def test_progress_names_each_claim_and_then_the_end(internal: pd.DataFrame) -> None:
    seen: list[tuple[int, int, str]] = []
    rows = internal.drop(columns=["followup_days", "mi_event"])
    directional_claims(
        rows, thresholds=RISK_THRESHOLDS, vessels=["LM"], n_boot=5, progress=lambda *a: seen.append(a)
    )
    names = [c.name for c, _ in CLAIMS]
    assert seen == [(i, len(names), name) for i, name in enumerate([*names, "claims"])]


@pytest.fixture(scope="module")
def claims(predictions: pd.DataFrame) -> pd.DataFrame:
    return directional_claims(predictions, thresholds=RISK_THRESHOLDS, n_boot=60)


def test_every_claim_is_judged_by_its_own_interval(claims: pd.DataFrame) -> None:
    assert list(dict.fromkeys(claims["claim"])) == [c.name for c, _ in CLAIMS]
    assert (
        claims["quantity"].tolist() == claims["claim"].map({c.name: c.quantity for c, _ in CLAIMS}).tolist()
    )
    assert set(claims["verdict"]) <= {HELD, REVERSED, UNDECIDED}
    assert (claims.loc[claims["low"].isna(), "verdict"] == UNDECIDED).all()
    above = claims[claims["rule"].str.startswith("interval above")]
    assert ((above["verdict"] == HELD) == (above["low"] > above["against"])).all()
    # These scores were drawn around the grades: they discriminate and rise with the grade.
    for name in ("discriminates", "rises with grade"):
        assert (claims.loc[claims["claim"] == name, "verdict"] == HELD).all()
    assert claims.loc[claims["claim"].str.startswith("discriminates"), "targeted"].all()
    assert not claims.loc[claims["claim"] == "prior MI worse", "targeted"].any()


def test_subgroup_claims_follow_their_direction(claims: pd.DataFrame, internal: pd.DataFrame) -> None:
    row = claims[(claims["claim"] == "men like women") & (claims["vessel"] == "RCA")].iloc[0]
    men = internal["sex"] == "M"
    rows = internal.assign(y=labels(internal["grade_rca"]) == 1)
    assert np.sign(row["estimate"]) == np.sign(_auc(rows[men]) - _auc(rows[~men]))


def test_without_cohorts_and_vessels_claims_stay_undecided(predictions: pd.DataFrame) -> None:
    bare = predictions.loc[predictions["cohort"] == "internal"].drop(columns=["followup_days", "mi_event"])
    bare = bare.assign(grade_lm=pd.array([pd.NA] * len(bare), dtype="string"))
    found = directional_claims(bare, thresholds=RISK_THRESHOLDS, n_boot=20)
    for name in (
        "discriminates outside",
        "external like internal",
        "infarctions separate",
        "LM few false positives",
    ):
        rows = found[found["claim"] == name]
        assert len(rows)
        assert (rows["verdict"] == UNDECIDED).all()
        assert (rows["note"] != "").all()
    (none,) = found[found["claim"] == "infarctions separate"].to_dict("records")
    assert (none["vessel"], none["n"], none["n_pos"], none["note"]) == ("", 0, 0, "no data")
    assert np.isnan([none["estimate"], none["low"], none["high"]]).all()
    assert (found.loc[found["vessel"] == "LM", "verdict"] == UNDECIDED).all()


def test_real_patients_are_never_targeted(predictions: pd.DataFrame) -> None:
    real = predictions[predictions["cohort"] == "internal"].assign(data_kind="user")
    assert not directional_claims(real, thresholds=RISK_THRESHOLDS, n_boot=20)["targeted"].any()


def test_sentences_count_what_the_table_holds(claims: pd.DataFrame) -> None:
    text = claims_sentence(claims)
    assert text.startswith(f"{len(claims)} judgements of {claims['claim'].nunique()} claims")
    assert f"{(claims['verdict'] == HELD).sum()} held" in text
    assert len(claims_shown(claims)) == len(claims)
    # The paper's own numbers: LM does not fall outside, LCX falls most (.673 - .736).
    said = falls_sentence(paper_values("Figure 1"))
    assert "LM +0.007" in said
    assert "LCX -0.063" in said
