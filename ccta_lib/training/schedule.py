"""Learning rate over the steps of a run: linear warm-up, then cosine (Methods, training strategy)."""

from __future__ import annotations

import math

from ccta_lib.errors import ParameterError


def rate_factor(
    step: int, total_steps: int, *, warmup_fraction: float = 0.1, final_fraction: float = 0.01
) -> float:
    """Return the factor on the peak learning rate at a step.

    Parameters
    ----------
    step : optimiser step, counted from 0
    total_steps : steps of the whole run
    warmup_fraction : share of the steps with a linear rise that starts at 0
    final_fraction : factor the cosine reaches after the last step

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ParameterError
        If `step` lies outside the run.
    """
    if not 0 <= step < total_steps:
        raise ParameterError(
            f"schedule: step {step} of a run of {total_steps}; expected 0 to below the total"
        )
    warmup = int(warmup_fraction * total_steps)
    if step < warmup:
        return step / warmup
    progress = (step - warmup) / max(1, total_steps - warmup)
    return final_fraction + (1 - final_fraction) * 0.5 * (1 + math.cos(math.pi * progress))
