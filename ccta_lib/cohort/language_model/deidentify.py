"""What leaves the machine: report text without names, identifiers, dates, addresses and numbers of people.

Two nets, one behind the other: what the row is known to hold (its name, its identifiers, its dates) is taken out
wherever it stands, and what looks like somebody's is taken out by its form. A text in which something known
still stands afterwards is withheld, not sent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|januar|februar|märz|mai|juni|juli|okt|dez"
_DATE = re.compile(
    r"(?<!\d)(?:"
    r"\d{4}\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}(?:\s*日)?"  # 2021-03-07, 2021年3月7日
    r"|\d{4}\s*年\s*\d{1,2}\s*月"
    r"|\d{1,2}\s*[-/.]\s*\d{1,2}\s*[-/.]\s*\d{4}"  # 07.03.2021, 3/7/2021
    rf"|\d{{1,2}}\.?\s*(?:{_MONTHS})[a-z]*\.?,?\s+\d{{4}}"
    rf"|(?:{_MONTHS})[a-z]*\.?\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}"
    r")(?!\d)",
    re.IGNORECASE,
)
_NAME_LATIN = r"[A-ZÄÖÜ][\w'-]+(?:[ ,]+[A-ZÄÖÜ][\w'-]*\.?){0,3}"
_SIGNS = "姓名|报告医师|报告医生|审核医师|审核医生|诊断医师|检查医师|申请医师|医师签名|签名"
_ROLES = "patient(?:'s)? name|patient|name|reported by|signed by|signed|read by|radiologist|(?:referring )?physician"
_NUMBERS_ZH = "住院号|门诊号|病历号|检查号|影像号|登记号|身份证号?|卡号|床号"
_NUMBERS = r"MRN|medical record(?: number)?|accession(?: number)?|patient id|exam id|study id|ID"
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    # A whole word before the @, however long; inside a word the 64 characters an address may have (RFC 5321), so that a
    # long word is not gone through again from each of its characters.
    ("[email]", re.compile(r"(?:(?<![\w.+-])[\w.+-]++|[\w.+-]{1,64}+)@[\w-]+(?:\.[\w-]+)+")),
    ("[date]", _DATE),
    ("[address]", re.compile(r"(?:住址|地址|籍贯)\s*:\s*[^\s,;。，；]{2,60}")),
    ("[address]", re.compile(r"\b(?:address|residence)\s*:\s*[^\n;]{3,80}", re.IGNORECASE)),
    ("[name]", re.compile(rf"(?:{_SIGNS})\s*:?\s*[\u4e00-\u9fff·]{{2,4}}(?![\u4e00-\u9fff])")),
    ("[name]", re.compile(r"[\u4e00-\u9fff]{1,3}某某?")),
    ("[name]", re.compile(r"[\u4e00-\u9fff](?:先生|女士|小姐)")),
    ("[name]", re.compile(rf"\b(?i:{_ROLES})\s*:\s*{_NAME_LATIN}")),
    ("[name]", re.compile(rf"\b(?:Dr|Prof|Mr|Mrs|Ms|Herr|Frau)\.?\s+{_NAME_LATIN}")),
    ("[id]", re.compile(rf"(?:{_NUMBERS_ZH})\s*:?\s*[A-Za-z0-9-]{{2,24}}")),
    ("[id]", re.compile(rf"\b(?i:{_NUMBERS})\s*[:#]\s*[A-Za-z0-9-]{{2,24}}")),
    # Seven digits or more are nobody's stenosis: telephones, identity and record numbers, in groups or in one row.
    # Possessive (`+` after a repeat): a long row of digits before a percent sign would else be cut up in every way.
    (
        "[number]",
        re.compile(r"(?<!\d)(?<!\d\.)(?=\+?(?:[ -]?\d){7})\+?\d{3,}+(?:[ -]\d{2,}+)*[Xx]?(?!\d|%|\.\d)"),
    ),
    ("[number]", re.compile(r"(?<!\d)(?<!\d[.,])\d{7,}+[Xx]?")),
)
_SHORTEST = 2  # characters; a shorter "name" would take ordinary letters out of the text


@dataclass(frozen=True)
class Identifiers:
    """What is known of the person a report is about.

    Attributes
    ----------
    texts : tuple of str
        Names, patient and examination identifiers, as the tables write them.
    dates : tuple of date
        Birth date and others that tell who it is, found in any common way of writing.
    """

    texts: tuple[str, ...] = ()
    dates: tuple[date, ...] = ()


def deidentify(text: str, known: Identifiers | None = None) -> str:
    """Take out of a report what could say whom it is about.

    Parameters
    ----------
    text : report
    known : what the row holds of the person

    Returns
    -------
    str
        The text, NFKC-normalised (full-width characters made plain), with [name], [id], [date], [number],
        [address] and [email] in place of what was there. Percentages, segments and measures stay.
    """
    known = known or Identifiers()
    plain = unicodedata.normalize("NFKC", text)
    for word in sorted(_long_enough(known.texts), key=len, reverse=True):
        plain = _flexible(word).sub("[id]" if any(c.isdigit() for c in word) else "[name]", plain)
    for label, form in _FORMS:
        plain = form.sub(label, plain)
    for day in known.dates:
        for written in _written(day):
            plain = plain.replace(written, "[date]")
    return plain


def still_identifies(text: str, known: Identifiers) -> bool:
    """Tell whether something known of the person is in a de-identified text after all, whatever the space in it."""
    left = _squeeze(text)
    return any(_squeeze(word) in left for word in _long_enough(known.texts))


def _long_enough(words: Iterable[str]) -> list[str]:
    normal = [unicodedata.normalize("NFKC", w).strip() for w in words]
    # A report says "Mr Testperson" of Zhang Testperson: each part of a name tells who it is.
    parts = [p for w in normal for p in re.split(r"[\s,]+", w) if len(p) > _SHORTEST and p.isalpha()]
    # Single letters and one- or two-digit numbers stand everywhere; they identify nobody on their own.
    return [
        w for w in dict.fromkeys([*normal, *parts]) if len(_squeeze(w)) >= (3 if w.isdigit() else _SHORTEST)
    ]


def _flexible(word: str) -> re.Pattern[str]:
    """Match a word whatever its case and the space inside it; Latin words and numbers only whole."""
    parts = [re.escape(p) for p in re.split(r"\s+", word)]
    if not word.isascii():
        parts = [r"\s*".join(re.escape(c) for c in p) for p in re.split(r"\s+", word)]
    body = r"[\s,]*".join(parts)
    if word.isascii():
        body = rf"(?<![A-Za-z0-9]){body}(?![A-Za-z0-9])"
    return re.compile(body, re.IGNORECASE)


def _squeeze(text: str) -> str:
    return re.sub(r"\s+", "", text).casefold()


def _written(day: date) -> list[str]:
    y, m, d = day.year, day.month, day.day
    return [f"{y}{m:02d}{d:02d}", f"{y}-{m:02d}-{d:02d}", f"{d:02d}{m:02d}{y}", f"{y} {m:02d} {d:02d}"]
