"""Which vessel a sentence speaks of: the nearest one named before, unless the wording points forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ccta_lib.cohort.text.lexer import Token
from ccta_lib.cohort.text.lexicon import segment_vessels
from ccta_lib.cohort.text.phrases import Event, clauses
from ccta_lib.schema import Vessel

_SUBJECTS = {
    "vessel",
    "left",
    "all",
    "three",
    "coronary",
    "rest",
    "local",
    "noncor",
    "graft",
    "native",
    "number",
}
_WITHIN_A_LIST = {"part", "and", "comma", "prep", "lumen", "sig", "paren", "colon", "into"}
_BEFORE_A_SUBJECT = {"prep", "part", "into", "sig", "lumen", "paren", "anat"}
MAIN_VESSELS = (Vessel.RCA, Vessel.LAD, Vessel.LCX)


@dataclass
class Group:
    """Vessels named together.

    Attributes
    ----------
    scope : str
        vessel, left (all of the left coronary), rest (those not spoken of), local (the rest of the same vessel),
        all, graft or noncor (another organ).
    units : list of tuple of Vessel
        One entry per name, in the order of the text.
    first, last : int
        Places of its first and last token in the sentence.
    bound : bool
        Whether something has been said of it.
    after_into : bool
        Whether "involving" stands directly before it.
    forward : bool
        Whether what was said of it stands before it ("stenosis of the RCA").
    numbered : bool
        Whether it is named by segment numbers only.
    """

    scope: str
    units: list[tuple[Vessel, ...]] = field(default_factory=list)
    first: int = 0
    last: int = 0
    bound: bool = False
    after_into: bool = False
    forward: bool = False
    numbered: bool = False

    @property
    def vessels(self) -> tuple[Vessel, ...]:
        """The vessels named, each once."""
        return tuple(dict.fromkeys(v for unit in self.units for v in unit))


def groups(tokens: Sequence[Token], text: str, found: Sequence[Event]) -> list[Group]:
    """Find the groups of vessels of one sentence.

    What follows "bifurcates into" or "arises from" in the same clause is anatomy and no subject. A list that
    follows a finding and runs straight into the next finding ("stenosis in the LAD, RCA normal") is parted at its
    last comma.
    """
    clause = clauses(tokens)
    structural: dict[int, int] = {}
    for i, token in enumerate(tokens):
        if token.kind == "struct":
            structural.setdefault(clause[i], i)
    runs: list[list[int]] = []
    open_run = False
    for i, token in enumerate(tokens):
        if token.kind in _SUBJECTS:
            if structural.get(clause[i], i) < i:
                open_run = False
                continue
            separate = token.kind == "noncor" or (runs and tokens[runs[-1][-1]].kind == "noncor")
            separate = separate or (token.kind == "native" and tokens[i - 1].kind in ("colon", "comma"))
            if open_run and not separate:
                runs[-1].append(i)
            else:
                runs.append([i])
            open_run = True
        elif token.kind not in _WITHIN_A_LIST:
            open_run = False
    parted: list[list[int]] = []
    for run in runs:
        parted += _part(run, tokens, found)
    made = [_group(run, tokens, text) for run in parted]
    for group in made:
        group.after_into = any(t.kind == "into" for t in tokens[max(group.first - 2, 0) : group.first])
    return made


def _part(run: list[int], tokens: Sequence[Token], found: Sequence[Event]) -> list[list[int]]:
    if len(run) < 2 or tokens[run[0] - 1].kind == "comma" or not any(e.last < run[0] for e in found):
        return [run]
    following = run[-1] + 1
    while following < len(tokens) and tokens[following].kind in ("part", "colon", "lumen"):
        following += 1
    if not any(e.first == following for e in found):
        return [run]
    commas = [k for k, (a, b) in enumerate(pairwise(run), 1)
              if any(t.kind == "comma" for t in tokens[a:b])]  # fmt: skip
    if not commas:
        return [run]
    return [run[: commas[-1]], run[commas[-1] :]]


def _group(run: list[int], tokens: Sequence[Token], text: str) -> Group:
    kinds = {tokens[i].kind for i in run}
    units: list[tuple[Vessel, ...]] = []
    named = "vessel" in kinds
    for i in run:
        token = tokens[i]
        if token.kind == "vessel" and not (
            units and token.value == units[-1] and tokens[i - 1].kind in ("paren", "vessel") and i > run[0]
        ):  # "right coronary artery (RCA)" is one name
            units.append(token.value)
        elif token.kind == "left" and not _names_left(run, tokens):
            units += [(v,) for v in token.value]
        elif token.kind == "three" and "rest" not in kinds:
            units += [(v,) for v in MAIN_VESSELS]
        elif token.kind == "number" and not named:
            units += [(v,) for v in segment_vessels(text[token.start : token.end])]
    group = Group("vessel", units, run[0], run[-1], numbered="number" in kinds and not named)
    if units and not named and "left" in kinds:
        group.scope = "left"
        return group
    if "graft" in kinds:
        group.scope = "graft"
    elif "native" in kinds:
        group.scope = "vessel" if units else "rest" if "rest" in kinds else "native"
    elif units:
        group.scope = "vessel"
    elif "noncor" in kinds:
        group.scope = "noncor"
    elif "local" in kinds and not kinds & {"coronary", "all"}:
        group.scope = "local"
    elif kinds & {"rest", "local"}:
        group.scope = "rest"
    elif "all" in kinds:
        group.scope = "all"
    elif "number" in kinds:
        group.scope = "noncor"  # a number that is no coronary segment
    else:
        group.scope = "coronary"
    return group


def _names_left(run: list[int], tokens: Sequence[Token]) -> bool:
    """Tell whether a list that holds "left coronary" also names one of its arteries, so that it is a heading."""
    return any(v is not Vessel.RCA for i in run if tokens[i].kind == "vessel" for v in tokens[i].value)


def bind(
    tokens: Sequence[Token], found: Sequence[Event], made: Sequence[Group]
) -> list[tuple[Event, Group | None, tuple[Vessel, ...]]]:
    """Give each event its group, and the vessels of that group it speaks of; None when the sentence names none.

    In this order: "stenosis of the RCA" points forward; a group before the event of which nothing was said yet;
    "severe RCA stenosis" points forward; the last group before it; a group after it.
    """
    pairs: list[tuple[Event, Group | None, tuple[Vessel, ...]]] = []
    settled: set[int] = set()
    for i, token in enumerate(tokens):
        if token.kind == "respectively":
            for event, group, vessels in _in_order(i, found, made):
                settled.add(id(event))
                pairs.append((event, group, vessels))
    for event in found:
        if id(event) in settled:
            continue
        subject = _subject(event, tokens, found, made)
        if subject is not None:
            subject.bound = True
        pairs.append((event, subject, subject.vessels if subject else ()))
    return pairs


def _subject(
    event: Event, tokens: Sequence[Token], found: Sequence[Event], made: Sequence[Group]
) -> Group | None:
    before = next((g for g in reversed(made) if g.last <= event.last and g.first < event.last), None)
    after = next((g for g in made if g.first > event.last), None)
    inside = next((g for g in reversed(made) if event.first < g.first <= event.last), None)
    if inside is not None and event.kind in ("degree", "normal"):
        return inside
    if after is not None and _points_forward(event, after, tokens, before):
        after.forward = True
        return after
    opens = event.kind == "degree" and not event.has_noun and (before is None or before.forward)
    if after is not None and opens and [t.kind for t in tokens[event.last + 1 : after.first]] == ["paren"]:
        after.forward = True  # "mild (LAD)"
        return after
    if before is not None and not before.bound:
        return before
    next_event = next((e for e in found if e.first > event.last), None)
    ahead = after is not None and (next_event is None or next_event.first > after.first)
    if after is not None and ahead and event.kind == "degree" and not event.has_noun and not after.bound:
        beyond = after.last + 1
        if beyond < len(tokens) and tokens[beyond].kind in ("stenosis", "lesion"):
            after.forward = True
            return after
    if before is not None and before.forward and after is not None and ahead:
        passed = any(t.kind in ("comma", "and") for t in tokens[before.last + 1 : event.first])
        if passed and not any(t.kind == "comma" for t in tokens[event.last + 1 : after.first]):
            after.forward = True
            return after
    if before is not None:
        return before
    if after is not None and ahead:
        between = [t.kind for t in tokens[event.last + 1 : after.first]]
        alone = not any(e.first > after.last for e in found)
        if "but" not in between and (alone or "comma" not in between):
            after.forward = True
            return after
    return None


def _points_forward(event: Event, after: Group, tokens: Sequence[Token], before: Group | None) -> bool:
    """Tell whether "of the", "in the", "involving the" leads from the event straight to the group."""
    between = [t.kind for t in tokens[event.last + 1 : after.first]]
    if not between or not set(between) <= _BEFORE_A_SUBJECT:
        return False
    if after.scope in ("local", "noncor") and before is not None:
        return False
    return "prep" in between or ("into" in between and before is None)


def _in_order(
    place: int, found: Sequence[Event], made: Sequence[Group]
) -> list[tuple[Event, Group, tuple[Vessel, ...]]]:
    """Match degrees to names one to one for the "respectively" at `place`; when the counts differ, doubt each."""
    several = [k for k, g in enumerate(made) if len(g.units) > 1]
    if not several:
        return []
    index = next((k for k in reversed(several) if made[k].last < place), several[0])
    group = made[index]
    left = made[index - 1].last if index else -1
    right = made[index + 1].first if index + 1 < len(made) else 10**9
    said = [e for e in found if e.kind in ("degree", "normal")]
    after = [e for e in said if group.last < e.first < right]
    before = [e for e in said if left < e.first < group.first]
    for run in (after, before):
        if len(run) == len(group.units):
            group.bound = True
            return [(e, group, unit) for e, unit in zip(run, group.units, strict=True)]
    run = max(after, before, key=len)
    if len(run) < 2 or len({e.degree.grade for e in run}) == 1:
        return []
    for event in run:
        event.unsure = True
    group.bound = True
    return [(e, group, group.vessels) for e in run]
