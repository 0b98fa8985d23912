"""Names of the attribution methods that are compared, and what each can say."""

from __future__ import annotations

IG, IG_FLAT, OCCLUSION = "integrated gradients", "integrated gradients from zero", "occlusion"
CAM_EARLY, CAM_LATE = "Grad-CAM, second stage", "Grad-CAM, last stage"
IG_CHANGE = "integrated gradients, with minus without"
AMPLITUDE, GROUPS, ADJUSTED = "size of the ECG", "group difference", "adjusted group difference"
PLANTED, ECG = "planted", "mean beat"

NETWORK = (IG, IG_FLAT, OCCLUSION, CAM_EARLY, CAM_LATE)
"""Methods that look into the network."""
TRIVIAL = (AMPLITUDE, GROUPS, ADJUSTED)
"""Maps that never see a network; a method that does not beat them has told nothing."""

CELLS, BY_LEAD, BY_WAVE = "lead and wave", "lead", "wave"
GRIDS = (CELLS, BY_LEAD, BY_WAVE)
TIME_ONLY = (CAM_EARLY, CAM_LATE)
"""Methods without a lead dimension: they are scored on waves alone."""

HEAD, WHOLE, SHUFFLED = "head", "whole network", "shuffled labels"


def spoken(method: str) -> str:
    """Return a method's name as it stands in a list of names, without a comma of its own."""
    name, _, rest = method.partition(", ")
    return f"{name} of the {rest}" if method in TIME_ONLY else f"{name} ({rest})" if rest else name
