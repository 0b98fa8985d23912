"""One slip of the keys in a long word of the reports: a letter too many, too few, wrong, or two exchanged."""

from __future__ import annotations

import re
from functools import lru_cache

from ccta_lib.cohort.text.normalise import Normal

_WORDS = re.findall(r"\w+", """
    anterior arteries artery atherosclerotic calcified circumflex coronary descending diagonal disease distal
    intermediate irregularities lesion lesions luminal marginal minimal moderate narrowed narrowing negative normal
    obstruction obstructive obstructed occluded occlusion ostial otherwise percent plaque posterior proximal remaining
    respectively restenosis severe significant stenoses stenosis stenotic subtotal unremarkable vessels
""")  # fmt: skip
# Words that are one letter from another and mean what they say.
_OTHER_WORDS = frozenset(re.findall(r"\w+", """
    abnormal coronal coronaries diseased diseases distally excluded exterior formal interior lumina marginally maximal
    minimally minimum negatives normally obstruct obstructs occlude occludes occlusions ostially percents plaques
    posteriorly session several severed severer vessel
"""))  # fmt: skip
_SHORTEST = 6
WORD = re.compile(rf"(?<![a-zäöüß])[a-z]{{{_SHORTEST},16}}(?![a-zäöüß])")


def _without_one(word: str) -> set[str]:
    return {word[:i] + word[i + 1 :] for i in range(1, len(word))}


_BY_SHORTER: dict[str, list[str]] = {}
for _word in _WORDS:
    for _form in {_word} | _without_one(_word):
        _BY_SHORTER.setdefault(_form, []).append(_word)


@lru_cache(maxsize=4096)
def meant(word: str) -> str:
    """Return the word of the reports that this is one slip away from, or the word itself.

    The first letter is always right, and a form that fits two words is left alone.

    >>> meant("stenosos"), meant("circumlfex"), meant("narowing"), meant("several")
    ('stenosos', 'circumflex', 'narrowing', 'several')
    """
    if word in _OTHER_WORDS or word in _WORDS:
        return word
    fits = {
        known
        for form in {word} | _without_one(word)
        for known in _BY_SHORTER.get(form, ())
        if known[0] == word[0] and _one_slip(word, known)
    }
    return fits.pop() if len(fits) == 1 else word


def _one_slip(a: str, b: str) -> bool:
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    rest_a, rest_b = a[start:], b[start:]
    return (
        rest_a[1:] == rest_b
        or rest_a == rest_b[1:]
        or rest_a[1:] == rest_b[1:]
        or (rest_a[:2] == rest_b[:2][::-1] and rest_a[2:] == rest_b[2:])
    )


def corrected(normal: Normal) -> Normal:
    """Return the text with slips of the keys put right; quotes stay as they were written."""
    slips = [(m.start(), m.end(), word) for m in WORD.finditer(normal.text) if (word := meant(m[0])) != m[0]]
    if not slips:
        return normal
    offsets = normal.offsets if normal.offsets is not None else range(len(normal.text))
    parts: list[str] = []
    places: list[int] = []
    done = 0
    for start, end, word in slips:
        parts += [normal.text[done:start], word]
        places += offsets[done:start]
        places += [offsets[min(start + i, end - 1)] for i in range(len(word) - 1)] + [offsets[end - 1]]
        done = end
    parts.append(normal.text[done:])
    places += offsets[done:]
    return Normal(normal.original, "".join(parts), tuple(places))
