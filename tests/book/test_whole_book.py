"""The book of one run as pages and as PDF: every figure says where it comes from, and every link leads somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from ccta_lib.banner import banner_text
from ccta_lib.book import pdf
from ccta_lib.book.locate import shipped_run
from ccta_lib.book.render import render
from ccta_lib.book.runner import run_chapters
from ccta_lib.errors import MissingExtraError
from ccta_lib.files import read_json
from ccta_lib.pipeline import take_predictions

CHAPTER = "severity"


class Page(HTMLParser):
    """Links and identifiers of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a" and values.get("href"):
            self.links.append(str(values["href"]))
        if values.get("id"):
            self.ids.add(str(values["id"]))


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx")
    folder = tmp_path_factory.mktemp("book") / "run"
    take_predictions(shipped_run() / "predictions.parquet", folder)
    run_chapters([CHAPTER], folder, {}, workers=1)
    render(folder)
    return folder


@pytest.fixture(scope="module")
def pages(run_dir: Path) -> dict[Path, Page]:
    return {p: Page(p) for p in sorted((run_dir / "html").rglob("*.html")) if "_static" not in p.parts}


@pytest.mark.slow
def test_every_link_within_the_book_leads_somewhere(pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = link.partition("#")
            there = (path.parent / unquote(target)).resolve() if target else path
            if not there.exists() or (anchor and there in pages and unquote(anchor) not in pages[there].ids):
                broken.append(f"{path.name}: {link}")
    assert not broken


@pytest.mark.slow
def test_each_figure_and_table_says_where_it_comes_from(run_dir: Path, pages: dict[Path, Page]) -> None:
    page = pages[run_dir / "html" / "chapters" / f"{CHAPTER}.html"]
    run = read_json(run_dir / "run.json")
    stage = run["stages"][f"chapter {CHAPTER}"]
    things = {i for i in page.ids if re.match(rf"(fig|tab)-{CHAPTER}-", i)}
    assert len(things) > 5
    boxes = page.text.split('class="provenance docutils container"')[1:]
    assert len(boxes) == len(things)
    for box in boxes:
        box = box.partition("</details>")[0]
        assert stage["key"][:16] in box
        assert stage["commit"] in box
        assert run["predictions_sha256"][:16] in box
        assert "@misc" in box
        downloads = [unquote(m) for m in re.findall(r'href="\.\./(_downloads/[^"]+)"', box)]
        assert {Path(d).suffix for d in downloads} == {".csv", ".ipynb"}
        for file in downloads:
            assert (run_dir / "html" / file).is_file()
    notebook = next((run_dir / "html" / "_downloads").rglob(f"{CHAPTER}.ipynb"))
    assert notebook.read_bytes() == (run_dir / "executed" / f"{CHAPTER}.ipynb").read_bytes()


@pytest.mark.slow
def test_a_chapter_links_the_first_use_of_a_term_and_no_other(run_dir: Path, pages: dict[Path, Page]) -> None:
    page = pages[run_dir / "html" / "chapters" / f"{CHAPTER}.html"]
    links = [link for link in page.links if "reference/glossary.html#term-" in link]
    assert len(links) == len(set(links)) > 5


@pytest.mark.slow
def test_an_unchanged_run_is_not_built_again(run_dir: Path) -> None:
    index = run_dir / "html" / "index.html"
    before = index.stat().st_mtime_ns
    assert render(run_dir) == index
    assert index.stat().st_mtime_ns == before


@pytest.mark.slow
def test_the_printed_book(run_dir: Path) -> None:
    try:
        pdf.check_latex()
    except MissingExtraError as error:
        pytest.skip(str(error))
    book = pdf.render_pdf(run_dir)
    first = book.read_bytes()
    assert first.startswith(b"%PDF")
    log = (run_dir / "pdf" / "latex" / "book.log").read_text(encoding="utf-8", errors="replace")
    assert "Missing character" not in log
    wide = [float(m) for m in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\) in alignment", log)]
    assert max(wide, default=0) < 5, "a table leaves the page"
    if shutil.which("pdftotext"):
        text = subprocess.run(
            ["pdftotext", str(book), "-"], capture_output=True, text=True, check=True
        ).stdout
        assert " ".join(banner_text("simulated").split()) in " ".join(text.split())
        count = text.count("\f")
        assert count > 50
        assert text.count("Not for clinical use.") >= count - 2  # every page but the title's
    before = book.stat().st_mtime_ns
    assert pdf.render_pdf(run_dir).stat().st_mtime_ns == before


def test_without_latex_the_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        MissingExtraError, match=r"needs xelatex, latexmk, kpsewhich.*apt-get install .*texlive-xetex"
    ):
        pdf.check_latex()


def test_a_style_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in pdf.PROGRAMS:
        (tmp_path / name).write_text("#!/bin/sh\necho /tex/fancyhdr.sty\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(MissingExtraError, match=r"needs xeCJK\.sty, pdflscape\.sty, tabulary"):
        pdf.check_latex()


def test_the_first_error_of_a_log_and_its_line(tmp_path: Path) -> None:
    log = tmp_path / "book.log"
    log.write_text(
        "fine\n! Undefined control sequence.\n<recently read> \\x\n\nl.12 \\x\n\n! Second.\nl.99 y\n"
    )
    assert pdf.latex_error(log) == r"Undefined control sequence. l.12 \x"
    assert pdf.latex_error(tmp_path / "none.log") == ""
