"""XLI, the compression of Philips' Sierra XML: one block per lead, LZW of 10 bits over second differences.

Both directions. `sierraecg` on PyPI decodes it too and is what the tests compare with, but it stops only where the
data stop, so that a crafted block of some kilobytes unpacks to megabytes, and it takes ten times as long.

A block is its length in bytes (int32), two bytes, the start (int16), then 10-bit codes, most significant bit first.
They unpack to the high bytes and then the low bytes of 16-bit numbers r: x[0] = r[0], x[1] = r[1],
x[i] = 2 x[i-1] - x[i-2] - d[i], with d[2] = start and d[i] = r[i-1] - 64 after that.
"""

from __future__ import annotations

import struct

import numpy as np

_HEADER = struct.Struct("<iHh")
_BITS = 10
_LAST_CODE = 2**_BITS - 2
_END = 2**_BITS - 1
_SHIFT = 64


class XliError(ValueError):
    """A block that cannot be what it says."""


def decode(data: bytes, leads: int, samples: int) -> np.ndarray:
    """Unpack the blocks of a recording.

    Parameters
    ----------
    data : bytes
    leads, samples : int
        What must come out; nothing more is ever unpacked. Machines store sixteen channels, of which the last four
        are empty and have no name: what follows the named leads is not looked at.

    Returns
    -------
    numpy.ndarray of int64, shape (leads, samples)

    Raises
    ------
    XliError
        If the blocks are damaged, or hold anything else.
    """
    rows: list[np.ndarray] = []
    at = 0
    while at < len(data) and len(rows) < leads:
        if at + _HEADER.size > len(data):
            raise XliError("a block without its header")
        size, _, start = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        if not 0 < size <= len(data) - at:
            raise XliError(f"a block of {size} bytes where {len(data) - at} are left")
        rows.append(_undo_differences(_unpack(data[at : at + size], 2 * samples), start))
        at += size
    if len(rows) != leads:
        raise XliError(f"{len(rows)} leads where {leads} are declared")
    return np.stack(rows)


def encode(signal: np.ndarray) -> bytes:
    """Pack integers (leads, samples) of 16 bits; the inverse of `decode`.

    Raises
    ------
    XliError
        If a lead swings so fast that a second difference does not fit 16 bits.
    """
    return b"".join(_block(lead.astype(np.int64)) for lead in signal)


def _unpack(block: bytes, wanted: int) -> np.ndarray:
    """Undo LZW; exactly `wanted` bytes must come out."""
    strings = [bytes([i]) for i in range(256)]
    previous = b""
    parts: list[bytes] = []
    length = 0
    for code in _codes(block):
        if code == _END:
            break
        if code < len(strings):
            now = strings[code]
        elif previous and code == len(strings) <= _LAST_CODE:
            now = previous + previous[:1]
        else:
            raise XliError(f"code {code} before it was defined")
        if previous and len(strings) <= _LAST_CODE:
            strings.append(previous + now[:1])
        previous = now
        parts.append(now)
        length += len(now)
        if length > wanted:
            break
    if length != wanted:
        raise XliError(f"a lead of {'more than ' if length > wanted else ''}{length // 2} samples where "
                       f"{wanted // 2} are declared")  # fmt: skip
    return np.frombuffer(b"".join(parts), dtype=np.uint8)


def _codes(block: bytes) -> list[int]:
    bits = np.unpackbits(np.frombuffer(block, dtype=np.uint8))
    rows = bits[: bits.size // _BITS * _BITS].reshape(-1, _BITS)
    return (rows @ (1 << np.arange(_BITS - 1, -1, -1))).tolist()


def _undo_differences(data: np.ndarray, start: int) -> np.ndarray:
    n = data.size // 2
    raw = (data[:n].astype(np.uint16) << 8 | data[n:]).view(np.int16).astype(np.int64)
    if n <= 2:
        return raw
    second = -np.concatenate([[start], raw[2:-1] - _SHIFT])
    first = np.cumsum(np.concatenate([[raw[1] - raw[0]], second]))
    values = np.concatenate([raw[:1], raw[0] + np.cumsum(first)])
    if values.min() < -(2**15) or values.max() >= 2**15:
        raise XliError("a lead leaves the range of 16 bits")
    return values


def _block(lead: np.ndarray) -> bytes:
    second = -np.diff(lead, n=2)
    if second.size and np.abs(second).max() > 2**15 - 1 - _SHIFT:
        raise XliError("a second difference does not fit 16 bits")
    start = int(second[0]) if second.size else 0
    raw = (
        np.concatenate([lead[:2], second[1:] + _SHIFT, [0] * (lead.size > 2)])
        .astype(np.int16)
        .view(np.uint16)
    )
    packed = _pack(np.concatenate([raw >> 8, raw & 255]).astype(np.uint8).tobytes())
    return _HEADER.pack(len(packed), 1, start) + packed


def _pack(data: bytes) -> bytes:
    table = {bytes([i]): i for i in range(256)}
    codes: list[int] = []
    current = b""
    for value in data:
        longer = current + bytes([value])
        if longer in table:
            current = longer
            continue
        codes.append(table[current])
        if len(table) <= _LAST_CODE:
            table[longer] = len(table)
        current = bytes([value])
    codes += [table[current], _END] if current else [_END]
    bits = (np.array(codes)[:, None] >> np.arange(_BITS - 1, -1, -1) & 1).astype(np.uint8)
    return np.packbits(bits.ravel()).tobytes()
