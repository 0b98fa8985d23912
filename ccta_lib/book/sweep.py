"""One chapter under several settings: a page per setting, and a page that sets their estimates side by side."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ccta_lib.book.chapter import VARIANT, Chapter, pipe_table
from ccta_lib.book.compare import differing, in_cells, side_by_side, telling_keys
from ccta_lib.book.provenance import RunRecord
from ccta_lib.book.runner import read_chapter, run_chapters
from ccta_lib.errors import ParameterError
from ccta_lib.files import atomic_path
from ccta_lib.in_use import holds
from ccta_lib.plots.sweep import sweep_panels
from ccta_lib.progress import Progress

MOST_SETTINGS = 60  # pages; more is a study, not a page of a book
MOST_ROWS = 60  # of the table on the comparison page; the CSV holds all
_LONGEST_SLUG = 40


@dataclass(frozen=True)
class Setting:
    """One combination of swept values: the name of its page, how it is labelled, and its values."""

    name: str
    label: str
    values: dict[str, Any]


def settings(chapter: str, swept: Mapping[str, Sequence[Any]]) -> list[Setting]:
    """Return every combination of the swept values, the first parameter varying slowest.

    Raises
    ------
    ParameterError
        If a value stands twice, a parameter has fewer than two values, or there are too many combinations.
    """
    faults = []
    for name, choices in swept.items():
        text = [json.dumps(v) for v in choices]
        faults += [
            f"--sweep {name}: value {t} stands twice; give it once" for t in set(text) if text.count(t) > 1
        ]
        if len(choices) < 2:
            faults.append(f"--sweep {name}: found {len(choices)} value; give two or more, or use -p")
    combined = [dict(zip(swept, c, strict=True)) for c in itertools.product(*swept.values())]
    if len(combined) > MOST_SETTINGS:
        faults.append(f"--sweep: {len(combined)} settings; at most {MOST_SETTINGS} pages are made at once")
    if faults:
        raise ParameterError(*faults)
    found = []
    for number, values in enumerate(combined, start=1):
        slug = VARIANT.join(f"{n}-{_slug(v)}" for n, v in values.items())
        # Long values, such as dictionaries, would make long file names; their number tells them apart.
        slug = slug if len(slug) <= _LONGEST_SLUG else f"setting-{number}"
        label = ", ".join(f"{n} = {v if isinstance(v, str) else json.dumps(v)}" for n, v in values.items())
        found.append(Setting(f"{chapter}{VARIANT}{slug}", label, values))
    names = [s.name for s in found]
    if len(set(names)) < len(names):
        found = [
            Setting(f"{chapter}{VARIANT}setting-{i}", s.label, s.values) for i, s in enumerate(found, start=1)
        ]
    return found


def _slug(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-") or "empty"


@holds("run_dir")
def run_sweep(
    chapter: str, swept: Mapping[str, Sequence[Any]], run_dir: Path, given: Mapping[str, Any], *, workers: int = 2,
    progress: Progress | None = None,
) -> Path:  # fmt: skip
    """Run a chapter once per setting and write the comparison; settings already run are kept.

    Parameters
    ----------
    chapter : name of the chapter
    swept : values by parameter; several parameters are combined
    run_dir : run directory; the last sweep of a chapter replaces the one before
    given : values of other parameters, the same in every setting
    workers : settings run at a time

    Returns
    -------
    Path
        The comparison page, MyST text, in `run_dir/sweeps`.

    Raises
    ------
    ParameterError
        Before anything runs, if a name or value is wrong.
    """
    todo = settings(chapter, swept)
    names = [s.name for s in todo]
    run_chapters(names, run_dir, {s.name: {**given, **s.values} for s in todo}, where="--sweep", workers=workers,
                 progress=progress)  # fmt: skip
    record = RunRecord(run_dir)
    sweeps = record.values.get("sweeps", {})
    for old in {s["name"] for s in sweeps.get(chapter, [])} - set(names):
        _forget(run_dir, record, old)
    sweeps[chapter] = [{"name": s.name, "label": s.label} for s in todo]
    record.update(sweeps=sweeps)
    return _write_page(chapter, todo, run_dir)


def _forget(run_dir: Path, record: RunRecord, name: str) -> None:
    (run_dir / "executed" / f"{name}.ipynb").unlink(missing_ok=True)
    for folder in ("tables", "figures"):
        shutil.rmtree(run_dir / folder / name, ignore_errors=True)
    record.values["stages"].pop(f"chapter {name}", None)


def comparison_name(chapter: str) -> str:
    """Return the name of a chapter's comparison page."""
    return f"{chapter}{VARIANT}sweep"


def _write_page(chapter: str, done: list[Setting], run_dir: Path) -> Path:
    labels = [s.label for s in done]
    table = side_by_side({s.label: run_dir / "tables" / s.name for s in done})
    changed = differing(table, labels)
    page = Chapter(comparison_name(chapter), str(run_dir))
    title = read_chapter(chapter).title
    links = pipe_table(pd.DataFrame([(f"[{s.label}]({s.name}.ipynb)",) for s in done], columns=["Setting"]))
    parts = [f"# {title}: {len(done)} settings side by side", links, _finding(table, changed)]
    if len(changed):
        figure = sweep_panels(changed, labels, keys=telling_keys(changed))
        if figure is not None:
            drawn = page.figure(
                figure,
                "settings",
                "Estimates under each setting, with their intervals; one panel per first group of the table below.",
                alt="Estimates per artery and setting; the numbers stand in the table below.",
            )
            parts.append(drawn.myst)
        parts.append(
            page.table(
                changed, "differences", _caption(changed), shown=in_cells(changed.head(MOST_ROWS), labels)
            ).myst
        )
    page.save_table(table, "estimates")
    path = run_dir / "sweeps" / f"{comparison_name(chapter)}.md"
    with atomic_path(path) as temporary:
        temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def _finding(table: pd.DataFrame, changed: pd.DataFrame) -> str:
    if not len(table):
        return "This chapter's tables hold no estimates to compare; each setting has its own page."
    if not len(changed):
        return f"All {len(table)} estimates and their intervals are the same under every setting."
    return (
        f"Of {len(table)} estimates, {len(changed)} differ between settings in the estimate or its interval."
    )


def _caption(changed: pd.DataFrame) -> str:
    cut = f" The first {MOST_ROWS} of {len(changed)}; the CSV holds all." if len(changed) > MOST_ROWS else ""
    return f"Estimates that differ between settings.{cut}"
