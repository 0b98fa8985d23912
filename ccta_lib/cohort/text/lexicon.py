"""Every word the grade reader knows, in one order; at one place in the text the earlier entry wins.

Latin words match at the beginning of a word only. Each entry says what kind of token it makes and what the
token carries. No entry repeats a repetition, so the time of a search grows linearly with the text.
"""

from __future__ import annotations

import re

from ccta_lib.cohort.text import words_context, words_findings, words_vessels
from ccta_lib.schema import Vessel

ENTRIES = (*words_context.ENTRIES, *words_vessels.ENTRIES, *words_findings.ENTRIES)
RCA, LM, LAD, LCX = Vessel
# Segments of the AHA and SCCT models; the ramus (17) counts with the LCX, as segment 12 of SYNTAX does.
SEGMENTS = {
    **dict.fromkeys((1, 2, 3, 4, 16), RCA),
    5: LM,
    **dict.fromkeys(range(6, 11), LAD),
    **dict.fromkeys((11, 12, 13, 14, 15, 17, 18), LCX),
}


def segment_vessels(text: str) -> tuple[Vessel, ...]:
    """Return the vessels of a list of segment numbers such as "segments 6-8 and 11"."""
    found: list[Vessel] = []
    for first, last in re.findall(r"(\d{1,2})(?: ?- ?(\d{1,2}))?", text):
        for number in range(int(first), int(last or first) + 1):
            if number in SEGMENTS and SEGMENTS[number] not in found:
                found.append(SEGMENTS[number])
    return tuple(found)
