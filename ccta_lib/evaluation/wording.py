"""Numbers as text, the same in figures and in tables."""

from __future__ import annotations

import numpy as np


def p_text(p: float) -> str:
    """Write a p-value: `< 0.001`, else three decimals; a dash where there is none."""
    if np.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def interval_text(estimate: float, low: float, high: float, *, digits: int = 2) -> str:
    """Write an estimate with its limits; without limits the estimate alone."""
    if np.isnan(estimate):
        return "not estimable"
    limits = "" if np.isnan(low) and np.isnan(high) else f" [{_limit(low, digits)}, {_limit(high, digits)}]"
    return f"{estimate:.{digits}f}{limits}"


def _limit(value: float, digits: int) -> str:
    return "–" if np.isnan(value) else f"{value:.{digits}f}"
