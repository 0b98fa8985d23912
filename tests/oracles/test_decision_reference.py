"""Decision curves against dcurves for R (reference folder)."""

from __future__ import annotations

import numpy as np

from ccta_lib.evaluation import net_benefit, net_benefit_difference, net_benefit_survival

FEW = [0.05, 0.1, 0.15, 0.2, 0.35]


def check(compare, case, expected, model, got, risk):
    thresholds = np.array(expected["all"]["threshold"])
    for strategy, name in (("model", model), ("all", "all"), ("none", "none")):
        ours = got.loc[got["strategy"] == strategy, "net_benefit"].to_numpy()
        # dcurves moves a risk of exactly 0 below a threshold of 0; here p >= t is positive, so all are.
        kept = (thresholds > 0) | (strategy != "model") | (np.min(risk) > 0)
        compare(case, ours[kept], np.array(expected[name]["net_benefit"])[kept])


def test_binary_decision_curves(reference, compare):
    data, expected = reference.data("df_binary.csv"), reference.values("dca_binary")
    y = data["cancer"].astype(int)
    for model in ("cancerpredmarker", "famhistory"):
        risk = data[model].astype(float)
        got = net_benefit(y, risk, expected["thresholds"])
        check(compare, f"dca_binary {model}", expected["dca"], model, got, risk)
    risk = data["cancerpredmarker"]
    got = net_benefit(y, risk, FEW, harm=0.0333)
    check(compare, "dca_binary harm", expected["harm"], "cancerpredmarker", got, risk)
    avoided = net_benefit_difference(y, risk, FEW, n_boot=2)["avoided"] / 100
    theirs = expected["net_intervention_avoided_per_1"]["cancerpredmarker"]["net_intervention_avoided"]
    compare("dca_binary interventions avoided", avoided, theirs)


def test_survival_decision_curves(reference, compare):
    data, expected = reference.data("df_surv.csv"), reference.values("dca_survival")
    for horizon, key in ((1, "t1"), (1.5, "t1.5"), (2, "t2")):
        for model in ("cancerpredmarker", "famhistory"):
            risk = data[model].astype(float)
            got = net_benefit_survival(
                data["ttcancer"], data["cancer"].astype(int), risk, expected["thresholds"], horizon=horizon
            )
            check(compare, f"dca_survival {key}", expected[key], model, got, risk)
