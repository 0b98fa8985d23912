"""What each input of `ccta cohort build` holds, under which header, and how a map names other headers.

A map is a YAML file; every part of it is optional::

    patient_ids: {leading_zeros: ignore}     # or keep
    ecgs:
      pattern: "(?P<patient_id>[^_]+)_(?P<ecg_time>[0-9]{14})"   # matched against the file's name
      dates: "%Y%m%d%H%M%S"
      sampling_hz: 500                       # of .npy arrays, which do not say
    reports:
      encoding: gb18030                      # of a CSV; UTF-8 without it
      sheet: 报告                             # of a workbook; its first sheet without it
      columns: {patient_id: 患者编号, ccta_time: 检查日期}         # our name: the file's header
      dates: "%d.%m.%Y %H:%M"                # of all times, or {ccta_time: ..., birth_date: ...}
      values: {sex: {"1": M, "2": F}}        # the file's cell: our value
    statements: ...                          # likewise procedures, followup, identifiers, manifest
    data_kind: simulated                     # of the whole cohort; `user` without it
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from ccta_lib.errors import InputError, form
from ccta_lib.schema import COHORT_COLUMNS, DATA_KINDS, VESSELS, Vessel
from ccta_lib.yaml_files import read_yaml

Kind = Literal["identifier", "name", "time", "date", "number", "text", "value"]
LeadingZeros = Literal["ignore", "keep"]
# Cells of these kinds say who somebody is: an error shows their form ("9999-aa"), never what they hold.
IDENTIFYING: frozenset[Kind] = frozenset({"identifier", "name", "time", "date", "text"})


class Column(NamedTuple):
    """One column of an input.

    Attributes
    ----------
    kind : str
        How a cell is read: `value` is one of a few words, `text` is free text.
    meaning : str
    required : bool
    """

    kind: Kind
    meaning: str
    required: bool = False


def report_column(vessel: Vessel) -> str:
    """Column of the reports that holds the text about one vessel alone."""
    return f"report_{vessel.lower()}"


INPUTS: dict[str, dict[str, Column]] = {
    "reports": {
        "patient_id": Column("identifier", "identifier of the patient in the hospital", required=True),
        "exam_id": Column("identifier", "identifier of the CCTA; without it, patient and time make one"),
        "ccta_time": Column("time", "time of the CCTA; a date alone is the end of that day", required=True),
        "report": Column("text", "free text of the report; this, or one column per vessel"),
        **{report_column(v): Column("text", f"free text, or a grade in words, about the {v}")
           for v in VESSELS},
        "history": Column("text", "history in words or ICD-10 codes: diabetes, hypertension, infarction"),
        "age": Column("number", "age at the CCTA in years; used where there is no birth date"),
        "birth_date": Column("date", "date of birth; the age is computed from it, then it is dropped"),
        "sex": Column("value", "F or M (also female, male, 女, 男)"),
        "symptom": Column("value", "typical, atypical, nonanginal, dyspnoea or none"),
        "site": Column("value", "hospital"),
        "name": Column("name", "name; used only to suspect one patient under two identifiers"),
    },
    "statements": {
        "patient_id": Column("identifier", "identifier of the patient in the hospital", required=True),
        "ecg_time": Column("time", "time of the ECG the statement is about", required=True),
        "statement": Column("text", "what the reader or the machine said of the ECG", required=True),
        "recording_id": Column("identifier", "identifier of the recording, where its file holds one"),
    },
    "procedures": {
        "patient_id": Column("identifier", "identifier of the patient in the hospital", required=True),
        "procedure_time": Column("time", "time of the procedure", required=True),
        "procedure": Column("text", "what was done, in words or codes", required=True),
    },
    "followup": {
        "patient_id": Column("identifier", "identifier of the patient in the hospital", required=True),
        "last_contact": Column("time", "when the patient was last known of", required=True),
        "event": Column("value", "mi, death, revascularisation or none; empty is unknown"),
        "event_time": Column("time", "time of the event"),
    },
    "identifiers": {
        "patient_id": Column("identifier", "an identifier of the patient", required=True),
        "same_as": Column("identifier", "another identifier of the same patient", required=True),
    },
    "manifest": {
        "path": Column("text", "recording, below the folder of ECGs; array.npy#17 is its row 17", required=True),
        "patient_id": Column("identifier", "identifier of the patient in the hospital", required=True),
        "ecg_time": Column("time", "start of the ECG"),
        "sampling_hz": Column("number", "samples per second, for a file that does not say"),
    },
}  # fmt: skip

_SYMPTOMS = cast("tuple[str, ...]", COHORT_COLUMNS["symptom"].values)
# Words that are understood without a map; compared without case. A `site` is taken as it stands.
VALUES: dict[str, dict[str, str]] = {
    "sex": {**dict.fromkeys(["f", "female", "woman", "女", "女性"], "F"),
            **dict.fromkeys(["m", "male", "man", "男", "男性"], "M")},
    "symptom": {word: word for word in _SYMPTOMS},
    "event": {word: word for word in ("mi", "death", "revascularisation", "none")} | {"revascularization":
              "revascularisation"},
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TableMap:
    """How one input table is written.

    Attributes
    ----------
    encoding : str
        Of a CSV.
    sheet : str or None
        Of a workbook; None is its first.
    columns : dict
        Our name to the file's header.
    dates : dict
        Our name to a `strptime` format; the key "" stands for every column without its own.
    values : dict
        Our name to {the file's cell: our value}.
    """

    encoding: str = "utf-8-sig"
    sheet: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)

    def date_format(self, column: str) -> str | None:
        """Format of one time column, or None where the cells are to be recognised."""
        return self.dates.get(column, self.dates.get(""))


@dataclass(frozen=True, kw_only=True)
class EcgMap:
    """Where patient and time stand in a file's name; used for files that do not say and no manifest names.

    Attributes
    ----------
    pattern : str
        Regular expression, searched in the path below the folder of ECGs, with a group `patient_id` and
        optionally `ecg_time`.
    dates : str or None
        `strptime` format of `ecg_time`.
    sampling_hz : float or None
        Rate of `.npy` arrays, which do not say; one a manifest states goes before it.
    """

    pattern: str | None = None
    dates: str | None = None
    sampling_hz: float | None = None


@dataclass(frozen=True, kw_only=True)
class ColumnsMap:
    """Headers, formats and words of a hospital's exports.

    Attributes
    ----------
    tables : dict
        Name of the input to its `TableMap`.
    ecgs : EcgMap
    leading_zeros : "ignore" or "keep"
        Whether 00123 and 123 are one identifier. Spreadsheets lose leading zeros, so they are ignored unless
        one input tells the two apart.
    data_kind : str or None
        Origin of the patients, one of `ccta_lib.schema.DATA_KINDS`.
    """

    tables: dict[str, TableMap] = field(default_factory=dict)
    ecgs: EcgMap = EcgMap()
    leading_zeros: LeadingZeros = "ignore"
    data_kind: str | None = None

    def table(self, name: str) -> TableMap:
        """Return the map of one input; the default where the file says nothing."""
        return self.tables.get(name, TableMap())


def load_columns(path: str | os.PathLike[str] | None) -> ColumnsMap:
    """Read a map, or return the defaults for None.

    Raises
    ------
    InputError
        If the file is no YAML mapping or names an input, key or column that does not exist; one line each.
    """
    if path is None:
        return ColumnsMap()
    source = Path(path)
    try:
        raw = read_yaml(source)
    except FileNotFoundError as error:
        raise InputError(f"{source}: no such file; give a YAML map of columns") from error
    faults: list[str] = []
    raw = _mapping(raw or {}, str(source), faults)
    _known(raw, [*INPUTS, "ecgs", "patient_ids", "data_kind"], str(source), "part", faults)
    tables = {name: _table_map(raw[name], name, f"{source}: {name}", faults)
              for name in INPUTS if name in raw}  # fmt: skip
    ecgs = _ecg_map(raw.get("ecgs") or {}, f"{source}: ecgs", faults)
    identifiers = _mapping(raw.get("patient_ids") or {}, f"{source}: patient_ids", faults)
    _known(identifiers, ["leading_zeros"], f"{source}: patient_ids", "key", faults)
    zeros = identifiers.get("leading_zeros", "ignore")
    if zeros not in ("ignore", "keep"):
        faults.append(f"{source}: patient_ids: leading_zeros is {zeros!r}; expected ignore or keep")
    kind = raw.get("data_kind")
    if kind is not None and kind not in DATA_KINDS:
        faults.append(f"{source}: data_kind is {kind!r}; expected one of {', '.join(DATA_KINDS)}")
    if faults:
        raise InputError(*faults)
    return ColumnsMap(tables=tables, ecgs=ecgs, leading_zeros=zeros, data_kind=kind)


def find_columns(headers: Sequence[str], *, name: str, given: TableMap, source: str) -> dict[str, int]:
    """Say where each of our columns stands in a table.

    Parameters
    ----------
    headers : sequence of str
        The table's first row.
    name : str
        Name of the input, a key of `INPUTS`.
    given : TableMap
    source : str
        Named in errors.

    Returns
    -------
    dict
        Our name to the position of its header; absent optional columns are left out.

    Raises
    ------
    InputError
        If a mapped header or a required column is missing, or a header occurs twice; with the nearest names.
    """
    clean = [str(h).strip() for h in headers]
    told = _headers(clean)
    folded = [h.casefold() for h in clean]
    faults: list[str] = []
    found: dict[str, int] = {}
    for column, rule in INPUTS[name].items():
        header = given.columns.get(column)
        wanted = (column if header is None else header).strip().casefold()
        places = [i for i, h in enumerate(folded) if h == wanted]
        if len(places) > 1:
            faults.append(f"{source}: header {clean[places[0]]!r} occurs {len(places)} times; keep one")
        elif places:
            found[column] = places[0]
        elif header is not None:
            faults.append(f"{source}: there is no header {header!r}, which the map gives for {column}; "
                          + nearest(header, told))  # fmt: skip
        elif rule.required:
            faults.append(f"{source}: there is no column {column} ({rule.meaning}); "
                          f"{nearest(column, told)}; name it in --columns under {name}: columns")  # fmt: skip
    texts = ["report", *(report_column(v) for v in VESSELS)]
    if name == "reports" and not faults and not any(c in found for c in texts):
        faults.append(f"{source}: there is neither a column report nor one per vessel ({', '.join(texts[1:])}); "
                      f"{nearest('report', told)}; name one in --columns under reports: columns")  # fmt: skip
    if faults:
        raise InputError(*faults)
    return found


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known names come nearest, or all of them where none is near."""
    names = [n for n in known if n]
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    return f"nearest: {', '.join(near)}" if near else f"there are: {', '.join(names) or 'none'}"


def _headers(clean: Sequence[str]) -> list[str]:
    """Return headers as they may be told: by their form alone where the first row is somebody's, not the headers."""
    return [form(h) for h in clean] if any(re.search(r"\d{3}", h) for h in clean) else list(clean)


# ---------------------------------------------------------------------------------------------------------


def _mapping(value: Any, where: str, faults: list[str]) -> dict[str, Any]:
    if isinstance(value, dict):
        return {str(k): v for k, v in value.items()}
    faults.append(f"{where}: holds a {type(value).__name__}; expected names with values (`name: value`)")
    return {}


def _known(value: dict[str, Any], known: Iterable[str], where: str, what: str, faults: list[str]) -> None:
    names = list(known)
    faults += [f"{where}: unknown {what} {k!r}; {nearest(k, names)}" for k in value if k not in names]


def _table_map(value: Any, name: str, where: str, faults: list[str]) -> TableMap:
    raw = _mapping(value or {}, where, faults)
    _known(raw, ["encoding", "sheet", "columns", "dates", "values"], where, "key", faults)
    columns = _mapping(raw.get("columns") or {}, f"{where}: columns", faults)
    _known(columns, INPUTS[name], f"{where}: columns", "column", faults)
    encoding = str(raw.get("encoding") or "utf-8-sig")
    try:
        codecs.lookup(encoding)
    except LookupError:
        faults.append(f"{where}: encoding {encoding!r} is unknown; use utf-8 or gb18030")
    times = [c for c, rule in INPUTS[name].items() if rule.kind in ("time", "date")]
    dates = raw.get("dates") or {}
    dates = {"": dates} if isinstance(dates, str) else _mapping(dates, f"{where}: dates", faults)
    _known(dates, ["", *times], f"{where}: dates", "time column", faults)
    values = _mapping(raw.get("values") or {}, f"{where}: values", faults)
    words = [c for c, rule in INPUTS[name].items() if rule.kind == "value"]
    _known(values, words, f"{where}: values", "column of words", faults)
    mapped = {column: {str(k): str(v) for k, v in _mapping(words, f"{where}: values: {column}", faults).items()}
              for column, words in values.items()}  # fmt: skip
    for column, pairs in mapped.items():
        allowed = sorted(set(VALUES.get(column, {}).values()))
        faults += [f"{where}: values: {column}: {old!r} becomes {new!r}; expected one of {', '.join(allowed)}"
                   for old, new in pairs.items() if allowed and new not in allowed]  # fmt: skip
    return TableMap(
        encoding="utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding,
        sheet=None if raw.get("sheet") is None else str(raw["sheet"]),
        columns={k: str(v) for k, v in columns.items()},
        dates={k: str(v) for k, v in dates.items()},
        values=mapped,
    )


def _ecg_map(value: Any, where: str, faults: list[str]) -> EcgMap:
    raw = _mapping(value, where, faults)
    _known(raw, ["pattern", "dates", "sampling_hz"], where, "key", faults)
    rate = raw.get("sampling_hz")
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float) or not rate > 0):
        faults.append(f"{where}: sampling_hz is {rate!r}; expected samples per second, such as 500")
        rate = None
    pattern = raw.get("pattern")
    if pattern is not None:
        try:
            groups = re.compile(str(pattern)).groupindex
        except (re.error, OverflowError, RecursionError) as error:
            faults.append(f"{where}: pattern is no regular expression ({error})")
        else:
            if "patient_id" not in groups:
                faults.append(f"{where}: pattern has no group (?P<patient_id>...); add it")
            _known(dict.fromkeys(groups), ["patient_id", "ecg_time"], where, "group", faults)
    return EcgMap(pattern=None if pattern is None else str(pattern),
                  dates=None if raw.get("dates") is None else str(raw["dates"]),
                  sampling_hz=None if rate is None else float(rate))  # fmt: skip
