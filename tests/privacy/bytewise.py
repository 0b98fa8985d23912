"""Looks for words in every byte of a folder, whatever wraps them; it shares no code with `ccta check --privacy`."""

from __future__ import annotations

import base64
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
_PDF_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_NUMBER = re.compile(rb"(?<!\d)(?<!\d\.)\d{8,12}(?!\d)")
_DATE = re.compile(rb"(?<!\d)(\d{4})[-/.](\d\d)[-/.](\d\d)(?!\d)")
_DATE_BACKWARDS = re.compile(rb"(?<!\d)(\d\d)[./](\d\d)[./](\d{4})(?!\d)")
_PNG = b"\x89PNG\r\n\x1a\n"


def forms_of(word: str) -> set[bytes]:
    """Return the ways in which a word can stand in a file: encodings, and the escapes of JSON, HTML and addresses."""
    spelt = {word, *(word.replace(" ", other) for other in ("_", "^", "%20", "-", ""))}
    encoded = {w.encode(e) for w in spelt for e in ("utf-8", "gb18030")}
    if not word.isascii():  # what is, is found without the zeros between its letters
        encoded |= {w.encode(e) for w in spelt for e in ("utf-16-le", "utf-16-be")}
        encoded |= {word.encode("ascii", e) for e in ("backslashreplace", "xmlcharrefreplace")}
    return encoded


def unwrapped(content: bytes, depth: int = 0) -> Iterator[bytes]:
    """Yield the bytes, and what they hold in zip archives, gzip and zlib streams, PNG text, PDF streams and Base64."""
    yield content
    if depth == 3:
        return
    inner: list[bytes] = []
    if content[:2] == b"PK":
        with zipfile.ZipFile(BytesIO(content)) as archive:
            inner += [m.filename.encode() for m in archive.infolist()]
            inner += [archive.read(m) for m in archive.infolist()]
    elif content[:2] == b"\x1f\x8b":
        inner.append(zlib.decompress(content, 31))
    elif content[:8] == _PNG:
        inner += [content[m.start() + 4 :] for m in re.finditer(rb"[tiz][TE][Xx][Tt]", content)]
    elif content[:4] == b"%PDF":
        inner += [_inflated(m[1]) for m in _PDF_STREAM.finditer(content)]
    elif content[:6] == b"# Sphi":  # an inventory: text, then a zlib stream
        inner.append(_inflated(content[content.find(b"\x78") :]))
    elif content[:4] == b"PAR1":
        inner.append(_parquet(content))
    if b"\0" not in content[:1000]:
        for match in _BASE64.finditer(content):
            text = match[0].rstrip(b"=")
            # A word before it may run into it, so that it need not begin where it seems to.
            for start in range(4 if len(text) < 1 << 16 else 1):
                inner.append(base64.b64decode(text[start : start + (len(text) - start) // 4 * 4]))
    for one in inner:
        yield from unwrapped(one, depth + 1)


def _inflated(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content)
    except zlib.error:
        return b""


def _parquet(content: bytes) -> bytes:
    """Metadata, column names and every cell of a Parquet file, as text."""
    file = pq.ParquetFile(BytesIO(content))
    said = [str(file.schema_arrow), str(file.metadata), str(file.schema_arrow.metadata)]
    for column in file.read().columns:
        for value in column.unique() if not pa.types.is_nested(column.type) else column:
            said.append(str(value))
    return "\n".join(said).encode()


def found(folder: Path, words: Iterable[str], numbers: Iterable[str] = ()) -> list[str]:
    """Return what stands where: one line per file and word, names of files included.

    Parameters
    ----------
    folder : searched with everything below it
    words : looked for inside other words too, in any case
    numbers : identifiers of digits, and dates as 1961-03-07; not inside longer numbers, and dates in other forms too
    """
    literal = re.compile(b"|".join(re.escape(f) for w in words for f in sorted(forms_of(w))), re.IGNORECASE)
    exact = {n.encode() for n in numbers}
    exact |= {n.replace(b"-", b"") for n in exact}
    hits = set()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        for piece in (name.encode(), *unwrapped(path.read_bytes())):
            for content in {piece, piece.replace(b"\0", b"")}:  # UTF-16
                hits |= {f"{name}: {m[0]!r}" for m in literal.finditer(content)}
                hits |= {f"{name}: {n!r}" for n in _numbers(content) if n in exact}
    return sorted(hits)


def _numbers(content: bytes) -> Iterator[bytes]:
    """Yield numbers without leading zeros, and dates as year, month and day."""
    for match in _NUMBER.finditer(content):
        yield match[0].lstrip(b"0")
    for match in _DATE.finditer(content):
        yield b"-".join(match.groups())
    for match in _DATE_BACKWARDS.finditer(content):
        yield b"-".join(match.groups()[::-1])
