"""What a target of fuzzing is: valid inputs, ways to damage them, and what must hold of the answer."""

from __future__ import annotations

import random
from pathlib import Path

from ccta_lib.errors import InputError
from tests.fuzz.damage import BYTES, Damage, Damaged, damaged


class Wrong(AssertionError):  # noqa: N818
    """An answer that cannot be right, or a refusal that is not one clear line per fault."""


class Target:
    """A reader under attack.

    `check` returns "read" or "refused"; any exception is a finding.
    """

    name = ""
    ways: tuple[Damage, ...] = BYTES
    # What the reader needs that may not be installed; its absence skips the target.
    needs: tuple[str, ...] = ()

    def samples(self, folder: Path) -> list[bytes]:
        """Inputs that are read whole."""
        raise NotImplementedError

    def damage(self, rng: random.Random, data: bytes) -> Damaged:
        """Damage one of the inputs."""
        return damaged(rng, data, self.ways)

    def check(self, folder: Path, data: bytes, kind: str) -> str:
        """Read an input, and raise if the answer cannot be right."""
        raise NotImplementedError

    @staticmethod
    def refused(error: InputError) -> str:
        """Check a refusal: at least one fault, each one line without control characters."""
        if not error.faults:
            raise Wrong("a refusal without a fault")
        for fault in error.faults:
            if not fault.strip() or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in fault):
                raise Wrong(f"a fault that is not one clear line: {fault[:300]!r}")
        return "refused"
