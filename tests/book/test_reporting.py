"""Guidelines: every item once, no answer without a place, every place exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ccta_lib.book.locate import book_folder
from ccta_lib.book.reporting import chapter_of, items_table, read_items
from ccta_lib.book.runner import chapter_names
from ccta_lib.errors import InputError

FOLDER = book_folder() / "reporting"
# The numbering of the published checklists: 27 items with 52 parts, 30 items with 34 parts.
NUMBERS = {
    "tripod-ai": "1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14 15 16 17 "
    "18a 18b 18c 18d 18e 18f 19 20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c",
    "stard": "1 2 3 4 5 6 7 8 9 10a 10b 11 12a 12b 13a 13b 14 15 16 17 18 19 20 21a 21b 22 23 24 25 26 27 28 29 30",
}


@pytest.mark.parametrize("name", NUMBERS)
def test_every_item_of_the_checklist_is_there_once(name: str) -> None:
    items = read_items(FOLDER / f"{name}.yaml")
    assert [i.number for i in items] == NUMBERS[name].split()
    whole = {"tripod-ai": 27, "stard": 30}[name]
    assert len({re.match(r"\d+", i.number).group() for i in items}) == whole


def names_shown(chapter: str) -> tuple[set[str], list[str]]:
    """Names a chapter gives its tables and figures: plain ones, and the fixed starts of computed ones."""
    text = (book_folder() / "chapters" / f"{chapter}.md").read_text(encoding="utf-8")
    return set(re.findall(r'"([a-z0-9_]+)"', text)), re.findall(r'f"([a-z0-9_]+_)\{', text)


@pytest.mark.parametrize("name", NUMBERS)
def test_every_place_exists(name: str) -> None:
    chapters = chapter_names()
    for item in read_items(FOLDER / f"{name}.yaml"):
        for place in item.where:
            if place.startswith(("fig-", "tab-")):
                chapter = chapter_of(place, chapters)
                assert chapter, f"item {item.number}: no chapter shows {place}"
                thing = place[4:].removeprefix(f"{chapter}-")
                plain, starts = names_shown(chapter)
                assert thing in plain or thing.startswith(tuple(starts)), f"item {item.number}: {place}"
            elif place.startswith("chapters/"):
                assert place.removeprefix("chapters/") in chapters
            else:
                assert (book_folder() / f"{place}.md").is_file(), f"item {item.number}: {place}"


def test_a_figure_this_run_lacks_is_linked_by_its_chapter() -> None:
    items = read_items(FOLDER / "stard.yaml")
    with_it = items_table(items, labels={"fig-cohort-flow"}, chapters=["cohort"])
    without = items_table(items, labels=set(), chapters=["cohort"])
    assert "{numref}`fig-cohort-flow`" in with_it
    assert "fig-cohort-flow" not in without
    assert without.count("{doc}`/chapters/cohort`") > with_it.count("{doc}`/chapters/cohort`")


def test_the_tally_counts_the_items() -> None:
    items = read_items(FOLDER / "tripod-ai.yaml")
    first = items_table(items, labels=set(), chapters=chapter_names()).splitlines()[0]
    numbers = [int(n) for n in re.findall(r"\d+", first)]
    assert numbers[0] == sum(numbers[1:]) == 52
    assert numbers[3] == sum(i.state == "no" for i in items)


def test_the_longest_chapter_name_wins() -> None:
    assert chapter_of("fig-time-to-infarction-curves", ["time", "time-to-infarction"]) == "time-to-infarction"
    assert chapter_of("fig-nothing-curves", ["time"]) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("items: {1: {topic: t, asks: a, state: answered, note: n}}", "names no place"),
        ("items: {1: {topic: t, asks: a, state: maybe, note: n}}", "state is 'maybe'"),
        ("items: {1: {topic: t, asks: a, state: no}}", "has no"),
    ],
)
def test_a_faulty_answer_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(text)
    with pytest.raises(InputError, match=words):
        read_items(tmp_path / "g.yaml")
