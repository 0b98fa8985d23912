"""Damage that knows what it damages: bytes, numbers, XML elements, cells of a table. The same seed, the same damage."""

from __future__ import annotations

import csv
import io
import random
import re
from collections.abc import Callable
from typing import NamedTuple
from xml.etree import ElementTree

NUMBERS = (b"0", b"-1", b"1", b"2", b"-0", b"1e9", b"1000000000", b"4294967296", b"9" * 30, b"1e30", b"1e-30",
           b"1e309", b"nan", b"inf", b"-inf", b"1,5", b"0x10", b"1_0", b"1.5", b"", b" ", b"NaN", b"00",
           b"500", b"1000")  # fmt: skip
WORDS = (b"\0", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b'"', b"'", b"<!--", b"]]>", b"&#0;", b"&x;", b"../",
         b"/etc/passwd", b"%s%n", b"{{ 1 }}", b"\x1b[31m", "\u202e".encode(), "狭窄".encode(), "狭窄".encode("gb18030"),
         b"\xd8\x00", b"NULL", b"#N/A", b"=1+1", b"__import__('os')")  # fmt: skip
CELLS = ("", " ", "#N/A", "#REF!", "=1+1", "1,5", "45352", "45352.5", "03/04/2024", "2024-02-30", "5000-01-01",
         "1.23E+15", "123.0", "00123", "TRUE", "-1", "nan", "1e999", "x" * 5000, "\0", "\x1b[2J", "\u202e", "'1", '"',
         "a\nb", "a\r\nb", "重度狭窄", "24:00", "2024-03-01T24:00:00+99:99", "../../x", "/dev/zero",
         "a.npy#99999999999", "\U0010ffff", "NULL", "None", "9" * 400)  # fmt: skip
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_WIDTHS = (1, 2, 4, 8)


class Damaged(NamedTuple):
    """Bytes, and what was done to them last: `cut` and `sample` are damage that a reader can see."""

    data: bytes
    kind: str


Damage = Callable[[random.Random, bytes], bytes]


def cut(rng: random.Random, data: bytes) -> bytes:
    """Keep the beginning only."""
    return data[: rng.randrange(len(data))] if data else data


def _place(rng: random.Random, data: bytes) -> int:
    """Half the time near the front, where headers stand."""
    last = max(len(data) - 1, 0)
    return rng.randint(0, min(last, 600)) if rng.random() < 0.5 else rng.randint(0, last)


def overwrite(rng: random.Random, data: bytes) -> bytes:
    """Write other bytes over some."""
    at, new = _place(rng, data), rng.randbytes(rng.randint(1, 8))
    return data[:at] + new + data[at + len(new) :]


def flip(rng: random.Random, data: bytes) -> bytes:
    """Flip one bit."""
    if not data:
        return data
    at = _place(rng, data)
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


def drop(rng: random.Random, data: bytes) -> bytes:
    """Take a piece out."""
    at = _place(rng, data)
    return data[:at] + data[at + rng.choice((1, 2, 7, 100, 1000)) :]


def double(rng: random.Random, data: bytes) -> bytes:
    """Write a piece twice."""
    at = _place(rng, data)
    return data[:at] + data[at : at + rng.choice((1, 2, 12, 200, 3000))] + data[at:]


def exchange(rng: random.Random, data: bytes) -> bytes:
    """Exchange two pieces of the same length."""
    size = rng.choice((1, 2, 8, 80, 256))
    if len(data) < 2 * size:
        return data
    a, b = sorted(rng.sample(range(len(data) // size), 2))
    a, b = a * size, b * size
    return data[:a] + data[b : b + size] + data[a + size : b] + data[a : a + size] + data[b + size :]


def word(rng: random.Random, data: bytes) -> bytes:
    """Insert what a reader may stumble over."""
    at = _place(rng, data)
    return data[:at] + rng.choice(WORDS) + data[at:]


def digits(rng: random.Random, data: bytes) -> bytes:
    """Replace a number that is written out: declared sizes, rates and gains are."""
    found = list(_NUMBER.finditer(data[:4000]))
    if not found:
        return data
    match = rng.choice(found)
    return data[: match.start()] + rng.choice(NUMBERS) + data[match.end() :]


def integer(rng: random.Random, data: bytes) -> bytes:
    """Replace a binary integer, as headers hold them."""
    width = rng.choice(_WIDTHS)
    value = rng.choice((0, 1, -1, 2 ** (8 * width - 1) - 1, 10**9 % 2 ** (8 * width - 1), 255))
    at = _place(rng, data) // width * width
    new = (
        value.to_bytes(width, rng.choice(("little", "big")), signed=True) if value != 255 else b"\xff" * width
    )
    return data[:at] + new + data[at + width :]


BYTES: tuple[Damage, ...] = (overwrite, flip, drop, double, exchange, word, digits, integer)


def element(rng: random.Random, data: bytes) -> bytes:
    """Drop, double, swap or refill an element or an attribute of XML that stays well-formed."""
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError):
        return overwrite(rng, data)
    parents = [e for e in root.iter() if len(e)]
    parent = rng.choice(parents) if parents else root
    child = rng.choice(list(parent)) if len(parent) else root
    number = rng.choice(NUMBERS).decode()
    action = rng.randrange(6)
    if action == 0 and len(parent):
        parent.remove(child)
    elif action == 1:
        parent.append(child)
    elif action == 2:
        child.text = number
    elif action == 3 and child.attrib:
        child.set(rng.choice(list(child.attrib)), number)
    elif action == 4:
        other = rng.choice(list(root.iter()))
        child.text, other.text = other.text, child.text
    else:
        child.tag = rng.choice([e.tag for e in root.iter()])
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def cell(rng: random.Random, data: bytes) -> bytes:
    """Change a cell, a header, a row or a column of a CSV that stays one."""
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error):
        return overwrite(rng, data)
    if not rows or not rows[0]:
        return data
    row = rng.randrange(len(rows))
    column = rng.randrange(len(rows[0]))
    action = rng.randrange(8)
    if action < 4:
        rows[row][column % max(len(rows[row]), 1) : column + 1] = [rng.choice(CELLS)]
    elif action == 4:
        rows.insert(row, rows[rng.randrange(len(rows))])
    elif action == 5:
        for one in rows:
            one.append(one[column] if column < len(one) else "")
    elif action == 6:
        rows[row] = rows[row][:column]
    else:
        rows[row].insert(column, rng.choice(CELLS))
    out = io.StringIO()
    csv.writer(out, lineterminator=rng.choice(("\n", "\r\n")), delimiter=rng.choice(",,,,;\t")).writerows(
        rows
    )
    return out.getvalue().encode(
        rng.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16")), errors="surrogatepass"
    )


def damaged(rng: random.Random, data: bytes, ways: tuple[Damage, ...]) -> Damaged:
    """Damage a file once to four times."""
    if rng.random() < 0.1:
        return Damaged(cut(rng, data), "cut")
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        data = rng.choice(ways)(rng, data)
    return Damaged(data, "other")
