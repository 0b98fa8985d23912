"""What one CCTA report has to say, and the little choices its writer makes; no wording here.

A *style* is a function that turns a `Case` into the text of one report. It may leave a vessel out, or say it
cannot be judged: then it calls `Case.unknown`, so that the planted truth is always what a careful reader could
take from that very text, no more.

What a careful reader takes from a text (the conventions of the planted truth)
-----------------------------------------------------------------------------
- Percent: < 25 normal, 25-49 mild, 50-69 moderate, 70-98 severe, >= 99 occluded (`Grade.from_percent`).
- A range counts by its upper end. Ranges that are a reporting category count as that category (1-24, 25-49,
  50-69, 70-99 %: normal, mild, moderate, severe); "< 50 %" is mild, "> 70 %" severe. A range that otherwise ends
  on a boundary is not planted, since readers differ on it.
- Minimal is normal (< 25 %). Mild to moderate is moderate, moderate to severe is severe.
- "No significant stenosis" is normal. "Significant stenosis" without more is unknown.
- Plaque whose effect on the lumen is not stated: unknown. Plaque without stenosis: normal.
- The worst lesion of a vessel counts. Diagonal and septal belong to LAD, obtuse marginal and ramus intermedius to
  LCX, PDA and PLV to RCA; a left PDA or PLV (left dominance) to LCX.
- A stent counts by its lumen: patent is normal, restenosis as stated, not assessable is unknown.
- The grade is that of the native artery; what is said of a bypass graft says nothing of it.
- A myocardial bridge alone is normal. A vessel that cannot be evaluated is unknown.
- The present examination counts, not the one it is compared with.
- CAD-RADS 0 or 1 says all vessels are normal; a higher category alone says nothing of a single vessel.
- A vessel that no sentence covers is unknown; "other vessels" covers it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from ccta_lib.schema import VESSELS, Grade, Vessel

T = TypeVar("T")


def full_width(text: str, signs: str) -> str:
    """Replace these ASCII signs by their full-width forms (U+FF01 to U+FF5E)."""
    return text.translate({ord(sign): ord(sign) + 0xFEE0 for sign in signs})


_PERCENTS = {
    Grade.NORMAL: (5, 10, 15, 20),
    Grade.MILD: (25, 30, 35, 40, 45, 48),
    Grade.MODERATE: (50, 55, 60, 65, 68),
    Grade.SEVERE: (70, 75, 80, 85, 90, 95),
    Grade.OCCLUDED: (99, 100),
}
_RANGES = {
    Grade.NORMAL: ((1, 24), (10, 20), (5, 10)),
    Grade.MILD: ((25, 49), (30, 40), (25, 30), (35, 45)),
    Grade.MODERATE: ((50, 69), (50, 60), (55, 65), (60, 65)),
    Grade.SEVERE: ((70, 99), (70, 80), (80, 90), (75, 85), (90, 95)),
    Grade.OCCLUDED: ((99, 100),),
}


@dataclass
class Case:
    """Grades to report, the writer's dice, and the truth that remains readable.

    Attributes
    ----------
    grades : dict of Vessel to Grade
    rng : numpy.random.Generator
    truth : dict of Vessel to Grade or None
        Starts as `grades`; a style takes away what its text does not let a reader know.
    """

    grades: Mapping[Vessel, Grade]
    rng: np.random.Generator
    truth: dict[Vessel, Grade | None] = field(init=False)

    def __post_init__(self) -> None:
        self.truth = {v: self.grades[v] for v in VESSELS}

    def pick(self, options: Sequence[T]) -> T:
        """One of several, all equally likely."""
        return options[int(self.rng.integers(len(options)))]

    def chance(self, probability: float) -> bool:
        """Say yes with this probability."""
        return bool(self.rng.random() < probability)

    def maybe(self, probability: float, text: str) -> str:
        """Give the text with this probability, else nothing."""
        return text if self.chance(probability) else ""

    def shuffled(self, items: Iterable[T]) -> list[T]:
        """All items in random order."""
        listed = list(items)
        return [listed[i] for i in self.rng.permutation(len(listed))]

    def sample(self, items: Sequence[T], low: int, high: int) -> list[T]:
        """Between `low` and `high` different items, in random order."""
        return self.shuffled(items)[: int(self.rng.integers(low, min(high, len(items)) + 1))]

    def percent(self, grade: Grade) -> int:
        """A percentage of this grade, as a reader would write it."""
        return self.pick(_PERCENTS[grade])

    def range(self, grade: Grade, dash: str = "-", unit: str = "%") -> str:
        """A range of percentages of this grade."""
        low, high = self.pick(_RANGES[grade])
        return f"{low}{dash}{high}{unit}"

    def unknown(self, *vessels: Vessel) -> None:
        """Take back what the text does not say of these vessels."""
        for v in vessels:
            self.truth[v] = None

    def only(self, vessels: Iterable[Vessel]) -> None:
        """Keep the truth of these vessels only: the text does not cover the others."""
        kept = set(vessels)
        self.unknown(*(v for v in VESSELS if v not in kept))

    def up_to(self, grade: Grade) -> Grade:
        """Grade of a further lesion in the same vessel: no worse than this one, at least mild if it can be."""
        return self.pick([g for g in Grade if min(1, grade.rank) <= g.rank <= grade.rank])

    @property
    def diseased(self) -> list[Vessel]:
        """Vessels of at least mild stenosis, the paper's order."""
        return [v for v in VESSELS if self.grades[v] is not Grade.NORMAL]

    @property
    def healthy(self) -> list[Vessel]:
        """Vessels below 25 %."""
        return [v for v in VESSELS if self.grades[v] is Grade.NORMAL]

    @property
    def worst(self) -> Grade:
        """The worst grade of the four."""
        return max(self.grades.values(), key=lambda g: g.rank)

    def by_grade(self) -> list[tuple[Grade, list[Vessel]]]:
        """Vessels that share a grade, worst first."""
        return [
            (g, vessels) for g in reversed(Grade) if (vessels := [v for v in VESSELS if self.grades[v] is g])
        ]

    def cad_rads(self, *, plaque: bool = False) -> str:
        """CAD-RADS 2.0 category of the worst lesion; `plaque` makes a scan without stenosis a 1."""
        worst = self.worst
        if worst is Grade.SEVERE:
            severe = [v for v in VESSELS if v is not Vessel.LM and self.grades[v].rank >= Grade.SEVERE.rank]
            main = self.grades[Vessel.LM].rank >= Grade.MODERATE.rank
            return "4B" if main or len(severe) == 3 else "4A"
        if worst is Grade.NORMAL:
            return "1" if plaque else "0"
        return {Grade.MILD: "2", Grade.MODERATE: "3", Grade.OCCLUDED: "5"}[worst]


@dataclass(frozen=True)
class Style:
    """A way to write a report: its name, how often it is used, which patients it suits, and the writer."""

    name: str
    weight: float
    suits: Callable[[Case], bool]
    write: Callable[[Case], str]


class StyleBook:
    """The styles of one language and one split."""

    def __init__(self) -> None:
        self.styles: list[Style] = []

    def style(
        self, name: str, *, weight: float = 1.0, suits: Callable[[Case], bool] = lambda case: True
    ) -> Callable[[Callable[[Case], str]], Callable[[Case], str]]:
        """Enter a style; a decorator."""

        def enter(write: Callable[[Case], str]) -> Callable[[Case], str]:
            self.styles.append(Style(name, weight, suits, write))
            return write

        return enter

    def draw(self, case: Case) -> tuple[str, str]:
        """Write one report; return style and text."""
        fitting = [s for s in self.styles if s.suits(case)]
        weights = np.array([s.weight for s in fitting])
        style = fitting[int(case.rng.choice(len(fitting), p=weights / weights.sum()))]
        return style.name, style.write(case)
