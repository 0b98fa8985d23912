"""Reporting guidelines as pages: every item, and where this book answers it, or that it does not.

The items and their answers stand in `book/reporting/*.yaml`, in our own words. A link names a page, or a figure or
table by its label; where this run does not hold the figure or table, the link leads to its chapter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import yaml

from ccta_lib.errors import InputError

STATES = {
    "answered": "answered",
    "partly": "partly",
    "no": "**not answered**",
    "does not arise": "does not arise",
}


@dataclass(frozen=True)
class Item:
    """One item of a guideline.

    Attributes
    ----------
    number, topic, asks : str
        Number in the guideline, its section, and what it asks for.
    state : str
        One of `STATES`.
    where : tuple of str
        Pages (`chapters/cohort`) or labels (`tab-cohort-table1`).
    note : str
        What a reader finds there, or why there is nothing.
    """

    number: str
    topic: str
    asks: str
    state: str
    where: tuple[str, ...]
    note: str


def read_items(path: Path) -> list[Item]:
    """Read a guideline's items.

    Raises
    ------
    InputError
        If an item lacks a part, has an unknown state, or is answered without saying where.
    """
    items, faults = [], []
    for number, values in yaml.safe_load(path.read_text(encoding="utf-8"))["items"].items():
        try:
            item = Item(str(number), values["topic"], values["asks"], values["state"], tuple(values.get("where", ())),
                        values["note"])  # fmt: skip
        except KeyError as error:
            faults.append(f"{path}: item {number} has no {error.args[0]}; add it")
            continue
        if item.state not in STATES:
            faults.append(
                f"{path}: item {number}: state is {item.state!r}; expected one of {', '.join(STATES)}"
            )
        if item.state in {"answered", "partly"} and not item.where:
            faults.append(f"{path}: item {number} is {item.state}, but names no place; add `where`")
        items.append(item)
    if faults:
        raise InputError(*faults)
    return items


def items_table(items: list[Item], *, labels: Collection[str], chapters: Collection[str]) -> str:
    """Return the items as MyST text, with a count of the states first.

    Parameters
    ----------
    items : items of one guideline
    labels : labels of figures and tables that this run holds
    chapters : names of the chapters
    """
    counts = Counter(i.state for i in items)
    tally = ", ".join(
        f"{counts[s]} {words.strip('*').replace('does not', 'do not')}" for s, words in STATES.items()
    )
    lines = ["| Item | Asks for | State | Where, and what is there |", "|---|---|---|---|"]
    for item in items:
        places = ", ".join(_link(place, labels, chapters) for place in item.where)
        cells = (
            f"{item.number} {item.topic}",
            item.asks,
            STATES[item.state],
            f"{places}{': ' if places else ''}{item.note}",
        )
        lines.append("| " + " | ".join(" ".join(c.split()).replace("|", "\\|") for c in cells) + " |")
    return f"{len(items)} items and parts of items: {tally}.\n\n" + "\n".join(lines) + "\n"


def chapter_of(label: str, chapters: Collection[str]) -> str:
    """Return the chapter whose figure or table a label names; empty if none does.

    The longest name wins: `fig-time-to-infarction-curves` is no figure of a chapter `time`.
    """
    rest = re.sub(r"^(fig|tab)-", "", label)
    return max((c for c in chapters if rest.startswith(f"{c}-")), key=len, default="")


def _link(place: str, labels: Collection[str], chapters: Collection[str]) -> str:
    if not place.startswith(("fig-", "tab-")):
        return f"{{doc}}`/{place}`"
    if place in labels:
        return f"{{numref}}`{place}`"
    return f"{{doc}}`/chapters/{chapter_of(place, chapters)}`"
