"""A virtual cohort whose truth is known: heart vector, twelve leads, patients, reports, follow-up."""

from ccta_lib.simulate.cohort import simulate_cohort
from ccta_lib.simulate.patients import CohortSizes
from ccta_lib.simulate.pretraining import PRETRAINING_TASKS, simulate_pretraining
from ccta_lib.simulate.settings import DEFAULT_SETTINGS, Settings, assumptions

__all__ = [
    "DEFAULT_SETTINGS",
    "PRETRAINING_TASKS",
    "CohortSizes",
    "Settings",
    "assumptions",
    "simulate_cohort",
    "simulate_pretraining",
]
