"""Millivolts to the integers a file stores."""

from __future__ import annotations

import numpy as np

from ccta_lib.cohort.recording import Ecg
from ccta_lib.errors import ParameterError

# One step of the integers that each form stores, in millivolt: what the machines of that kind use.
STEP_MILLIVOLT = {
    "wfdb": 0.001,
    "edf": 0.001,
    "npy": 0.0,
    "npz": 0.0,
    "muse": 0.00488,
    "sierra": 0.005,
    "aecg": 0.0025,
    "dicom": 0.00125,
    "cardiosoft": 0.005,
}
MISSING = -(2**15)


def digits(ecg: Ecg, form: str, *, missing: bool = False) -> np.ndarray:
    """Return the samples as 16-bit integers (12, samples), int64, in steps of `STEP_MILLIVOLT[form]`.

    Parameters
    ----------
    missing : bool
        Whether the form holds missing samples; they become `MISSING`.

    Raises
    ------
    ParameterError
        If a sample is missing where the form holds none, or is out of range.
    """
    gone = ~np.isfinite(ecg.signal)
    if gone.any() and not missing:
        raise ParameterError(f"form {form} holds no missing samples; this recording has {int(gone.sum())}")
    values = np.rint(np.where(gone, 0, ecg.signal).astype(np.float64) / STEP_MILLIVOLT[form]).astype(np.int64)
    if np.abs(values).max(initial=0) >= 2**15:
        most = 2**15 * STEP_MILLIVOLT[form]
        raise ParameterError(
            f"form {form} holds up to {most:g} mV; this recording has {np.abs(ecg.signal).max():g}"
        )
    values[gone] = MISSING
    return values
