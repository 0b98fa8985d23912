"""Docstrings are pages of the book: one that cannot be set would stop the build of all of them."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from types import ModuleType

import pytest

from ccta_lib.book.locate import book_folder
from ccta_lib.book.pages import LAZY

pytest.importorskip("sphinx")

PAGES = sorted((book_folder() / "reference" / "api").glob("*.md"))
DOCUMENTED = sorted({m for p in PAGES for m in re.findall(r"automodule:: (\S+)", p.read_text(encoding="utf-8"))}
                    | {f"ccta_lib.{name}" for name in LAZY})  # fmt: skip


def public(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Docstrings of a module, its public classes, their public methods, and its public functions."""
    yield module.__name__, module.__doc__ or ""
    names = getattr(module, "__all__", None) or [
        n
        for n, o in vars(module).items()
        if not n.startswith("_") and getattr(o, "__module__", "") == module.__name__
    ]
    for name in names:
        thing = getattr(module, name)
        if not (inspect.isclass(thing) or inspect.isroutine(thing)):
            continue
        yield f"{module.__name__}.{name}", inspect.getdoc(thing) or ""
        for member, value in vars(thing).items() if inspect.isclass(thing) else ():
            if not member.startswith("_") and (inspect.isroutine(value) or isinstance(value, property)):
                yield f"{module.__name__}.{name}.{member}", inspect.getdoc(value) or ""


def test_no_class_is_documented_twice() -> None:
    places: dict[str, list[str]] = {}
    for page in PAGES:
        blocks = re.findall(r"automodule:: (\S+)\n((?: +:.*\n)*)", page.read_text(encoding="utf-8") + "\n")
        for module, options in blocks:
            left_out = re.findall(r"\w+", "".join(re.findall(r":exclude-members:(.*)", options)))
            for where, _ in public(importlib.import_module(module)):
                name = where.removeprefix(f"{module}.")
                thing = getattr(importlib.import_module(module), name, None)
                if inspect.isclass(thing) and name not in left_out:
                    places.setdefault(f"{thing.__module__}.{thing.__qualname__}", []).append(module)
    assert not {k: v for k, v in places.items() if len(v) > 1}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstrings_can_be_set(name: str) -> None:
    from docutils.core import publish_doctree
    from docutils.nodes import system_message
    from sphinx.ext.napoleon import Config, NumpyDocstring

    if name.split(".")[1] in LAZY:
        pytest.importorskip("torch")
    config = Config(napoleon_use_rtype=False, napoleon_use_ivar=True)
    faults, found = [], 0
    for where, text in public(importlib.import_module(name)):
        found += 1
        tree = publish_doctree(str(NumpyDocstring(text, config)), settings_overrides={"report_level": 5})
        faults += [f"{where}: {m.astext()}" for m in tree.findall(system_message) if m["level"] >= 2]
    assert not faults
    assert found


def test_every_name_a_page_links_is_documented() -> None:
    pytest.importorskip("torch")
    documented = {where for name in DOCUMENTED if name.removeprefix("ccta_lib.") not in LAZY
                  for where, _ in public(importlib.import_module(name))}  # fmt: skip
    documented |= {
        f"ccta_lib.{n}.{name}" for n in LAZY for name in importlib.import_module(f"ccta_lib.{n}").__all__
    }
    texts = [p for p in book_folder().rglob("*.md") if "data" not in p.relative_to(book_folder()).parts]
    for path in texts:
        for name in re.findall(r"\{py:\w+\}`~?([\w.]+)`", path.read_text(encoding="utf-8")):
            assert name in documented, f"{path.name}: {name}"
