"""Every page of the book, in a browser: two widths, two colour schemes, from disk, for eyes, ears and keyboards."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

pytestmark = pytest.mark.slow

WIDTHS, SCHEMES = (1280, 360), ("light", "dark")
PLAIN_BYTES, RICH_BYTES, SVG_BYTES = 3_000_000, 5_000_000, 300_000
MINIMAL_BODY_TEXT = 40
AXE = {"resultTypes": ["violations"], "preload": False}
CONTRAST = AXE | {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# What repeats teaches axe nothing and costs it minutes: the frame around each page, lines of code, rows of a table
# beyond the fifth, functions of the reference beyond the third. One page of each kind is checked whole.
REPEATED = [
    ".highlight",
    "tbody tr:nth-child(n+6)",
    "dl.py ~ dl.py ~ dl.py ~ dl.py",
    ".genindextable td li:nth-child(n+6)",
]
PART = {"include": [["main"]], "exclude": [[r] for r in REPEATED]}


def place(url: str) -> Path:
    return Path(unquote(urlparse(url).path))


def serious(axe: Any, page: Any, context: Any, options: dict[str, Any]) -> list[str]:
    """Return the serious and critical violations axe finds on the page as it stands."""
    found = axe.run(page, context=context, options=options).response["violations"]
    return [
        f"{v['id']}: {n['html'][:120]}: {n['failureSummary'].splitlines()[-1].strip()}"
        for v in found if v["impact"] in ("serious", "critical") for n in v["nodes"]
    ]  # fmt: skip


def in_state(page: Any, scheme: str, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
    page.set_viewport_size({"width": width, "height": 900})


@pytest.fixture(scope="module")
def axe() -> Any:
    return pytest.importorskip("axe_playwright_python.sync_playwright").Axe()


def test_every_page(watched: Any, pages: list[Path], html: Path, axe: Any) -> None:
    """No console error, no request off the machine, nothing wider than the window, no serious fault for axe."""
    faults: list[str] = []
    for path in pages:
        name = path.relative_to(html).as_posix()
        page = watched.open(path)
        for scheme, width in product(SCHEMES, WIDTHS):
            in_state(page, scheme, width)
            where = f"{name} ({scheme}, {width})"
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            if wide > 0:
                faults.append(f"{where}: {wide} px wider than the window")
            if (scheme, width) == ("light", 1280):
                faults += [f"{where}: {v}" for v in serious(axe, page, PART, AXE)]
            # Reference pages take their colours from the same few rules as all others.
            if (scheme, width) == ("dark", 360) and not name.startswith(
                ("reference/api", "genindex", "py-mod")
            ):
                faults += [f"{where}: {v}" for v in serious(axe, page, PART, CONTRAST)]
        if len(page.inner_text("main")) < MINIMAL_BODY_TEXT:
            faults.append(f"{name}: hardly any text")
        faults += [f"{name}: asks for {u}" for u in watched.requests if not u.startswith(("file:", "data:"))]
        faults += [
            f"{name}: {u} is missing"
            for u in watched.requests
            if u.startswith("file:") and not place(u).exists()
        ]
    assert not faults + watched.faults, "\n".join(faults + watched.faults)


@pytest.mark.parametrize(("scheme", "width"), list(product(SCHEMES, WIDTHS)))
def test_one_page_of_each_kind_whole(watched: Any, html: Path, axe: Any, scheme: str, width: int) -> None:
    """With its frame and its code, every rule, both schemes, both widths."""
    faults = []
    for name in ("index", "search", "chapters/training", "interactive/thresholds", "interactive/ecg-viewer",
                 "interactive/simulator"):  # fmt: skip
        page = watched.open(html / f"{name}.html")
        in_state(page, scheme, width)
        faults += [f"{name}: {v}" for v in serious(axe, page, None, AXE)]
    assert not faults + watched.faults, "\n".join(faults + watched.faults)


def test_weight(watched: Any, pages: list[Path], html: Path) -> None:
    """A page with all it loads stays light; mathematics and live figures load only where they are used."""
    faults = []
    for path in pages:
        name = path.relative_to(html).as_posix()
        watched.open(path)
        files = {place(u) for u in watched.requests if u.startswith("file:")}
        weight = sum(f.stat().st_size for f in files)
        loaded = {f.name for f in files}
        text = path.read_text(encoding="utf-8")
        mathematics, live = "mathjax.js" in loaded, "live.js" in loaded
        if weight > (RICH_BYTES if mathematics or live else PLAIN_BYTES):
            faults.append(f"{name}: {weight:,} bytes")
        if mathematics and 'class="math ' not in text:
            faults.append(f"{name}: loads MathJax without mathematics")
        if live != ('class="live"' in text):
            faults.append(f"{name}: live figure and its script do not go together")
    assert not faults, "\n".join(faults)


def test_no_figure_is_heavy(html: Path) -> None:
    heavy = {f.name: f.stat().st_size for f in html.rglob("*.svg") if f.stat().st_size > SVG_BYTES}
    assert not heavy


class _Images(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs))


def test_every_image_says_what_it_shows(pages: list[Path]) -> None:
    seen, faults = 0, []
    for path in pages:
        parser = _Images()
        parser.feed(path.read_text(encoding="utf-8"))
        # The index of modules folds with a picture of Sphinx's own, a plus or a minus.
        for image in (i for i in parser.images if "toggler" not in (i.get("class") or "")):
            seen += 1
            alt = (image.get("alt") or "").strip()
            if len(alt) < 15 or re.search(r"\.(svg|png)$", alt):
                faults.append(f"{path.name}: {image.get('src')}: alt {alt!r}")
    assert seen > 10
    assert not faults, "\n".join(faults)


def test_wide_tables_scroll_in_a_box_of_their_own(watched: Any, html: Path) -> None:
    watched.page.set_viewport_size({"width": 360, "height": 900})
    page = watched.open(html / "chapters" / "discrimination.html")
    boxes = page.evaluate("""[...document.querySelectorAll("main table.table")].map((t) => {
        let box = t;
        while (box && !["auto", "scroll"].includes(getComputedStyle(box).overflowX)) box = box.parentElement;
        return [t.scrollWidth, box ? box.clientWidth : 0, box ? box.tabIndex : -1];
    })""")
    assert boxes
    for table, box, tab in boxes:
        assert 0 < box <= 360
        # A keyboard must be able to scroll what a mouse can.
        assert table <= box or tab == 0


def test_search_works_from_disk(watched: Any, html: Path) -> None:
    page = watched.open(html / "search.html", "?q=prevalence")
    page.wait_for_selector("#search-results li a", timeout=60_000)
    assert page.locator("#search-results li").count() >= 2
    assert not watched.faults


def test_print_shows_text_and_banner_alone(watched: Any, html: Path) -> None:
    page = watched.open(html / "chapters" / "discrimination.html")
    page.emulate_media(media="print")
    for gone in (".bd-sidebar-primary", ".bd-header", ".prev-next-area"):
        assert page.locator(gone).count() == 0 or not page.locator(gone).first.is_visible(), gone
    assert page.locator(".bd-header-announcement").is_visible()
    assert page.locator("main img").first.is_visible()
    page.emulate_media(media="print", color_scheme="dark")
    background = page.evaluate("getComputedStyle(document.querySelector('main')).color")
    red, green, blue = map(int, re.findall(r"\d+", background)[:3])
    assert max(red, green, blue) < 120, "white paper takes dark ink, whatever the screen's scheme"


def test_colour_scheme_can_be_chosen_by_keyboard(watched: Any, html: Path) -> None:
    page = watched.open(html / "index.html")
    page.locator(".theme-switch-button").locator("visible=true").first.focus()
    for key in ("Enter", "Tab", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    page.wait_for_function("document.documentElement.dataset.mode === 'dark'", timeout=60_000)
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark", "the choice is kept"
    assert not watched.faults


def test_without_javascript_the_live_pages_still_say_something(chromium: Any, html: Path) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    for name in ("thresholds", "ecg-viewer", "simulator"):
        page.goto((html / "interactive" / f"{name}.html").as_uri())
        assert (
            "needs JavaScript" in page.locator("noscript").first.inner_text()
            or "needs JavaScript" in page.content()
        )
        assert page.locator("main table.table tbody tr").count() >= 5
    context.close()
