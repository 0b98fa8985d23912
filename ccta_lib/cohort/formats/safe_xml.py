"""XML from outside: bounded in size, depth and number of elements; no entity is expanded, nothing is fetched.

A DOCTYPE that only names an external DTD is tolerated, since GE MUSE writes one; the DTD is never loaded. A DTD
inside the document is refused: no export carries one, and its entities and attribute defaults are how small
files grow large.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.parsers.expat import ExpatError

from ccta_lib.errors import MissingExtraError, WaveformError

MOST_BYTES = 32 * 2**20
MOST_ELEMENTS = 200_000
DEEPEST = 100
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ENCODING = re.compile(rb"""^<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
_PROLOGUE = re.compile(r"<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>", re.DOTALL)
# What expat reads by itself; everything else is decoded here first (hospitals in China export GB2312).
_OF_EXPAT = {"utf-8", "iso8859-1", "ascii"}


def root_name(head: bytes) -> str | None:
    """Return the local name of the root element that the first bytes of a file show, or None.

    >>> root_name(b"<?xml version='1.0'?><!DOCTYPE a SYSTEM 'a.dtd'><p:Ecg xmlns:p='x'>")
    'Ecg'
    """
    encoding = _unicode_form(head)
    text = head.decode(encoding or "latin-1", errors="ignore").lstrip("\ufeff \t\r\n")
    while text.startswith(("<?", "<!")):
        match = _PROLOGUE.match(text)
        if match is None:
            return None
        text = text[match.end() :].lstrip()
    match = re.match(r"<(?:[\w.-]+:)?([\w.-]+)[\s/>]", text)
    return match[1] if match else None


def parse_xml(path: Path) -> Element:
    """Parse a file; tags and attributes come without their namespaces.

    Raises
    ------
    WaveformError
        If it is too large, too deep, not well-formed, of an unknown encoding, or defines entities.
    MissingExtraError
        If defusedxml is not installed.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise WaveformError(
            f"{path}: XML of {size} bytes; at most {MOST_BYTES} are read, a resting ECG has far fewer"
        )
    parser = _parser()
    try:
        parser.feed(_readable(path, path.read_bytes()))
        return parser.close()
    except _RefusedError as error:
        raise WaveformError(f"{path}: {error}") from error
    except (ParseError, ExpatError) as error:
        raise WaveformError(f"{path}: not well-formed XML ({error}); export it again") from error
    except ValueError as error:  # defusedxml's refusals, and encodings that Python's expat cannot take
        raise WaveformError(
            f"{path}: XML that is not accepted ({str(error) or type(error).__name__})"
        ) from error


class _RefusedError(Exception):
    """Raised inside the parser's callbacks."""


class _Builder(TreeBuilder):
    """Builds the tree without namespaces, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.elements = 0

    def start(self, tag: str, attrs: dict[str, str]) -> Element:  # type: ignore[override]
        self.depth += 1
        self.elements += 1
        if self.depth > DEEPEST or self.elements > MOST_ELEMENTS:
            raise _RefusedError(
                f"XML of more than {DEEPEST} levels or {MOST_ELEMENTS} elements; no ECG export"
            )
        if attrs:
            attrs = {_local(name): value for name, value in attrs.items()}
        return super().start(_local(tag), attrs)

    def end(self, tag: str) -> Element:
        self.depth -= 1
        return super().end(_local(tag))


def _local(name: str) -> str:
    return name[name.rindex("}") + 1 :] if name[:1] == "{" else name


def _parser() -> Any:
    try:
        from defusedxml.ElementTree import DefusedXMLParser  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError(
            "reading ECGs from XML needs defusedxml: pip install 'ccta-lib[exports]'"
        ) from error
    parser = DefusedXMLParser(target=_Builder(), forbid_dtd=False, forbid_entities=True, forbid_external=True)
    parser.parser.StartDoctypeDeclHandler = _doctype
    return parser


def _doctype(name: str, system: str | None, public: str | None, has_internal_subset: int) -> None:
    if has_internal_subset:
        raise _RefusedError("XML with a DTD inside (entities are not expanded); remove it from the file")


def _unicode_form(data: bytes) -> str | None:
    """Encoding that the first bytes prove, whatever the declaration says."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return name
    if data[:4] == b"<\0?\0":
        return "utf-16-le"
    return "utf-16-be" if data[:4] == b"\0<\0?" else None


def _readable(path: Path, data: bytes) -> bytes | str:
    """Return bytes that expat reads, or text."""
    proven = _unicode_form(data)
    data = data if proven else data.lstrip()
    match = None if proven else _ENCODING.match(data)
    declared = match[1].decode("ascii") if match else "utf-8"
    try:
        name = proven or codecs.lookup(declared).name
        if not proven and name.startswith("utf-16"):
            name = "utf-8"  # declared before someone saved it anew; eight-bit text cannot be UTF-16
        elif name in _OF_EXPAT:
            return data
        return data.decode(name)
    except LookupError as error:
        raise WaveformError(
            f"{path}: XML in encoding {declared!r}, which is unknown; save it as UTF-8"
        ) from error
    except UnicodeDecodeError as error:
        raise WaveformError(
            f"{path}: byte {error.start} is not {proven or declared}; export it again"
        ) from error


def find_text(element: Element | None, where: str) -> str | None:
    """Return the text at a path below an element, without white space at its ends, or None if there is none."""
    if element is None:
        return None
    text = element.findtext(where)
    return (text.strip() or None) if text else None


def all_named(element: Element, names: str | tuple[str, ...]) -> Iterator[Any]:
    """Yield the direct children of one of these names."""
    wanted = (names,) if isinstance(names, str) else names
    return (child for child in element if child.tag in wanted)
