"""The four augmentations of the paper, for a whole batch at once (Methods, training strategy)."""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import Tensor

from ccta_lib.errors import ParameterError
from ccta_lib.training.settings import TRANSFORMS

SHIFT_SHARE, SHIFT_PROBABILITY = 0.10, 0.8
AMPLITUDE_RANGE, AMPLITUDE_PROBABILITY = (0.9, 1.1), 0.8
NOISE_SD, NOISE_LIMIT, NOISE_PROBABILITY = 0.02, 0.1, 0.5
BLANK_RANGE, BLANK_PROBABILITY = (0.02, 0.10), 0.3


SCHEDULE_ENDS = {"paper": 0.5, "printed": 0.0, "constant": 1.0}
"""Strength each schedule falls to from 1, by a cosine."""


def augmentation_strength(epoch: float, epochs: int, *, schedule: str = "paper") -> float:
    """Return the strength in an epoch: 1 at the start, falling by a cosine.

    Parameters
    ----------
    epoch : counted from 0
    epochs : epochs of the whole run
    schedule : "paper" = to .5, as the paper's text and its authors' practice; "printed" = to 0, as equation 3 is
        printed; "constant" = 1 throughout

    Raises
    ------
    ParameterError
        If the epoch lies outside the run, or the schedule is unknown.
    """
    if epochs < 1 or not 0 <= epoch <= epochs:
        raise ParameterError(f"augmentation: epoch {epoch} of {epochs}; expected 0 to the number of epochs")
    if schedule not in SCHEDULE_ENDS:
        raise ParameterError(
            f"augmentation: schedule is {schedule!r}; expected one of {', '.join(SCHEDULE_ENDS)}"
        )
    low = SCHEDULE_ENDS[schedule]
    return (1 + low) / 2 + (1 - low) / 2 * math.cos(math.pi * epoch / epochs)


def augment(
    signals: Tensor,
    strength: float,
    *,
    generator: torch.Generator,
    transforms: Collection[str] = TRANSFORMS,
    part: slice = slice(None),
    whole: int | None = None,
) -> Tensor:
    """Shift, scale, add noise to and blank each ECG, each with its probability times `strength`.

    Parameters
    ----------
    signals : Tensor, shape (n, leads, samples)
        Standardised ECGs; left unchanged.
    strength : in [0, 1]; also scales the noise
    generator : source of all randomness
    transforms : those that act, of `TRANSFORMS`. All draw their numbers whether they act or not: leaving one out
        changes nothing of the others, nor of what is drawn later
    part, whole : `signals` are that part of a batch of `whole` ECGs, the rest of which other processes hold
        Everything is drawn for the whole batch, so that an ECG fares the same wherever it lies.

    Returns
    -------
    Tensor, shape (n, leads, samples)
        All leads of an ECG are shifted, scaled and blanked together.

    Raises
    ------
    ParameterError
        If the shape or the strength is wrong, or a transform unknown.
    """
    if signals.ndim != 3:
        raise ParameterError(
            f"augment: signals have shape {tuple(signals.shape)}; expected (n, leads, samples)"
        )
    if not 0 <= strength <= 1:
        raise ParameterError(f"augment: strength is {strength}; expected 0 to 1")
    unknown = sorted(set(transforms) - set(TRANSFORMS))
    if unknown:
        raise ParameterError(
            f"augment: transform {unknown[0]!r} is unknown; known are {', '.join(TRANSFORMS)}"
        )
    samples = signals.shape[-1]
    n = len(signals) if whole is None else whole
    device = signals.device

    def uniform(low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator, device=device)

    def chosen(probability: float) -> Tensor:
        return uniform() < probability * strength

    reach = int(SHIFT_SHARE * samples)
    shift = torch.randint(-reach, reach + 1, (n,), generator=generator, device=device)
    shift = torch.where(chosen(SHIFT_PROBABILITY), shift, 0)[part]
    time = torch.arange(samples, device=device)
    if "shift" in transforms:
        out = signals.gather(-1, ((time - shift[:, None]) % samples)[:, None].expand_as(signals))
    else:
        out = signals.clone()

    scale = torch.where(chosen(AMPLITUDE_PROBABILITY), uniform(*AMPLITUDE_RANGE), 1.0)[part]
    if "amplitude" in transforms:
        out *= scale[:, None, None].to(out.dtype)

    noisy = chosen(NOISE_PROBABILITY)
    if strength:
        noise = torch.randn(
            (int(noisy.sum()), *out.shape[1:]), generator=generator, device=device, dtype=out.dtype
        )
        if len(signals) < n:
            here = torch.zeros_like(noisy)
            here[part] = True
            noise = noise[here[noisy]]
        if "noise" in transforms:
            out[noisy[part]] += noise.mul_(NOISE_SD * strength).clamp_(-NOISE_LIMIT, NOISE_LIMIT)

    length = (uniform(*BLANK_RANGE) * samples).long()
    start = (uniform() * (samples - length + 1)).long()
    blank = (time >= start[:, None]) & (time < (start + length)[:, None])
    blank &= chosen(BLANK_PROBABILITY)[:, None]
    return out.masked_fill_(blank[part, None], 0.0) if "blank" in transforms else out
