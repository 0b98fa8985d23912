"""Statistics of the results sections: numbers in, tidy tables out; no drawing, no files, no torch."""

from ccta_lib.evaluation.aggregate import aggregate
from ccta_lib.evaluation.auc import auc_difference, auc_difference_groups, auc_interval
from ccta_lib.evaluation.calibration import calibration_curve, calibration_groups, calibration_summary
from ccta_lib.evaluation.calibration_tables import (
    RISK_THRESHOLDS,
    calibration_bands,
    calibration_points,
    calibration_table,
    recalibration_table,
    threshold_table,
)
from ccta_lib.evaluation.competing import aalen_johansen
from ccta_lib.evaluation.cox import cox_hazard_ratio, proportional_hazards_test
from ccta_lib.evaluation.crossfit import crossfit_risk
from ccta_lib.evaluation.decision import net_benefit, net_benefit_difference, net_benefit_survival
from ccta_lib.evaluation.decision_tables import (
    decision_curves,
    decision_survival_curves,
    decision_table,
    operating_curves,
    opportunistic_table,
    opportunistic_thresholds,
)
from ccta_lib.evaluation.discrimination import discrimination_table
from ccta_lib.evaluation.followup import followup_patients
from ccta_lib.evaluation.incidence import infarction_at_risk, infarction_bars, infarction_curves
from ccta_lib.evaluation.infarction import infarction_table
from ccta_lib.evaluation.interaction import interaction_test
from ccta_lib.evaluation.multiplicity import holm
from ccta_lib.evaluation.rates import operating_points, rate_interval, wilson
from ccta_lib.evaluation.recalibration import (
    locally_updated_predictions,
    recalibrate,
    recalibrated_predictions,
)
from ccta_lib.evaluation.results import Difference, Interval, Test, Trend
from ccta_lib.evaluation.risk import risk_group_table, risk_groups
from ccta_lib.evaluation.roc import roc_points, roc_table
from ccta_lib.evaluation.severity import (
    jonckheere_terpstra,
    severity_points,
    severity_table,
    spearman_trend,
)
from ccta_lib.evaluation.subgroups import (
    stenosis_contrasts,
    subgroup_table,
    subgroup_tests,
    vessel_specificity,
)
from ccta_lib.evaluation.survival import kaplan_meier, logrank

__all__ = [
    "RISK_THRESHOLDS",
    "Difference",
    "Interval",
    "Test",
    "Trend",
    "aalen_johansen",
    "aggregate",
    "auc_difference",
    "auc_difference_groups",
    "auc_interval",
    "calibration_bands",
    "calibration_curve",
    "calibration_groups",
    "calibration_points",
    "calibration_summary",
    "calibration_table",
    "cox_hazard_ratio",
    "crossfit_risk",
    "decision_curves",
    "decision_survival_curves",
    "decision_table",
    "discrimination_table",
    "followup_patients",
    "holm",
    "infarction_at_risk",
    "infarction_bars",
    "infarction_curves",
    "infarction_table",
    "interaction_test",
    "jonckheere_terpstra",
    "kaplan_meier",
    "locally_updated_predictions",
    "logrank",
    "net_benefit",
    "net_benefit_difference",
    "net_benefit_survival",
    "operating_curves",
    "operating_points",
    "opportunistic_table",
    "opportunistic_thresholds",
    "proportional_hazards_test",
    "rate_interval",
    "recalibrate",
    "recalibrated_predictions",
    "recalibration_table",
    "risk_group_table",
    "risk_groups",
    "roc_points",
    "roc_table",
    "severity_points",
    "severity_table",
    "spearman_trend",
    "stenosis_contrasts",
    "subgroup_table",
    "subgroup_tests",
    "threshold_table",
    "vessel_specificity",
    "wilson",
]
