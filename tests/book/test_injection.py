"""What stands in files of anybody stays text on the pages: no markup, no script, no file of the machine."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ccta_lib.book.chapter import Chapter, literal, pipe_table, small_table
from ccta_lib.schema import VESSELS, write_table

PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></table><iframe src='//x'>",
    "{{ 7*7 }}",
    "\n```{raw} html\n<b>x</b>\n```\n",
    "\r```{raw} html\r<b>x</b>\r```\r",
    "\x0b:::{raw} html\x0b<b>x</b>\x0b:::",
    "\u2028```{include} /etc/passwd\u2028```",
    "{raw}`html <b>x</b>`",
    "{download}`x </etc/passwd>`",
    "{math}`\\input{/etc/passwd}`",
    "$\\input{/etc/passwd}$",
    "$$\\input{/etc/passwd}$$",
    "\\input{/etc/passwd} \\write18{id}",
    "[click](javascript:alert(1))",
    "![x](http://example.org/pixel.png)",
    "[x]{.y onclick=alert(1)}",
    "<javascript:alert(1)>",
    "<http://example.org>",
    "&lt;script&gt;",
    "`code` | cell | cell",
    "a\\|b\\",
    "%% comment",
    "# heading",
    "[^1] [x][y]",
)


def rendered(myst: str) -> str:
    """HTML of MyST with the extensions of the book."""
    pytest.importorskip("myst_parser")
    from markdown_it.renderer import RendererHTML
    from myst_parser.config.main import MdParserConfig
    from myst_parser.parsers.mdit import create_md_parser

    config = MdParserConfig(enable_extensions={"colon_fence", "dollarmath", "deflist", "attrs_inline"})
    return create_md_parser(config, RendererHTML).render(myst)


def cells_of(html: str) -> list[str]:
    return re.findall(r"<t[dh](?:\s[^>]*)?>(.*?)</t[dh]>", html, flags=re.S)


def shown(text: str) -> str:
    """How HTML writes a text that is only a text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_cell_and_a_header_show_what_they_hold(payload: str) -> None:
    table = pd.DataFrame({payload: [payload, "0.71 [0.69, 0.73], p <0.001"], "b": ["x", "y"]})
    html = rendered(small_table(table).myst)
    cells = cells_of(html)
    expected = shown(" ".join(payload.splitlines()).strip())
    assert cells == [expected, "b", expected, "x", "0.71 [0.69, 0.73], p &lt;0.001", "y"]
    assert html.count("<tr>") == 3
    assert not re.search(r"<(?!/?(?:table|thead|tbody|tr|th|td)\b)", html)


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\t"), min_size=1, max_size=40)
)
@example("*0*")
@example("**a** _b_ __c__ ~~d~~ a_b_c")
def test_any_text_is_one_cell_of_text(text: str) -> None:
    html = rendered(pipe_table(pd.DataFrame({"a": [literal(text)], "b": ["end"]})))
    cells = cells_of(html)
    assert len(cells) == 4
    assert cells[3] == "end"
    assert "<" not in re.sub(r"</?(?:table|thead|tbody|tr|th|td)\b[^>]*>", "", html)


def test_a_chapter_shows_and_saves_it_as_text(tmp_path: Path) -> None:
    row = {"ecg_id": "e1", "patient_id": "p1", "data_kind": "user", **{v.prob_column: 0.5 for v in VESSELS}}
    write_table(pd.DataFrame([row]), tmp_path / "predictions.parquet")
    payload = "St. <script>alert(1)</script> {raw}`html <b>`\r```{raw} html"
    table = pd.DataFrame({"site": [payload], payload: ["x"]})
    result = Chapter("cohort", str(tmp_path)).table(table, "t", "A caption.")
    assert "<script" not in result.html
    assert "<script" not in result.myst
    assert "\r" not in result.myst
    assert "{raw}`" not in result.myst
    assert not any(line.startswith("```") for line in result.myst.splitlines())
    saved = pd.read_csv(tmp_path / "tables" / "cohort" / "t.csv")
    assert saved["site"][0].splitlines() == payload.splitlines()
