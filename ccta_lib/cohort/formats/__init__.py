"""Readers of recordings, one file per format. A format is recognised by what is in the file, not by its name.

To add one: a file with `matches` and `read`, and a line in `FORMATS`. Each file's first lines say what its reader
does and what it cannot do.
"""

from __future__ import annotations

from pathlib import Path

from ccta_lib.cohort.formats import aecg, arrays, cardiosoft, dicom, edf, muse, scp, sierra, wfdb_record
from ccta_lib.cohort.formats.base import Format, agreed_rate, itself
from ccta_lib.cohort.formats.safe_xml import root_name
from ccta_lib.errors import WaveformError

__all__ = ["FORMATS", "Format", "agreed_rate", "locate", "recognise"]

HEAD_BYTES = 16_384

FORMATS: tuple[Format, ...] = (
    Format("NumPy array (.npy)", arrays.is_npy, arrays.read_npy, itself),
    Format("NumPy archive (.npz)", arrays.is_npz, arrays.read_npz, itself),
    Format("GE MUSE XML", muse.matches, muse.read, itself),
    Format("Philips Sierra XML", sierra.matches, sierra.read, itself),
    Format("HL7 aECG", aecg.matches, aecg.read, itself),
    Format("GE CardioSoft XML", cardiosoft.matches, cardiosoft.read, itself),
    Format("DICOM", dicom.matches, dicom.read, itself),
    Format("EDF", edf.matches, edf.read, itself),
    Format("SCP-ECG", scp.matches, scp.read, itself),
    Format("WFDB record (.hea)", wfdb_record.matches, wfdb_record.read, wfdb_record.files),
)


def locate(path: Path) -> Path:
    """Return the file that is to be opened for a path as people write it.

    A WFDB record is written without suffix, or as one of its files: the header leads to the rest.
    """
    header = path.with_suffix(".hea") if path.suffix.lower() in {".dat", ".mat"} else Path(f"{path}.hea")
    if header.is_file():
        return header
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such recording"
        raise WaveformError(f"{path}: {what}; give a WFDB record, or a file of another format that is read")
    return path


def recognise(path: Path) -> Format:
    """Return the format of a file.

    Raises
    ------
    WaveformError
        If no reader knows it.
    """
    try:
        with open(path, "rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise WaveformError(f"{path}: cannot be opened ({error.strerror}); check the file") from error
    for candidate in FORMATS:
        if candidate.matches(path, head):
            return candidate
    if path.suffix.lower() in {".mat", ".dat"}:
        raise WaveformError(f"{path}: the WFDB header {path.with_suffix('.hea').name} is missing beside it; "
                            "without it leads, rate and unit are unknown")  # fmt: skip
    known = ", ".join(f.name for f in FORMATS)
    root = root_name(head)
    begins = f"XML with root element {root}" if root else f"begins with {head[:16]!r}"
    raise WaveformError(f"{path}: unknown format ({begins}); readable are {known}")
