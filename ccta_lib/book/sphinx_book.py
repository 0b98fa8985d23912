"""What the book adds to Sphinx: provenance under figures, glossary links, and tables that fit a printed page.

Loaded by `book/conf.py`; the pages' texts need to know nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from docutils import nodes  # type: ignore[import-untyped]
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

GLOSSARY = "reference/glossary"
# Pages whose prose is linked to the glossary: every chapter, and what a newcomer reads first.
LINKED = ("chapters/", "about/", "howto/", "virtual-cohort")
_UNLINKED = (
    nodes.title, nodes.literal, nodes.literal_block, nodes.reference, nodes.math, nodes.raw, nodes.table, nodes.figure,
    addnodes.pending_xref, addnodes.glossary, addnodes.download_reference, addnodes.desc,
)  # fmt: skip
# Characters a line of the printed page holds at each size, measured on the default text width.
SIZES = ((88, r"\small"), (104, r"\footnotesize"), (122, r"\scriptsize"))
LANDSCAPE = (185, r"\scriptsize")
WIDEST_CELL = 38  # characters; a longer cell is wrapped


class Provenance(SphinxDirective):
    """Links in one line, and the rest behind a disclosure triangle; left out of print."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the nodes, seen by HTML alone."""
        box = nodes.container(classes=["provenance"])
        links, _ = self.parse_inline(self.arguments[0])
        box += nodes.paragraph("", "", *links)
        box += nodes.raw(
            "", "<details><summary>Where this comes from, and how to cite it</summary>", format="html"
        )
        box += self.parse_content_to_nodes()
        box += nodes.raw("", "</details>", format="html")
        return [addnodes.only("", box, expr="html")]


def read_terms(text: str) -> dict[str, str]:
    """Read the terms of a page's glossaries.

    Parameters
    ----------
    text : MyST text; terms start at the margin, their definitions are indented

    Returns
    -------
    dict
        Every term, and the first term of the entry it belongs to.
    """
    terms: dict[str, str] = {}
    for block in re.findall(r"^(?:```|:::)\{glossary\}\n(.*?)^(?:```|:::)$", text, flags=re.S | re.M):
        first = ""
        for line in block.splitlines():
            if not line.strip() or line[0].isspace():
                first = ""
            elif not line.startswith(":"):
                first = first or line.strip()
                terms[line.strip()] = first
    return terms


def term_pattern(terms: Iterable[str]) -> re.Pattern[str]:
    """Return what finds a term in prose: whole words, longest first, a first capital, plurals."""
    forms = []
    for term in sorted(terms, key=len, reverse=True):
        start = f"[{term[0].upper()}{term[0].lower()}]" if term[1:2].islower() else re.escape(term[0])
        forms.append(start + re.escape(term[1:]).replace(r"\ ", r"\s+") + "s?")
    return re.compile(r"(?<![\w-])(?:" + "|".join(forms) + r")(?![\w-])")


def link_terms(app: Sphinx, doctree: nodes.document) -> None:
    """Link the first use of each glossary term on a page to its definition."""
    name = app.env.docname
    source = Path(app.srcdir) / f"{GLOSSARY}.md"
    if not name.startswith(LINKED) or not source.is_file():
        return
    app.env.note_dependency(f"{GLOSSARY}.md")
    terms = read_terms(source.read_text(encoding="utf-8"))
    by_form = {" ".join(t.lower().split()): t for t in terms}
    pattern, done = term_pattern(terms), set[str]()
    for text in list(doctree.findall(nodes.Text)):
        if not isinstance(text.parent, nodes.paragraph | nodes.emphasis | nodes.strong) or _inside(
            text, _UNLINKED
        ):
            continue
        pieces: list[nodes.Node] = []
        place = 0
        for match in pattern.finditer(text):
            form = " ".join(match.group().lower().split())
            term = by_form.get(form) or by_form[form.removesuffix("s")]
            if terms[term] in done:
                continue
            done.add(terms[term])
            pieces += [nodes.Text(text[place : match.start()]), _term_link(match.group(), term, name)]
            place = match.end()
        if pieces:
            text.parent.replace(text, [p for p in (*pieces, nodes.Text(text[place:])) if p.astext()])


