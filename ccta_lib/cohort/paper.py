"""Table 1 of the paper as data: what it prints, for a comparison side by side."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

PAPER_SIZES = {"internal": 4620, "external": 2477, "followup": 400}
SEVERE, NOT_SEVERE = "Severe stenosis & occlusion", "Non-severe or normal"
MEAN, YOUNGER, OLDER, MISSING, UNKNOWN = "Mean ± SD", "<65", "≥65", "Missing", "Unknown"

# Characteristic, level, and the cells of the internal, external and follow-up columns exactly as printed.
_PRINTED = (
    ("Sex", "Male", "1,952 (42.3%)", "1,283 (51.8%)", "183 (45.8%)"),
    ("Sex", "Female", "1,922 (41.6%)", "1,194 (48.2%)", "217 (54.2%)"),
    ("Sex", MISSING, "746 (16.1%)", "0 (0.0%)", "0 (0.0%)"),
    ("Age (years)", MEAN, "64.5 ± 10.4", "63.1 ± 11.7", "63.14 ± 10.43"),
    ("Age (years)", YOUNGER, "1,886 (40.8%)", "1,223 (49.4%)", "199 (49.8%)"),
    ("Age (years)", OLDER, "1,988 (43.0%)", "1,252 (50.5%)", "201 (50.2%)"),
    ("Age (years)", MISSING, "746 (16.1%)", "2 (0.1%)", "0 (0.0%)"),
    ("Diabetes", "Yes", "1,433 (31.0%)", "889 (35.9%)", "97 (24.3%)"),
    ("Diabetes", "No", "3,187 (69.0%)", "1,588 (64.1%)", "303 (75.7%)"),
    ("Hypertension", "Yes", "2,411 (52.2%)", "1,256 (50.7%)", "171 (42.8%)"),
    ("Hypertension", "No", "2,209 (47.8%)", "1,221 (49.3%)", "229 (57.2%)"),
    ("Prior myocardial infarction", "Yes", "193 (4.2%)", "49 (2.0%)", "16 (4.0%)"),
    ("Prior myocardial infarction", "No", "4,427 (95.8%)", "2,428 (98.0%)", "384 (96.0%)"),
    ("RCA", SEVERE, "795 (17.2%)", "635 (25.6%)", "64 (16.0%)"),
    ("RCA", NOT_SEVERE, "3,825 (82.8%)", "1,842 (74.4%)", "336 (84.0%)"),
    ("LM", SEVERE, "235 (5.1%)", "52 (2.1%)", "4 (1.0%)"),
    ("LM", NOT_SEVERE, "4,385 (94.9%)", "2,425 (97.9%)", "396 (99.0%)"),
    ("LAD", SEVERE, "1,373 (29.7%)", "769 (31.0%)", "83 (20.8%)"),
    ("LAD", NOT_SEVERE, "3,247 (70.3%)", "1,708 (69.0%)", "317 (79.2%)"),
    ("LCX", SEVERE, "795 (17.2%)", "570 (23.0%)", "55 (13.8%)"),
    ("LCX", NOT_SEVERE, "3,825 (82.8%)", "1,907 (77.0%)", "345 (86.2%)"),
)
_COUNT = re.compile(r"([\d,]+) \(([\d.]+)%\)")
_MEAN_SD = re.compile(r"([\d.]+) ± ([\d.]+)")


def paper_table1() -> pd.DataFrame:
    """Return the paper's Table 1, counted at ECG level.

    Returns
    -------
    DataFrame
        The columns of `ccta_lib.cohort.table1.table1`; `n`, `percent`, `mean` and `sd` are the printed
        numbers, `text` the printed cell. The first row of each cohort is its size.
    """
    rows: list[tuple[object, ...]] = []
    for position, (cohort, size) in enumerate(PAPER_SIZES.items()):
        rows.append(("n", "", cohort, float(size), np.nan, np.nan, np.nan, f"{size:,}"))
        for characteristic, level, *cells in _PRINTED:
            text = cells[position]
            numbers = [np.nan] * 4
            if match := _COUNT.fullmatch(text):
                numbers[:2] = float(match[1].replace(",", "")), float(match[2])
            elif match := _MEAN_SD.fullmatch(text):
                numbers[2:] = float(match[1]), float(match[2])
            rows.append((characteristic, level, cohort, *numbers, text))
    table = pd.DataFrame(
        rows, columns=["characteristic", "level", "cohort", "n", "percent", "mean", "sd", "text"]
    )
    return table.assign(unit="ecg")
