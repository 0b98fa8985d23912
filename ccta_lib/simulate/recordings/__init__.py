"""Recordings written as the files that hospital systems export, for virtual exports, tests and timings.

Each file is small, honest and complete: what a real export of its kind must hold, and nothing that pretends to
come from a machine. What an `Ecg` says of whom and when goes where the format has a place for it. The same `Ecg`
gives the same bytes.

What `write_recording` wrote reads back within half a step of the format's own resolution (`STEP_MILLIVOLT`; the leads
that MUSE does not store, within one), and its time to the second; a value that the format cannot hold is an error,
never clipped. A recording_id that is no UID becomes one in DICOM; EDF and WFDB have no place for some fields.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ccta_lib.cohort.recording import Ecg
from ccta_lib.errors import ParameterError
from ccta_lib.simulate.recordings import arrays, binary, muse, sierra, xml
from ccta_lib.simulate.recordings.digits import STEP_MILLIVOLT

__all__ = ["STEP_MILLIVOLT", "WRITABLE", "write_recording"]

_WRITERS: dict[str, tuple[str, Callable[[Path, Ecg], None]]] = {
    "wfdb": (".hea", binary.write_wfdb),
    "edf": (".edf", binary.write_edf),
    "npy": (".npy", arrays.write_npy),
    "npz": (".npz", arrays.write_npz),
    "muse": (".xml", muse.write),
    "sierra": (".xml", sierra.write),
    "aecg": (".xml", xml.write_aecg),
    "dicom": (".dcm", binary.write_dicom),
    "cardiosoft": (".xml", xml.write_cardiosoft),
}
WRITABLE = tuple(_WRITERS)
"""Forms that `write_recording` takes."""


def write_recording(path: str | os.PathLike[str], ecg: Ecg, form: str) -> Path:
    """Write one recording in one form, and return the file to read (of WFDB: the header).

    Parameters
    ----------
    path : path without suffix
        Its folder is made where it is missing; a file that is there is replaced.
    ecg : Ecg
        Finite except in the forms that hold missing samples: wfdb, npy, npz, muse, dicom.
    form : one of `WRITABLE`
        `npy` holds the samples only, in millivolt; its rate stands nowhere in the file.

    Raises
    ------
    ParameterError
        If the form is unknown, or cannot hold this recording.
    """
    if form not in _WRITERS:
        raise ParameterError(f"form {form!r} is unknown; use one of {', '.join(WRITABLE)}")
    suffix, write = _WRITERS[form]
    target = Path(path)
    target = target.with_name(target.name + suffix)
    target.parent.mkdir(parents=True, exist_ok=True)
    write(target, ecg)
    return target