def _inside(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
    parent = node.parent
    while parent is not None:
        if isinstance(parent, kinds) or "provenance" in getattr(parent, "attributes", {}).get("classes", ()):
            return True
        parent = parent.parent
    return False


def _term_link(text: str, term: str, page: str) -> nodes.Element:
    inner = nodes.inline("", text, classes=["xref", "std", "std-term"])
    return addnodes.pending_xref("", inner, refdomain="std", reftype="term", reftarget=term, refdoc=page,
                                 refexplicit=True, refwarn=True)  # fmt: skip


def fit_page(app: Sphinx, doctree: nodes.document, _docname: str) -> None:
    """For print, leave out what only a screen can do, and let each table fit: widths, size, or a page on its side."""
    if app.builder.format != "latex":
        return
    for reference in list(doctree.findall(addnodes.download_reference)):
        reference.parent.remove(reference)
    for code in list(doctree.findall(_is_hidden_code)):
        code.parent.remove(code)
    for table in list(doctree.findall(nodes.table)):
        widths = column_widths(
            [[e.astext() for e in row.findall(nodes.entry)] for row in table.findall(nodes.row)]
        )
        size, sideways, spec = print_layout(widths)
        table["classes"] = [*table.get("classes", []), "longtable"]
        before, after = r"\begingroup" + size, r"\endgroup"
        if sideways:
            before, after = r"\begin{landscape}" + before, after + r"\end{landscape}"
        parent, place = table.parent, table.parent.index(table)
        parent[place : place + 1] = [
            nodes.raw("", before, format="latex"), addnodes.tabular_col_spec(spec=spec), table,
            nodes.raw("", after, format="latex"),
        ]  # fmt: skip


def _is_hidden_code(node: nodes.Node) -> bool:
    """Tell whether a node is code that its page folds away: paper cannot unfold it."""
    classes = getattr(node.parent, "attributes", {}).get("classes", ())
    return (
        isinstance(node, nodes.container) and "cell_input" in node["classes"] and "tag_hide-input" in classes
    )


def column_widths(rows: list[list[str]]) -> list[tuple[int, int]]:
    """Return, per column, the longest word and the longest cell in characters, both at least 3."""
    count = max((len(r) for r in rows), default=0)
    columns = [[r[i] for r in rows if len(r) > i] for i in range(count)]
    return [
        (
            max([3, *(_breadth(w) for c in column for w in re.split(r"[\s–/]+", c))]),
            max([3, *(_breadth(c) for c in column)]),
        )
        for column in columns
    ]


def _breadth(text: str) -> int:
    """Return the width of text in characters; a Chinese one is as wide as two."""
    return len(text) + sum(east_asian_width(c) in "WF" for c in text)


def print_layout(widths: list[tuple[int, int]]) -> tuple[str, bool, str]:
    """Choose how a table is printed.

    Parameters
    ----------
    widths : longest word and longest cell of each column, in characters

    Returns
    -------
    size : LaTeX size command
    sideways : whether it needs a page in landscape
    spec : LaTeX column specification, in shares of the line
    """
    natural = [max(word, min(cell, WIDEST_CELL)) + 2 for word, cell in widths]
    least = [min(max(word, min(cell, WIDEST_CELL // 2)), WIDEST_CELL) + 2 for word, cell in widths]
    size, limit, sideways = LANDSCAPE[1], LANDSCAPE[0], True
    for line, command in SIZES:
        if sum(natural) <= line or (command == SIZES[-1][1] and sum(least) <= line):
            size, limit, sideways = command, line, False
            break
    if sum(natural) <= limit:
        shares, total = natural, max(sum(natural), SIZES[0][0] if not sideways else limit)
    else:  # give every column what it needs, and share the rest by what it would like
        spare = max(limit - sum(least), 0)
        wish = [n - m for n, m in zip(natural, least, strict=True)]
        shares = [m + spare * w // max(sum(wish), 1) for m, w in zip(least, wish, strict=True)]
        total = max(limit, sum(shares))
    columns = "".join(rf">{{\raggedright\arraybackslash}}\X{{{s}}}{{{total}}}" for s in shares)
    return size, sideways, columns


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of it."""
    app.add_directive("provenance", Provenance)
    app.connect("doctree-read", link_terms)
    app.connect("doctree-resolved", fit_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
