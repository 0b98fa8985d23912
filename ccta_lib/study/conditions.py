"""The list of what is done to ECGs in the study of transport: kinds of disturbance, their doses, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccta_lib.study import disturbances as do

HOME_HZ = 500.0  # of stored ECGs
CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")
FLOATING_MV = 0.05
CHUNK = 50
"""ECGs disturbed together; a constant, since it decides which random numbers each gets."""
Make = Callable[[np.ndarray, np.random.Generator], np.ndarray]
_DISTURBED = 7_000_201  # sets these random streams apart


@dataclass(frozen=True)
class Condition:
    """One thing that befalls ECGs.

    Attributes
    ----------
    kind : conditions of one kind share their random numbers, so that doses differ in size alone
    dose : its size, in the unit of the kind; 0 where there is no size
    what : in words, unique
    make : from ECGs (n, 12, 5000) in millivolt at 500 Hz, and a generator, to what the file holds
    declared_hz : sampling rate that the delivery states
    """

    kind: str
    dose: float
    what: str
    make: Make
    declared_hz: float = HOME_HZ

    def apply(self, signals: np.ndarray, *, seed: int) -> np.ndarray:
        """Return what the files of a delivery hold: float32 (n, 12, samples)."""
        kind = list(dict.fromkeys(c.kind for c in conditions())).index(self.kind)
        generator = np.random.default_rng([_DISTURBED, seed, kind])
        parts = [self.make(signals[i : i + CHUNK], generator) for i in range(0, len(signals), CHUNK)]
        return np.concatenate(parts).astype(np.float32)


def _plain(make: Callable[..., np.ndarray], *values: Any) -> Make:
    """Wrap a disturbance without chance."""

    def applied(signals: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return make(signals, *values)

    return applied


def _drawn(make: Callable[..., np.ndarray], *values: Any) -> Make:
    """Wrap a disturbance that draws."""

    def applied(signals: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return make(signals, *values, generator=generator)

    return applied


def _scaled(signals: np.ndarray, factor: float) -> np.ndarray:
    return signals * np.float32(factor)


def _twenty_seconds_at_250(signals: np.ndarray) -> np.ndarray:
    return do.at_rate(do.repeated(signals, 2 * signals.shape[-1]), 250)


def _then_zeros(signals: np.ndarray, seconds: float) -> np.ndarray:
    return do.padded(do.first_seconds(signals, seconds), signals.shape[-1])


def _played_twice(signals: np.ndarray) -> np.ndarray:
    return do.repeated(do.first_seconds(signals, 5), signals.shape[-1])


def conditions() -> list[Condition]:
    """List everything that is done to the test ECGs; the first is nothing."""
    listed = [Condition("none", 0, "as recorded", _plain(np.copy))]
    doses = {"wander": (do.wander, (0.3, 0.6, 1.2, 2.4)), "mains": (do.mains, (0.1, 0.4)),
             "muscle": (do.muscle, (0.06, 0.12, 0.24, 0.48))}  # fmt: skip
    for kind, (make, sizes) in doses.items():
        listed += [Condition(kind, size, f"{kind} of {size:g} mV", _drawn(make, size)) for size in sizes]
    for number, name in ((1, "V1"), (6, "V1-V6")):
        listed.append(Condition("flat lead", number, f"{name} flat", _plain(do.flat_leads, CHEST[:number])))
    for number, name in ((1, "V1"), (3, "V1-V3"), (6, "V1-V6")):
        make_noise = _drawn(do.floating_leads, CHEST[:number], FLOATING_MV)
        listed.append(Condition("floating electrode", number, f"{name} without contact", make_noise))
    swaps: dict[str, dict[str, str]] = {
        "right and left arm": {"RA": "LA", "LA": "RA"},
        "left arm and leg": {"LA": "LL", "LL": "LA"},
        "right arm and leg": {"RA": "LL", "LL": "RA"},
        "V1 and V2": {"C1": "C2", "C2": "C1"},
        "V1-V6 in reverse": {f"C{i}": f"C{7 - i}" for i in range(1, 7)},
    }
    for what, placed in swaps.items():
        make_swap = _plain(do.exchange_electrodes, placed)
        listed.append(Condition("exchanged electrodes", 0, what, make_swap))
    for factor in (0.5, 2.0, 10.0):
        listed.append(Condition("gain", factor, f"gain times {factor:g}", _plain(_scaled, factor)))
    listed += [
        Condition("gain", 1000, "microvolt taken for millivolt", _plain(_scaled, 1000)),
        Condition("gain", 0.001, "millivolt taken for microvolt", _plain(_scaled, 0.001)),
        Condition("export", 0, "columns II and III exchanged", _plain(do.exchange_leads, "II", "III")),
        Condition("export", 0, "lead I upside down", _plain(do.invert, ("I",))),
        Condition("export", 0, "all leads upside down", _plain(do.invert)),
        Condition("rate", 250, "250 Hz", _plain(do.at_rate, 250), 250),
        Condition("rate", 125, "125 Hz", _plain(do.at_rate, 125), 125),
        Condition("rate", 250, "10 s at 250 Hz, declared 500", _plain(do.at_rate, 250)),
        Condition("rate", 250, "20 s at 250 Hz, declared 500", _plain(_twenty_seconds_at_250)),
        Condition("rate", 500, "500 Hz, declared 250", _plain(np.copy), 250),
        Condition("length", 5, "5 s", _plain(do.first_seconds, 5)),
        Condition("length", 8, "8 s", _plain(do.first_seconds, 8)),
        Condition("length", 30, "30 s", _plain(do.repeated, 15_000)),
        Condition("length", 8, "8 s and zeros", _plain(_then_zeros, 8)),
        Condition("length", 5, "5 s and zeros", _plain(_then_zeros, 5)),
        Condition("length", 5, "5 s played twice", _plain(_played_twice)),
    ]
    return listed
