"""Mean heartbeats of patient groups, and where over leads and time the groups differ. Torch-free."""

from ccta_lib.explain.beats import PatientBeats, make_beats, patient_beats, patient_groups
from ccta_lib.explain.contrast import Contrast, cluster_test, matched_sets
from ccta_lib.explain.peaks import PeakScore, r_peaks, score_peaks
from ccta_lib.explain.summary import (
    cluster_table,
    contrast_table,
    planted_agreement,
    planted_table,
    wave_counts,
)

__all__ = [
    "Contrast",
    "PatientBeats",
    "PeakScore",
    "cluster_table",
    "cluster_test",
    "contrast_table",
    "make_beats",
    "matched_sets",
    "patient_beats",
    "patient_groups",
    "planted_agreement",
    "planted_table",
    "r_peaks",
    "score_peaks",
    "wave_counts",
]
