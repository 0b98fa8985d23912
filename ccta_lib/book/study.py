"""Tables of the studies (`ccta study`): where a chapter finds them, and the sentence that says how they were made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ccta_lib.book.locate import book_folder
from ccta_lib.files import read_json, sha256_json

STUDY_RECORD = "study.json"


def shipped_study() -> Path:
    """Return the folder of the study tables that ship with the book."""
    return book_folder() / "data" / "study"


def find_study(table: str, run_dir: Path) -> Path | None:
    """Return a study's table: in `run_dir/study`, else in `study` beside the run, else the shipped one, else None.

    A table counts only where study.json says that its study is finished.
    """
    for folder in (run_dir / "study", run_dir.resolve().parent / "study", shipped_study()):
        path = folder / f"{table}.parquet"
        if path.is_file() and study_entry(path):
            return path
    return None


def study_entry(table: Path) -> dict[str, Any]:
    """Return what study.json says of the study that made a table; empty where it says nothing."""
    record = table.parent / STUDY_RECORD
    studies = read_json(record)["studies"] if record.is_file() else {}
    found = [{"study": n, **e} for n, e in studies.items() if table.stem in e["tables"]]
    return found[0] if found else {}


def origin(entries: list[dict[str, Any]], *, shipped: bool) -> str:
    """Say when, where and with which seeds and sizes tables were made.

    Parameters
    ----------
    entries : of study.json, by `study_entry`; one per table read
    shipped : whether all of them come with the book
    """
    unique = {e["study"]: e for e in entries}
    if not unique:
        return "No study's table has been read."
    said, sizes = [], {}
    for e in unique.values():
        machine = e["hardware"]
        said.append(
            f"**{e['study']}**: made on {e['finished']} at commit {e['commit']} "
            f"({machine['processor'] or machine['system']}), {e['cells']} cells, {e['seconds'] / 60:.0f} minutes "
            f"over all of them, seeds {_numbers(e['seeds'])}."
        )
        sizes[sha256_json(e["shared"])] = e["shared"]
    for shared in sizes.values():
        said.append(
            f"Where nothing else is said, a virtual cohort has {shared['patients']:,} patients, "
            f"{shared['exams']:,} examinations and {shared['ecgs']:,} ECGs, and results are of "
            f"{shared['test_ecgs']:,} fresh ECGs of other patients."
        )
    start = "The tables of this chapter come with the book." if shipped else (
        "The tables of this chapter were made by `ccta study` beside this run."
    )  # fmt: skip
    smoke = any(e["size"] == "smoke" for e in unique.values())
    warning = (
        " They are of smoke size: they show that everything runs, and their numbers mean nothing." * smoke
    )
    return f"{start}{warning} " + " ".join(said) + " Every patient is simulated."


def _numbers(values: list[int]) -> str:
    """Set whole numbers as text, a run of three or more as its ends."""
    parts: list[list[int]] = []
    for v in sorted(values):
        if parts and v == parts[-1][-1] + 1:
            parts[-1].append(v)
        else:
            parts.append([v])
    words = [f"{p[0]} to {p[-1]}" if len(p) > 2 else ", ".join(map(str, p)) for p in parts]
    return ", ".join(words)
