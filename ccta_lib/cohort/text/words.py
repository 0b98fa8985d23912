"""Pieces that several entries of the lexicon are made of."""

from __future__ import annotations

import re
from typing import Any

# kind, value, Latin pattern, Chinese pattern. Chinese patterns need no word boundary.
Entry = tuple[str, Any, str, str]
END = r"(?![a-z])"
NUM = r"\d{1,3}(?:\.\d)?"
PCT = r" ?(?:%(?:ige\w{0,2})?|percent|per cent|prozent|pct)"
TO = r" ?(?:-|~|to|bis|至|到) ?"
HAN = r"[一二三四五六七八九十百零两]{1,5}"
NUMBER = re.compile(NUM)
HAN_NUMBER = re.compile(HAN)
