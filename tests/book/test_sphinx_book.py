"""Terms are found where prose uses them, and every table fits the printed page."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccta_lib.book.locate import book_folder

pytest.importorskip("sphinx")

from ccta_lib.book import sphinx_book as book

GLOSSARY = (book_folder() / "reference" / "glossary.md").read_text(encoding="utf-8")

TEXT = """
```{glossary}
AUC
area under the curve
  How often.

net benefit
  True positives,
  less false ones.
```

Not a term.

```{glossary}
floor
  What is left.
```
"""


def test_terms_and_the_entry_they_belong_to() -> None:
    assert book.read_terms(TEXT) == {
        "AUC": "AUC", "area under the curve": "AUC", "net benefit": "net benefit", "floor": "floor",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("prose", "found"),
    [
        ("The AUC of it", ["AUC"]),
        ("Net benefit and net\nbenefits", ["Net benefit", "net\nbenefits"]),
        ("AUCs, not auc nor MAUC nor AUC-like", ["AUCs"]),
        ("flooring a floor", ["floor"]),
    ],
)
def test_whole_words_with_a_capital_or_a_plural(prose: str, found: list[str]) -> None:
    assert [m.group() for m in book.term_pattern(book.read_terms(TEXT)).finditer(prose)] == found


def test_every_form_the_pattern_finds_leads_to_a_term() -> None:
    """A form that no entry answers would stop the build of a page."""
    terms = book.read_terms(GLOSSARY)
    by_form = {t.lower() for t in terms}
    assert len(by_form) == len(terms)
    for term in terms:
        for form in (term, f"{term}s", term[0].upper() + term[1:]):
            for match in book.term_pattern(terms).finditer(f"a {form}."):
                lower = match.group().lower()
                assert lower in by_form or lower.removesuffix("s") in by_form


def test_the_glossary_defines_each_term_once() -> None:
    terms = re.findall(
        r"^(?![ `#\s])(.+)$",
        "\n".join(re.findall(r"\{glossary\}\n(.*?)^```$", GLOSSARY, flags=re.S | re.M)),
        flags=re.M,
    )
    assert len(terms) == len(set(terms)) == len(book.read_terms(GLOSSARY)) > 60


widths = st.lists(
    st.tuples(st.integers(3, 30), st.integers(3, 200)).map(lambda t: (min(t), max(t))),
    min_size=1,
    max_size=14,
)


@given(widths)
def test_shares_of_a_printed_table_fill_the_line_and_never_exceed_it(columns: list[tuple[int, int]]) -> None:
    size, sideways, spec = book.print_layout(columns)
    shares = [(int(a), int(b)) for a, b in re.findall(r"\\X\{(\d+)\}\{(\d+)\}", spec)]
    assert len(shares) == len(columns)
    assert len({b for _, b in shares}) == 1
    assert 0 < sum(a for a, _ in shares) <= shares[0][1]
    least = sum(min(max(w, min(c, 19)), 38) + 2 for w, c in columns)
    if sideways:
        assert size == r"\scriptsize"
        assert least > 122
    # A longest word fits its column wherever the whole table can fit a page at all.
    line = 185 if sideways else {command: n for n, command in book.SIZES}[size]
    if least <= line:
        assert all(
            a >= min(w, 38) * shares[0][1] // max(line, shares[0][1])
            for (a, _), (w, _c) in zip(shares, columns, strict=True)
        )


@pytest.mark.parametrize(
    ("columns", "size", "sideways"),
    [
        ([(5, 10), (5, 10)], r"\small", False),
        ([(10, 23)] * 4, r"\footnotesize", False),
        ([(10, 13)] * 8, r"\scriptsize", False),
        ([(10, 23)] * 7, r"\scriptsize", True),
    ],
)
def test_a_wider_table_is_smaller_and_then_on_its_side(columns: list, size: str, sideways: bool) -> None:
    assert book.print_layout(columns)[:2] == (size, sideways)


def test_widths_are_of_the_longest_word_and_cell() -> None:
    rows = [["vessel", "AUC"], ["left main artery", "0.712 [0.690, 0.734]"], ["x"]]
    assert book.column_widths(rows) == [(6, 16), (7, 20)]
    assert book.column_widths([]) == []
    assert book.column_widths([["未见 LM"]]) == [(4, 7)]
