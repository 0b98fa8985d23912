"""Targets: every reader of recordings, on files it reads whole, with the signal that is in them."""

from __future__ import annotations

import base64
import random
import re
import zlib
from datetime import date, datetime
from pathlib import Path

import numpy as np

from ccta_lib.cohort import Ecg, read_ecg
from ccta_lib.cohort.ecg import source_files, standardise
from ccta_lib.cohort.quality import assess
from ccta_lib.cohort.recording import MOST_MILLIVOLT
from ccta_lib.errors import WaveformError
from ccta_lib.simulate.recordings import STEP_MILLIVOLT, WRITABLE, write_recording
from tests.fuzz.damage import BYTES, Damage, Damaged, damaged, element, flip
from tests.fuzz.scp_file import AVM, scp
from tests.fuzz.target import Target, Wrong

HZ, SAMPLES = 500.0, 300
XML = ("muse", "sierra", "aecg", "cardiosoft")
FORMS = (*WRITABLE, "scp")
# Between the header and the samples of a WFDB record, which are two files but one input here.
SEAM = b"\n#####seam#####\n"
_WAVE = re.compile(rb"(<WaveFormData>)([^<]+)(</WaveFormData>)")


def an_ecg(seed: int = 7) -> Ecg:
    """Noise of half a millivolt that obeys Einthoven's and Goldberger's relations, and says whom it is of."""
    generator = np.random.default_rng(seed)
    free = np.cumsum(generator.normal(0, 0.03, (8, SAMPLES)), axis=1)
    one, two = free[:2]
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    return Ecg(signal=np.stack([*limb, *free[2:]]).astype(np.float32), sampling_hz=HZ,
               time=datetime(2021, 3, 4, 5, 6, 7), patient_id="P1", patient_name="Doe, Jo", birth_date=date(1950, 1, 2),
               age=71, sex="M", statements=("Sinus rhythm",), recording_id="r")  # fmt: skip


class Recording(Target):
    """One form of recording.

    Where the damage is of a kind that the form can show (a file cut short; a bit of a sample flipped under a
    checksum), a reader that still returns must return the truth.
    """

    def __init__(self, form: str) -> None:
        self.name = f"ecg-{form}"
        self.form = form
        self.truth = an_ecg()
        self.step = 0.0051 if form == "scp" else 2.01 * STEP_MILLIVOLT.get(form, 0.001)
        self.ways: tuple[Damage, ...] = (*BYTES, element, element, element) if form in XML else BYTES

    def samples(self, folder: Path) -> list[bytes]:
        """One valid file."""
        if self.form == "scp":
            return [scp(folder / "whole.scp", self.truth.signal, differences=d).read_bytes() for d in (0, 1)]
        path = write_recording(folder / "whole", self.truth, self.form)
        data = path.read_bytes()
        return [data + SEAM + path.with_suffix(".dat").read_bytes() if self.form == "wfdb" else data]

    def damage(self, rng: random.Random, data: bytes) -> Damaged:
        """Damage of any kind; one in ten flips a bit of a sample that a checksum covers."""
        if rng.random() < 0.1 and self.form == "muse":
            return Damaged(_flip_muse(rng, data), "sample")
        if rng.random() < 0.1 and self.form == "wfdb":
            head, _, tail = data.partition(SEAM)
            return Damaged(head + SEAM + flip(rng, tail), "sample")
        if rng.random() < 0.1 and self.form == "npz":
            return Damaged(flip(rng, data), "sample")
        if rng.random() < 0.1 and self.form == "wfdb":
            head, _, tail = data.partition(SEAM)
            return Damaged(head + SEAM + tail[: rng.randrange(len(tail))], "cut")
        return damaged(rng, data, self.ways)

    def check(self, folder: Path, data: bytes, kind: str) -> str:
        """Read, standardise and judge the recording."""
        path = self._write(folder, data)
        try:
            source_files(path)
            ecg = read_ecg(path, sampling_hz=HZ if self.form == "npy" else None)
        except WaveformError as error:
            return self.refused(error)
        if ecg.signal.shape[0] != 12 or ecg.signal.dtype != np.float32 or not ecg.signal.shape[1]:
            raise Wrong(f"a signal of shape {ecg.signal.shape} and type {ecg.signal.dtype}")
        most = np.fmax.reduce(np.abs(ecg.signal), axis=None, initial=0)
        if np.isinf(ecg.signal).any() or most > MOST_MILLIVOLT:
            raise Wrong(f"a signal that reaches {most:g} mV")
        if not (np.isfinite(ecg.sampling_hz) and ecg.sampling_hz > 0):
            raise Wrong(f"a rate of {ecg.sampling_hz}")
        if kind in {"cut", "sample"}:
            self._compare(ecg, kind)
        try:
            if not assess(standardise(ecg)).reason and not np.isfinite(standardise(ecg)).all():
                raise Wrong("a signal that is kept and not finite")
        except WaveformError as error:
            self.refused(error)
        return "read"

    def _compare(self, ecg: Ecg, kind: str) -> None:
        if ecg.signal.shape != self.truth.signal.shape:
            raise Wrong(f"{kind}: {ecg.signal.shape} samples of {self.truth.signal.shape} in silence")
        if ecg.sampling_hz != HZ or not np.abs(ecg.signal - self.truth.signal).max() <= self.step:
            raise Wrong(f"{kind}: another signal than the file held before")

    def _write(self, folder: Path, data: bytes) -> Path:
        path = folder / ("r.hea" if self.form == "wfdb" else f"r.{self.form}")
        head, _, tail = data.partition(SEAM)
        path.write_bytes(head if self.form == "wfdb" else data)
        if self.form == "wfdb":
            path.with_name("whole.dat").write_bytes(tail)
        return path


def _flip_muse(rng: random.Random, data: bytes) -> bytes:
    match = rng.choice(list(_WAVE.finditer(data)))
    samples = flip(rng, base64.b64decode(match[2]))
    return data[: match.start(2)] + base64.b64encode(samples) + data[match.end(2) :]


def with_muse_checksums(data: bytes) -> bytes:
    """Make the checksums of a MUSE file fit whatever its samples are now."""

    def mended(match: re.Match[bytes]) -> bytes:
        samples = base64.b64decode(match[2])
        return b"<LeadDataCRC32>%d</LeadDataCRC32>%s" % (zlib.crc32(samples), match[0])

    return _WAVE.sub(mended, re.sub(rb"<LeadDataCRC32>[^<]*</LeadDataCRC32>", b"", data))


RECORDINGS = [Recording(form) for form in FORMS]
__all__ = ["AVM", "FORMS", "HZ", "RECORDINGS", "SAMPLES", "Recording", "an_ecg", "with_muse_checksums"]
