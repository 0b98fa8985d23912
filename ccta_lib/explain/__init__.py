"""Mean heartbeats of patient groups, where over leads and time they differ, and attributions of a network's answer.

Torch-free, but for the three attribution methods, which load torch and captum when they are called.
"""

from ccta_lib.explain.adjusted import GroupDifference, group_difference
from ccta_lib.explain.attribution import Gradients, grad_cam, integrated_gradients, occlusion
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
    "Gradients",
    "GroupDifference",
    "PatientBeats",
    "PeakScore",
    "cluster_table",
    "cluster_test",
    "contrast_table",
    "grad_cam",
    "group_difference",
    "integrated_gradients",
    "make_beats",
    "matched_sets",
    "occlusion",
    "patient_beats",
    "patient_groups",
    "planted_agreement",
    "planted_table",
    "r_peaks",
    "score_peaks",
    "wave_counts",
]
