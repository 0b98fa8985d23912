"""Leaving out what nobody can see: long lines would make megabytes of SVG."""

from __future__ import annotations

import numpy as np


def thinned(x: np.ndarray, y: np.ndarray, tolerance: float) -> np.ndarray:
    """Leave out points of a line that others replace within `tolerance` of y (Douglas and Peucker 1973); (m, 2)."""
    keep = np.zeros(x.size, dtype=bool)
    keep[[0, -1]] = True
    spans = [(0, x.size - 1)]
    while spans:
        first, last = spans.pop()
        between = slice(first + 1, last)
        off = np.abs(y[between] - np.interp(x[between], x[[first, last]], y[[first, last]]))
        if off.size and off.max() > tolerance:
            middle = first + 1 + int(off.argmax())
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return np.column_stack([x[keep], y[keep]])
