"""What every page, figure, PDF and command must say about the patients behind the numbers."""

from __future__ import annotations

BANNERS = {
    "simulated": (
        "Simulated patients.",
        "Every ECG, report, stenosis and infarction was drawn by a program whose difficulty was set so that "
        "accuracy falls near the published values. Nothing here is evidence that ECGs reveal coronary stenosis, "
        "that the paper is right or wrong, or that a threshold is safe. Not for clinical use.",
    ),
    "real_proxy": (
        "Real ECGs, proxy labels.",
        "The grades stand for an infarct or ischaemia territory read from the ECG or the clinical record, not for "
        "CCTA. No result here is a result about coronary CT angiography. Not for clinical use.",
    ),
    "user": (
        "A user's own cohort.",
        "Computed from tables that were given to the program; their labels were not verified by it. "
        "Not for clinical use.",
    ),
}
MARKS = {"simulated": "Simulated patients", "real_proxy": "Real ECGs, proxy labels (not CCTA)", "user": ""}
CAPTION_START = {"simulated": "Simulated: ", "real_proxy": "Proxy labels: ", "user": ""}


def banner_text(data_kind: str) -> str:
    """Return the banner as one paragraph of plain text."""
    return " ".join(BANNERS[data_kind])
