"""`ccta check --privacy`: every file of a finished build, searched for people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ccta_lib.cohort.privacy.documents import UnsearchableError, read_pieces
from ccta_lib.cohort.privacy.wanted import FORMS, Wanted, normal
from ccta_lib.errors import InputError

# Laid in by the renderer, the same for every build: other people's scripts, fonts and their authors' addresses.
_VENDORED = ("html/_static/", "source/_static/", "html/_sphinx_design_static/")
PRIVATE = "private"
_NAMING = re.compile(
    r"patient_?name|name_of_patient|birth_?date|date_of_birth|dob|(?:患者)?姓名|出生日期|身份证号?|住址|电话"
)
_TABLES = {".csv", ".tsv", ".parquet"}
NOT_SEARCHED = "not searched"
NAMING_COLUMN = "column that names people"


@dataclass(frozen=True)
class Finding:
    """Something that should not be there: the file, where in it, what kind, how often; never the thing itself."""

    file: str
    place: str
    kind: str
    count: int

    def __str__(self) -> str:
        """Say it in one line."""
        times = "" if self.count == 1 else f", {self.count} times"
        return f"{self.file}: {self.place}: {self.kind}{times}"


def scan_build(
    folder: Path, wanted: Wanted | None = None, *, progress: Callable[..., None] | None = None
) -> list[Finding]:
    """Search a folder.

    Parameters
    ----------
    folder : finished build; `private/` in it holds identifying text on purpose and is left out
    wanted : the people of the inputs; None = forms and column names only
    progress : called as progress(done, total, note)

    Returns
    -------
    list of Finding
        Sorted by file; one per file, place and kind. A file that cannot be searched is a finding too.

    Raises
    ------
    InputError
        If the folder does not exist or holds no file.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder that a build has written")
    files = [
        f
        for f in sorted(folder.rglob("*"))
        if f.is_file() and PRIVATE not in f.relative_to(folder).parts[:-1]
    ]
    if not files:
        raise InputError(f"{folder}: holds no file to search")
    wanted = wanted or Wanted()
    found: Counter[tuple[str, str, str]] = Counter()
    for done, file in enumerate(files, start=1):
        name = file.relative_to(folder).as_posix()
        for kind in wanted.found_in(name.replace("/", " ")):
            found[name, "its name", kind] += 1
        # Vendored scripts hold their authors' addresses; people of this build are looked for there too.
        skipped = {kind for kind, _ in FORMS} if name.startswith(_VENDORED) else set()
        try:
            for place, text in read_pieces(file):
                for kind in wanted.found_in(text):
                    if kind not in skipped:
                        found[name, place, kind] += 1
                if file.suffix.lower() in _TABLES and _names_people(place, text):
                    found[name, "column names", NAMING_COLUMN] += 1
        except UnsearchableError as error:
            found[name, str(error), NOT_SEARCHED] += 1
        if progress is not None:
            progress(done, len(files), name)
    return [Finding(*key, count) for key, count in sorted(found.items())]


def _names_people(place: str, text: str) -> bool:
    """Tell whether the header of a table has a column that names people."""
    if place == "column names":
        headers = text.splitlines()
    elif place == "from line 1" or place.startswith("lines 1-"):
        headers = re.split(r"[,;\t]", text.split("\n", 1)[0])
    else:
        return False
    return any(_NAMING.fullmatch(normal(h).strip('" \r\ufeff')) for h in headers)
