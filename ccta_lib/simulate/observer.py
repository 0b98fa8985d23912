"""The frozen ideal observer and ceiling: what ships, and how a simulated cohort uses it.

`attainable` makes the files in ``frozen/`` and says what they mean.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from ccta_lib.files import atomic_path, sha256_json
from ccta_lib.schema import VESSELS
from ccta_lib.simulate.settings import DEFAULT_SETTINGS, Settings
from ccta_lib.simulate.waves import FORMAT, Waves, features

FROZEN = Path(__file__).parent / "frozen"
"""Folder of the shipped observer, ceiling and learning curve; `estimate_ceiling` makes them again."""

OBSERVER, CEILING, CURVE = "ideal_observer.npz", "ceiling.csv", "learning_curve.csv"
COLUMNS = ["cohort", "vessel", "unit", "upper", "upper_se", "lower", "lower_se", "null_floor",
           "normal_ecg_upper", "n", "n_scored", "method", "note"]  # fmt: skip


def settings_key(settings: Settings) -> str:
    """Hash of what the distribution of waves depends on."""
    return sha256_json({"format": FORMAT, "settings": settings.of_waves()})


@dataclass(frozen=True)
class IdealObserver:
    """A frozen network from wave features to P(severe or occluded), one output per vessel.

    Attributes
    ----------
    mean, scale : float32 array, shape (features,)
    weights, biases : tuples of float32 arrays, layer by layer (rectified in between)
    line, line_bias : float32 arrays, shapes (features, 4), (4,)
        Logistic regression.
    line_share : float array, shape (4,)
        Its share in the log odds; the rest is the network's.
    key : str
        `settings_key` of the cohort it was fitted to.
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    line: np.ndarray
    line_bias: np.ndarray
    line_share: np.ndarray
    key: str

    def parts(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log odds by the network and by the line, each (n, 4)."""
        x = (z - self.mean) / self.scale
        hidden = x
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = np.maximum(hidden @ weight + bias, 0.0)
        return hidden @ self.weights[-1] + self.biases[-1], x @ self.line + self.line_bias

    def scores(self, z: np.ndarray) -> np.ndarray:
        """Probability per vessel, float64 (n, 4), from wave features (n, features)."""
        deep, straight = self.parts(z)
        return np.round(expit((1.0 - self.line_share) * deep + self.line_share * straight), 6)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write as .npz (arrays only, no pickle)."""
        arrays: dict[str, Any] = {"mean": self.mean, "scale": self.scale, "line": self.line,
                                  "line_bias": self.line_bias, "line_share": self.line_share}  # fmt: skip
        arrays["key"] = np.array(self.key)
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            arrays |= {f"weight{i}": weight, f"bias{i}": bias}
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> IdealObserver:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as f:
            layers = range(sum(name.startswith("weight") for name in f.files))
            return cls(f["mean"], f["scale"], tuple(f[f"weight{i}"] for i in layers),
                       tuple(f[f"bias{i}"] for i in layers), f["line"], f["line_bias"], f["line_share"],
                       str(f["key"]))  # fmt: skip


@lru_cache(maxsize=1)
def frozen_observer() -> IdealObserver:
    """Return the shipped ideal observer."""
    return IdealObserver.load(FROZEN / OBSERVER)


def ideal_scores(waves: Waves, settings: Settings) -> np.ndarray:
    """Score ECGs by the shipped observer, (n, 4); NaN where settings are not those it was frozen for.

    The null cohort is scored too: what the observer says where there is nothing to see.
    """
    key = frozen_observer().key
    if key not in {settings_key(settings), settings_key(DEFAULT_SETTINGS)} or (
        settings not in (DEFAULT_SETTINGS, DEFAULT_SETTINGS.without_disease())
    ):
        return np.full((len(waves), len(VESSELS)), np.nan)
    return frozen_observer().scores(features(waves)[0].astype(np.float32))


def ceiling_for(settings: Settings, cohorts: list[str]) -> pd.DataFrame:
    """Return the frozen ceiling of some cohorts (columns `COLUMNS`).

    In a null cohort the floor is the ceiling. For other settings than the frozen ones every value is NaN and
    the note says how to estimate it.
    """
    table = pd.read_csv(FROZEN / CEILING, float_precision="round_trip")
    key = table["key"].iloc[0]
    table = table[table["cohort"].isin(cohorts)][COLUMNS].reset_index(drop=True)
    if key == settings_key(settings):
        return table
    numbers = ["upper", "upper_se", "lower", "lower_se", "null_floor", "normal_ecg_upper"]
    if settings == DEFAULT_SETTINGS.without_disease() and key == settings_key(DEFAULT_SETTINGS):
        table["upper"] = table["null_floor"]
        table[["upper_se", "lower", "lower_se", "normal_ecg_upper"]] = np.nan
        table["note"] = "null cohort: ischaemia and infarct leave no trace, what remains is confounding"
        return table
    table[numbers] = np.nan
    table["note"] = "not estimated for these settings; run ccta simulate --ceiling"
    return table
