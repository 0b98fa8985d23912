"""CCTA reports of varied wording with the grade each lets a reader know.

The wording is split into three disjoint sets. *develop*, which whoever writes the rules may study, and
*score-once*, whose files they do not open and on which the rules are scored once, were written before any rule.
*second* was written later, by somebody who had read neither the rules nor the other two sets, so that rules
changed after the first score can be scored once more on wording nobody has seen. What a careful reader takes
from a text is written down in `wording_case`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pandas as pd
from scipy.special import ndtr

from ccta_lib.errors import ParameterError
from ccta_lib.schema import VESSELS, Grade, Vessel
from ccta_lib.simulate.exports import (
    reports_develop_en,
    reports_develop_zh,
    reports_score_once_en,
    reports_score_once_zh,
    reports_second_en,
    reports_second_zh,
)
from ccta_lib.simulate.exports.wording_case import Case
from ccta_lib.simulate.settings import DEFAULT_SETTINGS, Settings

SPLITS = ("develop", "score-once", "second")  # the index seeds the set: append only
LANGUAGES = ("zh", "en")
_CORRELATION = 0.4
_WORDING: dict[tuple[str, str], ModuleType] = {
    ("develop", "zh"): reports_develop_zh,
    ("develop", "en"): reports_develop_en,
    ("score-once", "zh"): reports_score_once_zh,
    ("score-once", "en"): reports_score_once_en,
    ("second", "zh"): reports_second_zh,
    ("second", "en"): reports_second_en,
}


@dataclass(frozen=True)
class Report:
    """One report: its text, the style it was written in, and the grade it lets a reader know (None: unknown)."""

    text: str
    style: str
    truth: Mapping[Vessel, Grade | None]


def write_report(
    grades: Mapping[Vessel, Grade], *, split: str, language: str, rng: np.random.Generator
) -> Report:
    """Write one report of these four grades in the wording of a split.

    Parameters
    ----------
    grades : dict of Vessel to Grade
        All four vessels.
    split : "develop", "score-once" or "second"
    language : "zh" or "en"
    rng : numpy.random.Generator

    Returns
    -------
    Report

    Raises
    ------
    ParameterError
        If split or language is not one of these.
    """
    _check(split, language)
    module = _WORDING[split, language]
    case = Case(grades, rng)
    style, text = module.BOOK.draw(case)
    return Report(module.blemish(text, case).strip(), style, dict(case.truth))


def report_set(
    split: str, *, n: int, seed: int, language: str, settings: Settings = DEFAULT_SETTINGS
) -> pd.DataFrame:
    """Write a set of reports with known truth.

    Parameters
    ----------
    split : "develop", "score-once" or "second"
    n : int
        Reports.
    seed : int
    language : "zh" or "en"
    settings : Settings
        Whose shares of the grades are drawn, correlated between the vessels.

    Returns
    -------
    pandas.DataFrame
        report, language, style, and grade_rca, grade_lm, grade_lad, grade_lcx: what a careful reader reads from
        that text, missing where the text does not say.

    Raises
    ------
    ParameterError
        If split or language is unknown, or n is negative.
    """
    _check(split, language)
    if n < 0:
        raise ParameterError(f"n: found {n}; give a whole number of at least 0")
    rng = np.random.default_rng([seed, SPLITS.index(split), LANGUAGES.index(language)])
    shares = np.array([settings.share_normal, settings.share_mild, settings.share_moderate,
                       settings.share_severe, settings.share_occluded])  # fmt: skip
    bounds = np.cumsum(shares / shares.sum(axis=0), axis=0)
    rows = []
    for _ in range(n):
        common, own = rng.standard_normal(), rng.standard_normal(len(VESSELS))
        u = ndtr(np.sqrt(_CORRELATION) * common + np.sqrt(1 - _CORRELATION) * own)
        grades = {
            v: list(Grade)[min(int((u[i] > bounds[:, i]).sum()), len(Grade) - 1)]
            for i, v in enumerate(VESSELS)
        }
        report = write_report(grades, split=split, language=language, rng=rng)
        truth = {v.grade_column: None if (g := report.truth[v]) is None else str(g) for v in VESSELS}
        rows.append({"report": report.text, "language": language, "style": report.style, **truth})
    columns = ["report", "language", "style", *[v.grade_column for v in VESSELS]]
    return pd.DataFrame(rows, columns=columns)


def _check(split: str, language: str) -> None:
    faults = []
    if split not in SPLITS:
        faults.append(f"split: found {split!r}; give one of {', '.join(SPLITS)}")
    if language not in LANGUAGES:
        faults.append(f"language: found {language!r}; give one of {', '.join(LANGUAGES)}")
    if faults:
        raise ParameterError(*faults)
