"""One spelling for the rules, with the way back: every match can be quoted as it stands in the report."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_CHARS = 20_000  # ten times the longest coronary report we know; a longer cell is not one report

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_MARKS = str.maketrans(
    {**dict.fromkeys("–—−‐‑‒―﹣", "-"), **dict.fromkeys("〜∼˜∽", "~"), **dict.fromkeys("﹪٪", "%"),
     **dict.fromkeys("⩽≦⩽", "≤"), **dict.fromkeys("⩾≧⩾", "≥"), **dict.fromkeys("﹤〈", "<"),
     **dict.fromkeys("﹥〉", ">"), **dict.fromkeys("\u3000\u00a0\u2002\u2003\u2009\u202f\r\t\v\f", " "),
     **dict.fromkeys("\u2028\u2029\u0085", "\n"), **dict.fromkeys("【〔﹝", "["), **dict.fromkeys("】〕﹞", "]"),
     "’": "'", "‘": "'", "“": '"', "”": '"', "．": ".", "﹔": ";", "﹕": ":", "﹐": ",", "｡": "。"}
)  # fmt: skip
# Traditional characters of the words the rules know.
_SIMPLIFIED = str.maketrans(
    "狀動脈狹輕閉迴幹異見無現顯嚴鈣塊餘遠側緣間對後斷暢雙於請術壓認竇電圖過緩變橋內極損診",
    "状动脉狭轻闭回干异见无现显严钙块余远侧缘间对后断畅双于请术压认窦电图过缓变桥内极损诊",
)
_MISTYPED = str.maketrans("枝挟峡廻迥", "支狭狭回回")  # one sound, one key away
_TABLE: dict[int, int | str | None] = {**_WIDE, **_MARKS, **_SIMPLIFIED, **_MISTYPED}
_CJK = "\u4e00-\u9fff"
_WRAPPED = re.compile(
    r"(?<=[^\s.。;；:：!?|]) {0,4}\n(?= {0,8}[a-zäöü])(?! {0,8}[a-z0-9 ()/.]{1,45}[:=|-](?: |$))"
)
_DROPPED = re.compile(rf"[\u200b-\u200f\ufeff\u00ad]+|(?<=[{_CJK}、]) +(?=[{_CJK}、])|(?<= ) +")
_DROPPED_KEEPING_SPACE = re.compile(r"[\u200b-\u200f\ufeff\u00ad]+|(?<= ) +")


@dataclass(frozen=True)
class Normal:
    """A text in one spelling.

    Attributes
    ----------
    original : str
        As it was given.
    text : str
        Half-width, lower case, simplified characters, one space between words.
    offsets : tuple of int or None
        Place in `original` of each character of `text`; None when they are the same.
    """

    original: str
    text: str
    offsets: tuple[int, ...] | None

    def quote(self, start: int, end: int) -> str:
        """Return, verbatim, the part of the original that became `text[start:end]`."""
        if start >= end:
            return ""
        if self.offsets is not None:
            start, end = self.offsets[start], self.offsets[end - 1] + 1
        return self.original[start:end].strip()

    def within(self, original: str, places: tuple[int, ...]) -> Normal:
        """Return the same text as part of the one it was written out from; `places` leads from this to that."""
        offsets = self.offsets if self.offsets is not None else range(len(self.text))
        return Normal(original, self.text, tuple(places[i] for i in offsets))


def same_length(text: str) -> str:
    """Bring a text into one spelling without moving a character; tabs and runs of spaces stay."""
    same = text.translate({k: v for k, v in _TABLE.items() if k != ord("\t")})
    lowered = same.lower()
    if len(lowered) == len(same):
        return lowered
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in same)


def normalise(text: str, *, join_han: bool = True) -> Normal:
    """Bring a report into the spelling that the rules are written in.

    Parameters
    ----------
    text : str
    join_han : bool
        Close up spaces between Chinese characters; where a space parts items of a list, say no.

    Returns
    -------
    Normal
    """
    same = text.translate(_TABLE)
    same = _WRAPPED.sub(lambda m: " " * len(m[0]), same)
    lowered = same.lower()
    if len(lowered) != len(same):  # a few letters become two; those stay as they are
        lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in same)
    kept: list[int] = []
    position = 0
    for match in (_DROPPED if join_han else _DROPPED_KEEPING_SPACE).finditer(lowered):
        kept.extend(range(position, match.start()))
        position = match.end()
    if position == 0:
        return Normal(text, lowered, None)
    kept.extend(range(position, len(lowered)))
    return Normal(text, "".join([lowered[i] for i in kept]), tuple(kept))
