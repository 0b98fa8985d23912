"""What the checks of today say of disturbed ECGs: counted on a few virtual ECGs, without a network (torch-free)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ccta_lib.cohort.ecg import Ecg, TooShortError, standardise
from ccta_lib.cohort.quality import Verdict, assess
from ccta_lib.evaluation.rates import wilson
from ccta_lib.simulate import DEFAULT_SETTINGS, CohortSizes
from ccta_lib.simulate.cohort import BLOCK, Job, block_signals
from ccta_lib.study.conditions import Condition, conditions


def virtual_ecgs(number: int, *, seed: int) -> np.ndarray:
    """Draw ECGs of as many virtual patients of the internal cohort: float32 (number, 12, 5000), millivolt."""
    job = Job(CohortSizes(number, number, number, 0, 0), seed, DEFAULT_SETTINGS)
    blocks = [block_signals(job, "internal", b) for b in range(-(-number // BLOCK))]
    return np.concatenate(blocks).astype(np.float32) / 1000


def judged(condition: Condition, signals: np.ndarray, *, seed: int) -> list[Verdict]:
    """Disturb ECGs and judge each as the reading of a cohort does; too short ones are excluded there, and here.

    Parameters
    ----------
    condition : what is done
    signals : (n, 12, 5000) millivolt, 500 Hz
    seed : of what is drawn
    """
    out = []
    for made in condition.apply(signals, seed=seed):
        try:
            stored = standardise(Ecg(signal=made, sampling_hz=condition.declared_hz))
        except TooShortError:
            out.append(Verdict("shorter than 10 s", ""))
        else:
            out.append(assess(stored))
    return out


def flag_table(*, number: int, seed: int, only: Sequence[str] | None = None) -> pd.DataFrame:
    """Count what becomes of disturbed virtual ECGs.

    Parameters
    ----------
    number : ECGs
    seed : of the ECGs and of what is done to them
    only : disturbances by name; None = all

    Returns
    -------
    DataFrame
        kind, what, n, excluded, flagged (counts), share (excluded or flagged), low, high (Wilson), said (reasons and
        flags, the most frequent first).
    """
    signals, rows = virtual_ecgs(number, seed=seed), []
    for condition in conditions():
        if only is not None and condition.what not in only:
            continue
        verdicts = judged(condition, signals, seed=seed)
        excluded = sum(bool(v.reason) for v in verdicts)
        flagged = sum(bool(v.note) and not v.reason for v in verdicts)
        words = pd.Series(
            [w for v in verdicts for w in ([str(v.reason)] if v.reason else v.note.split())], dtype=str
        )
        low, high = wilson(excluded + flagged, number)
        rows.append({"kind": condition.kind, "what": condition.what, "n": number, "excluded": excluded,
                     "flagged": flagged, "share": (excluded + flagged) / number, "low": float(low),
                     "high": float(high), "said": ", ".join(words.value_counts().index)})  # fmt: skip
    return pd.DataFrame(rows)
