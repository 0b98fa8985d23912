"""From the heart vector to twelve leads.

Eight leads (I, II, V1-V6) are independent; III, aVR, aVL and aVF follow from I and II by Einthoven's and
Goldberger's relations. `complete` rounds I and II to 2 microvolt, so that the relations hold exactly in
whole microvolts.
"""

from __future__ import annotations

import numpy as np

INDEPENDENT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")

DOWER = np.array([
    [0.632, -0.235, 0.059],
    [0.235, 1.066, -0.132],
    [-0.515, 0.157, -0.917],
    [0.044, 0.164, -1.387],
    [0.882, 0.098, -1.277],
    [1.213, 0.127, -0.601],
    [1.125, 0.127, -0.086],
    [0.831, 0.076, 0.230],
])  # fmt: skip
"""Dower 1980: rows `INDEPENDENT`, columns X (left), Y (down), Z (back)."""

LIMB = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0], [-0.5, -0.5], [1.0, -0.5], [-0.5, 1.0]])
"""I, II, III, aVR, aVL, aVF from I and II."""


def twelve(independent: np.ndarray) -> np.ndarray:
    """Derive twelve lead amplitudes from the eight independent ones.

    Parameters
    ----------
    independent : array, shape (n, 8, ...)

    Returns
    -------
    array, shape (n, 12, ...)
        In the order of `ccta_lib.schema.LEADS`.
    """
    limb = np.einsum("ij,nj...->ni...", LIMB, independent[:, :2])
    return np.concatenate([limb, independent[:, 2:]], axis=1)


def complete(independent: np.ndarray) -> np.ndarray:
    """Turn eight leads in millivolt into twelve in whole microvolts.

    Parameters
    ----------
    independent : array, shape (8, samples), millivolt

    Returns
    -------
    int16 array, shape (12, samples), microvolt
        Einthoven's and Goldberger's relations hold exactly.
    """
    rounded = np.rint(independent * np.float32(500.0)).astype(np.int16)
    rounded *= 2
    out = np.empty((12, independent.shape[1]), dtype=np.int16)
    one, two = rounded[0], rounded[1]
    out[0], out[1] = one, two
    np.subtract(two, one, out=out[2])
    half_one, half_two = one // 2, two // 2
    np.negative(half_one + half_two, out=out[3])
    np.subtract(one, half_two, out=out[4])
    np.subtract(two, half_one, out=out[5])
    out[6:] = rounded[2:]
    return out


def lead_fields(
    n: int, *, shift_cm: float, spacing_cm: float, rotation_sd: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw each ECG's own lead field.

    The chest electrodes are misplaced along the row V1-V6; a lead vector between two positions is
    interpolated (beyond V1 and V6 extrapolated). `rotation_sd` turns the heart in the chest.

    Returns
    -------
    array, shape (n, 8, 3)
    """
    fields = np.broadcast_to(DOWER, (n, 8, 3)).copy()
    shift = rng.normal(0.0, shift_cm / spacing_cm, size=(n, 6, 1))
    steps = np.diff(DOWER[2:], axis=0)
    forward = np.concatenate([steps, steps[-1:]])
    backward = np.concatenate([steps[:1], steps])
    fields[:, 2:] += np.where(shift > 0, shift * forward, shift * backward)
    if rotation_sd > 0:
        fields = fields @ rotations(n, sd_degrees=rotation_sd, rng=rng)
    return fields


def rotations(n: int, *, sd_degrees: float, rng: np.random.Generator) -> np.ndarray:
    """Draw rotations about random axes by normal angles (Rodrigues' formula), shape (n, 3, 3)."""
    axis = rng.normal(size=(n, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.deg2rad(rng.normal(0.0, sd_degrees, size=n))[:, None, None]
    cross = np.zeros((n, 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    cross -= cross.transpose(0, 2, 1)
    return np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * (cross @ cross)
