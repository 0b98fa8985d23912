"""SCP-ECG (EN 1064) is recognised, so that its refusal can say what to do.

Judged in November 2026: of what PyPI offers, `biosig` alone reads SCP-ECG. It builds a C library under the GPL on
the user's machine, has no wheels for this platform and gives no checksum errors to Python; a reader by hand would
mean Huffman tables, bimodal compression and reference beats without a single test recording to hold it against. A
recording that is wrong in silence would be worse than one that is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from ccta_lib.errors import WaveformError


def matches(path: Path, head: bytes) -> bool:
    """Whether section 0 bears the name that EN 1064 gives it."""
    return head[16:22] == b"SCPECG"


def read(path: Path, stated: float | None, row: int | None) -> NoReturn:
    """Refuse, in one line."""
    raise WaveformError(f"{path}: SCP-ECG, which is not read; export it as DICOM or HL7 aECG from the archive, "
                        "or convert it with ECG Toolkit or BioSig")  # fmt: skip
