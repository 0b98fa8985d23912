"""What to look for: the people of the inputs, held as hashes of this process, and forms only people's data have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from ccta_lib.cohort.ecg import read_ecg
from ccta_lib.cohort.exports.cells import identifier, is_empty, moment, plain
from ccta_lib.cohort.exports.columns import INPUTS, ColumnsMap
from ccta_lib.cohort.exports.tables import Table
from ccta_lib.errors import WaveformError

# A decimal number stays whole: the digits behind its point are no identifier.
_WORD = re.compile(r"\d+[.]\d+(?:[eE][+-]?\d+)?|[A-Za-z0-9_À-ɏ]+(?:[-'][A-Za-z0-9_À-ɏ]+)*|[\u3400-\u9fff·]+")
_IDEOGRAPH = re.compile(r"[\u3400-\u9fff]")
_CLAUSE = re.compile(r"[.;,:!?。；，：！？、\n\r\t|\"“”‘’<>]+")
# A full stop may stand beside a number; a point with a digit on its other side makes it another number.
_BEFORE, _AFTER = r"(?<!\d)(?<!\d\.)", r"(?!\d|\.\d)"
_DATE = re.compile(
    r"(?<!\d)(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?!\d)"
    rf"|{_BEFORE}(\d{{4}})(\d{{2}})(\d{{2}}){_AFTER}"
    rf"|{_BEFORE}(\d{{1,2}})[./](\d{{1,2}})[./](\d{{4}}){_AFTER}"
)
SHORTEST_IDENTIFIER = 4  # characters; shorter ones occur in any table by chance
_LONGEST_NAME = 5  # words
_IDEOGRAPHS = (2, 3, 4)  # characters of a Chinese name
SHORTEST_CLAUSE = 14  # characters of report text that nobody writes twice by chance
# Area, birth date from 1900 on, sequence, check character.
_IDENTITY = r"[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dx]"
FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("Chinese identity number", re.compile(rf"(?<![a-z]){_BEFORE}{_IDENTITY}(?![\da-z])")),
    ("mobile number", re.compile(rf"(?<![a-z]){_BEFORE}1[3-9]\d{{9}}(?![a-z]){_AFTER}")),
    # What stands before the @ has 64 characters at most (RFC 5321): a long word is not gone through again from each.
    ("e-mail address", re.compile(r"[a-z0-9._%+-]{2,64}+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}")),
)


def normal(text: str) -> str:
    """Return text as it is compared: full-width characters made plain, case folded."""
    return unicodedata.normalize("NFKC", text).casefold()


@dataclass
class Wanted:
    """Hashes of names, identifiers, birth dates and clauses of reports.

    Attributes
    ----------
    counts : dict
        How many different ones of each kind are looked for, and how many identifiers are too short to look for.
    """

    _hashes: set[int] = field(default_factory=set, repr=False)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, text: str) -> None:
        """Look for a `name`, `identifier` or `clause`."""
        words = normal(text).strip()
        if kind == "identifier" and len(words) < SHORTEST_IDENTIFIER:
            self._count("identifier too short to look for")
            return
        if kind == "name":
            words = " ".join(_WORD.findall(words))
            if len(words) < (2 if _IDEOGRAPH.search(words) else SHORTEST_IDENTIFIER):
                return
        self._put(kind, words)

    def add_date(self, day: date) -> None:
        """Look for a birth date, however it is written."""
        self._put("birth date", day.strftime("%Y-%m-%d"))

    def add_report(self, text: str) -> None:
        """Look for the clauses of a report."""
        for clause in clauses(text):
            self._put("clause", clause)

    def _put(self, kind: str, words: str) -> None:
        key = hash((kind, words))
        if key not in self._hashes:
            self._hashes.add(key)
            self._count(kind)

    def _count(self, kind: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def found_in(self, text: str) -> Iterator[str]:
        """Yield the kind of each wanted thing in a text, as often as it stands there; never the thing itself."""
        plain_text = normal(text)
        words = _WORD.findall(plain_text)
        for position, word in enumerate(words):
            if self._has("identifier", word) or any(self._has("identifier", p) for p in _parts(word)):
                yield "identifier"
            if any(self._has("name", n) for n in _names(words, position)):
                yield "name"
        for match in _DATE.finditer(plain_text):
            if (written := _iso(match)) and self._has("birth date", written):
                yield "birth date"
        for clause in clauses(text):
            if self._has("clause", clause):
                yield "text of a report"
        for kind, form in FORMS:
            for match in form.finditer(plain_text):
                if kind != "Chinese identity number" or _is_identity_number(match[0]):
                    yield kind

    def _has(self, kind: str, text: str) -> bool:
        return hash((kind, text)) in self._hashes


def clauses(text: str) -> list[str]:
    """Cut a text into clauses long enough to be somebody's words."""
    cut = (" ".join(part.split()) for part in _CLAUSE.split(normal(text)))
    return [c for c in cut if len(c) >= SHORTEST_CLAUSE or len(_IDEOGRAPH.findall(c)) >= SHORTEST_CLAUSE // 2]


def _parts(word: str) -> list[str]:
    """Return the parts of a compound word: an identifier may stand in a file name."""
    parts = re.split(r"[-_']", word)
    return [p for p in parts if len(p) >= SHORTEST_IDENTIFIER] if len(parts) > 1 else []


def _names(words: list[str], position: int) -> Iterator[str]:
    word = words[position]
    if _IDEOGRAPH.match(word):
        for size in _IDEOGRAPHS:
            yield from (word[i : i + size] for i in range(len(word) - size + 1))
        return
    for size in range(1, _LONGEST_NAME + 1):
        if position + size <= len(words):
            yield " ".join(words[position : position + size])


def _iso(match: re.Match[str]) -> str | None:
    a, b, c, d, e, f, g, h, i = match.groups()
    y, m, day = (a, b, c) if a else (d, e, f) if d else (i, h, g)
    try:
        return date(int(y), int(m), int(day)).strftime("%Y-%m-%d")
    except ValueError:
        return None


def _is_identity_number(text: str) -> bool:
    """Tell by its check character (GB 11643: weighted sum modulo 11)."""
    weights = [2 ** (17 - i) % 11 for i in range(17)]
    check = sum(int(c) * w for c, w in zip(text, weights, strict=False)) % 11
    return "10x98765432"[check] == text[-1].lower()


def wanted_from_tables(paths: Mapping[str, Iterable[Path]], columns: ColumnsMap) -> Wanted:
    """Collect what the inputs of a build hold of people.

    Parameters
    ----------
    paths : files by input ("reports", "statements", "procedures", "followup", "identifiers")
    columns : their headers

    Raises
    ------
    InputError
        If a file cannot be read as this input.
    """
    wanted = Wanted()
    for name, files in paths.items():
        rules = INPUTS[name]
        for path in files:
            table = Table(path, name, columns.table(name))
            for piece in table.pieces():
                for row in piece.cells:
                    for column, cell in zip(table.columns, row, strict=True):
                        if not is_empty(cell):
                            _add_cell(wanted, column, rules[column].kind, cell, table, columns)
    return wanted


def add_recordings(wanted: Wanted, folder: Path, *, progress: Callable[..., None] | None = None) -> int:
    """Look also for whom the recordings of a folder name in their headers.

    Returns
    -------
    int
        Files that no reader understands; they name nobody that could be looked for.
    """
    files = [f for f in sorted(folder.rglob("*")) if f.is_file()]
    unread = 0
    for done, file in enumerate(files, start=1):
        try:
            ecg = read_ecg(file)
        except WaveformError:
            unread += 1
        else:
            for kind, text in (
                ("identifier", ecg.patient_id),
                ("identifier", ecg.recording_id),
                ("name", ecg.patient_name),
            ):
                if text:
                    wanted.add(kind, text)
            if ecg.birth_date:
                wanted.add_date(ecg.birth_date)
        if progress is not None:
            progress(done, len(files), "")
    return unread


def _add_cell(
    wanted: Wanted, column: str, kind: str, cell: object, table: Table, columns: ColumnsMap
) -> None:
    if kind == "identifier":
        wanted.add("identifier", identifier(cell) or plain(cell))
        wanted.add("identifier", plain(cell))
    elif kind == "name":
        wanted.add("name", plain(cell))
    elif column == "birth_date":
        read = moment(cell, pattern=columns.table(table.name).date_format(column), epoch=table.epoch)
        day: datetime | None = None if read is None else read.time
        if day is not None:
            wanted.add_date(day.date())
    elif kind == "text":
        wanted.add_report(plain(cell))
