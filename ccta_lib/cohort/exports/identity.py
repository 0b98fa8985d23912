"""Keyed pseudonyms: who somebody is becomes a number that only the holder of the key can make again."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError

_KEY_BYTES = 32
# Dates move by whole days, at most a year either way: the time of day and every interval stay.
MAX_SHIFT_DAYS = 365


class Pseudonyms:
    """Numbers for identifiers, from a secret key (BLAKE2b, keyed; 64 bits).

    Two of a million identifiers share a number with probability 3e-8.

    Parameters
    ----------
    key : bytes
    leading_zeros : "ignore" or "keep"
        Whether 00123 and 123 are one patient.
    """

    def __init__(self, key: bytes, *, leading_zeros: str = "ignore") -> None:
        self._key = key
        self._ignore_zeros = leading_zeros == "ignore"

    @property
    def fingerprint(self) -> str:
        """Tells two keys apart without giving either away."""
        return self._digest("fingerprint", "", size=6).hex()

    def number(self, kind: str, text: str) -> int:
        """Return the number of a text; 0 for an empty one, which is never anybody's."""
        if not text:
            return 0
        return int.from_bytes(self._digest(kind, text, size=8), "little", signed=True) or 1

    def patient(self, identifier: str) -> int:
        """Return the number of a patient identifier, written in whatever habit."""
        return self.number("patient", same_zeros(identifier) if self._ignore_zeros else identifier)

    def shift_days(self, patients: Iterable[int]) -> np.ndarray:
        """Days by which the dates of each patient move, int64; never 0."""
        span = 2 * MAX_SHIFT_DAYS
        days = {}
        for patient in set(map(int, patients)):
            drawn = int.from_bytes(self._digest("shift", str(patient), size=8), "little") % span
            days[patient] = drawn - MAX_SHIFT_DAYS if drawn < MAX_SHIFT_DAYS else drawn - MAX_SHIFT_DAYS + 1
        return np.array([days[int(p)] for p in patients], dtype=np.int64)

    def _digest(self, kind: str, text: str, *, size: int) -> bytes:
        return hashlib.blake2b(f"{kind}\0{text}".encode(), digest_size=size, key=self._key).digest()


def label(prefix: str, numbers: pd.Series | np.ndarray) -> np.ndarray:
    """Write numbers as identifiers of the cohort table: prefix and 16 hexadecimal digits."""
    return np.array([f"{prefix}{int(n) & 0xFFFFFFFFFFFFFFFF:016x}" for n in numbers], dtype=object)


def tidy(identifier: str) -> str:
    """Return an identifier as it is compared: no surrounding space, full-width characters made plain, upper case."""
    return unicodedata.normalize("NFKC", identifier).strip().upper()


def same_zeros(identifier: str) -> str:
    """Leave the leading zeros of a number out; anything else stays as it is."""
    return identifier.lstrip("0") or "0" if identifier.isdecimal() else identifier


def merge(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Give patients under several identifiers one number: the smallest of theirs, through any chain of pairs."""
    parent: dict[int, int] = {}

    def root(number: int) -> int:
        while parent.setdefault(number, number) != number:
            parent[number] = number = parent[parent[number]]
        return number

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return {number: root(number) for number in parent}


def load_key(path: str | os.PathLike[str], out: str | os.PathLike[str]) -> bytes:
    """Read the key, or make one that only its owner may read.

    Parameters
    ----------
    path : path
        Of the key file; without it the same inputs get other pseudonyms.
    out : path
        The folder of the results, in which the key must not lie: who has both can undo the pseudonyms.

    Raises
    ------
    InputError
        If the file lies inside `out`, others may read it, or it holds no key.
    """
    file = Path(path)
    if file.resolve().is_relative_to(Path(out).resolve()):
        raise InputError(
            f"{file}: the key lies inside {out}, which is meant to be passed on; keep it elsewhere"
        )
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(_KEY_BYTES) + "\n")
    mode = stat.S_IMODE(file.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        raise InputError(f"{file}: others may read the key (mode {mode:o}); run chmod 600 on it")
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except (ValueError, UnicodeDecodeError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise InputError(f"{file}: holds no key; expected {2 * _KEY_BYTES} hexadecimal digits (without the file a "
                         "new key is made, and with it new pseudonyms)")  # fmt: skip
    return key
