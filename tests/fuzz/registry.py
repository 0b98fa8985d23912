"""All targets by name."""

from __future__ import annotations

from tests.fuzz.recordings import RECORDINGS
from tests.fuzz.tables import TABLES
from tests.fuzz.target import Target
from tests.fuzz.texts import TEXTS
from tests.fuzz.weights import WEIGHTS

TARGETS: dict[str, Target] = {t.name: t for t in [*RECORDINGS, *TABLES, *TEXTS, *WEIGHTS]}
