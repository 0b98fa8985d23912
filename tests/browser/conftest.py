"""A rendered book and a browser that may look at it, once for all tests."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run directory of a rendered book: `CCTA_BOOK_RUN`, or the smoke book, made here once."""
    given = os.environ.get("CCTA_BOOK_RUN")
    if given:
        return Path(given)
    pytest.importorskip("torch")
    from ccta_lib.pipeline import make_book
    from ccta_lib.profile import load_profile

    # Two pytest workers share one book; the second waits, and then finds every stage done.
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with open(shared / "book.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_book(load_profile("smoke"), shared / "book")
    return shared / "book"


@pytest.fixture(scope="session")
def html(run_dir: Path) -> Path:
    """Folder of the rendered pages."""
    return run_dir / "html"


@pytest.fixture(scope="session")
def pages(html: Path) -> list[Path]:
    """Every page of the book."""
    return sorted(p for p in html.rglob("*.html") if "_static" not in p.parts)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The system's Chromium, headless; without one these tests are skipped."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium found (chromium, chromium-browser or google-chrome on the PATH)")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Watched:
    """A page whose faults and requests are kept."""

    page: Any
    faults: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: Path, query: str = "") -> Any:
        """Open a file; what was kept of the page before is forgotten."""
        self.requests.clear()
        self.page.goto(path.as_uri() + query)
        return self.page


@pytest.fixture
def watched(chromium: Any) -> Iterator[Watched]:
    """A fresh browser window that records console errors, failed scripts and every request."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    found = Watched(page)

    def name() -> str:
        return page.url.rpartition("/html/")[2]

    page.on("console", lambda m: m.type == "error" and found.faults.append(f"{name()}: console: {m.text}"))
    page.on("pageerror", lambda e: found.faults.append(f"{name()}: script: {e}"))
    page.on("request", lambda r: found.requests.append(r.url))
    yield found
    context.close()
