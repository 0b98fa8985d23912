"""The unit of a study's work."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One arm of one study under one seed.

    Attributes
    ----------
    study : name as in `ccta_lib.study.run.STUDIES`
    arm : what is varied; unique within study and seed
    seed : draws the virtual cohort, the split and the network: arms of one seed share everything else
    settings : whatever else the cell's result depends on, JSON values by name
    """

    study: str
    arm: str
    seed: int
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The cell in words, for progress and messages."""
        return f"{self.study}, {self.arm}, seed {self.seed}"

    def as_dict(self) -> dict[str, Any]:
        """Return the cell as JSON values."""
        return asdict(self)
