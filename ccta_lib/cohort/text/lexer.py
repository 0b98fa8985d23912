"""Finds the words of the lexicon in a text, in one pass over it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from ccta_lib.cohort.text.lexicon import ENTRIES


class Token(NamedTuple):
    """One known word: its kind, what it carries, and where it stands in the normalised text."""

    kind: str
    value: Any
    start: int
    end: int


def tokens(text: str) -> Iterator[Token]:
    """Yield the known words of a normalised text, left to right, without overlap.

    At one place the earlier entry of the lexicon wins; a Latin word is tried at its beginning only.
    """
    found = _CANDIDATE.search(text)
    while found is not None:
        place = found.start()
        match = _matcher(found[0]).match(text, place)
        if match is None:
            place += 1
        else:
            kind, value, _, _ = ENTRIES[int(str(match.lastgroup)[1:])]
            yield Token(kind, value, place, match.end())
            place = match.end()
        found = _CANDIDATE.search(text, place)


def _alternatives(pattern: str) -> list[str]:
    """Part a pattern at the bars that stand in no group and no class."""
    parts, depth, in_class, start, i = [], 0, False, 0, 0
    while i < len(pattern):
        sign = pattern[i]
        if sign == "\\":
            i += 1
        elif in_class:
            in_class = sign != "]"
        elif sign == "[":
            in_class = True
        elif sign in "()":
            depth += 1 if sign == "(" else -1
        elif sign == "|" and depth == 0:
            parts.append(pattern[start:i])
            start = i + 1
        i += 1
    return [*parts, pattern[start:]]


def _possible_firsts(alternative: str) -> set[str]:
    """Return every character an alternative can begin with, and perhaps more."""
    if alternative[0] not in "\\([.^":
        following = alternative[1:2]
        if following not in ("?", "*", "{"):
            return {alternative[0]}
    found: set[str] = set()
    escaped = False
    for sign in alternative:
        if escaped:
            found |= {"d": set("0123456789"), "n": {"\n"}}.get(sign, {sign})
            escaped = False
        elif sign == "\\":
            escaped = True
        else:
            found.add(sign)
    if "0-" in alternative:
        found |= set("0123456789")
    return found


def _by_first() -> dict[str, list[str]]:
    """For each character the branches that can begin with it, in the order of the lexicon."""
    branches: dict[str, list[str]] = defaultdict(list)
    for i, (_, _, latin, han) in enumerate(ENTRIES):
        for pattern, is_latin in ((latin, True), (han, False)):
            kept: dict[str, list[str]] = defaultdict(list)
            for alternative in _alternatives(pattern) if pattern else ():
                for first in _possible_firsts(alternative):
                    if bool(_LETTER.match(first)) is is_latin:
                        kept[first].append(alternative)
            for first, alternatives in kept.items():
                branches[first].append(f"(?P<e{i}>{'|'.join(alternatives)})")
    return branches


_LETTER = re.compile(r"[a-zäöü#]")
_BRANCHES = _by_first()
_CANDIDATE = re.compile(
    f"(?<![a-zäöüß])[a-zäöü#]|[{''.join(re.escape(c) for c in sorted(_BRANCHES) if not _LETTER.match(c))}]"
)


@cache
def _matcher(first: str) -> re.Pattern[str]:
    return re.compile("|".join(_BRANCHES[first]) if first in _BRANCHES else "(?!)")
