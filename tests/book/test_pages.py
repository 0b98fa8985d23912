"""Pages that say what a run is, and data files that pages are written from."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import nbformat
import pytest

from ccta_lib.book import pages
from ccta_lib.book.locate import book_folder
from ccta_lib.book.runner import chapter_names
from ccta_lib.schema import COHORT_COLUMNS, PREDICTION_COLUMNS

BOOK = book_folder()
TEXTS = [p for p in BOOK.rglob("*.md") if "data" not in p.relative_to(BOOK).parts]


def test_the_status_page_has_every_chapter_stage_version_and_the_machine(run: dict) -> None:
    run["stages"]["chapter cohort"] |= {"run_seconds": 61.25, "peak_mib": 444.4, "commit": "c0ffee"}
    run["stages"].pop("chapter severity")
    text = pages.status_text(run)
    for name in chapter_names():
        assert f"</chapters/{name}>`" in text
    row = next(line for line in text.splitlines() if "</chapters/cohort>" in line)
    assert all(f"| {cell} |" in row for cell in ("61.2", "444.4", "`c0ffee`"))
    assert "not run" in next(line for line in text.splitlines() if "</chapters/severity>" in line)
    for name, value in {**run["versions"], **run["hardware"]}.items():
        assert f"| {name} | {value} |" in text
    assert all(f"| {stage} |" in text for stage in ("cohort", "training", "prediction"))


def test_predictions_from_elsewhere_have_no_stages_before(run: dict) -> None:
    run["stages"] = {k: v for k, v in run["stages"].items() if k.startswith("chapter ")}
    assert "the predictions were given" in pages.status_text(run)


def test_the_table_of_contents_holds_what_exists_and_no_empty_part(tmp_path: Path) -> None:
    (tmp_path / "howto").mkdir()
    (tmp_path / "howto" / "b.md").touch()
    (tmp_path / "howto" / "a.md").touch()
    for name in ("aaa", "glossary", "methods"):
        (tmp_path / "reference" / f"{name}.md").parent.mkdir(exist_ok=True)
        (tmp_path / "reference" / f"{name}.md").touch()
    text = pages.contents(["cohort"], tmp_path)
    assert re.findall(r":caption: (.+)", text) == ["Results", "How to", "Reference", "About"]
    assert text.index("howto/a\nhowto/b") > text.index("chapters/cohort")
    assert "reference/methods\nreference/glossary\nreference/aaa\nreference/api/index\n" in text


def test_every_page_of_the_book_is_in_the_table_of_contents_once() -> None:
    text = pages.contents(chapter_names(), BOOK) + (BOOK / "index.md").read_text(encoding="utf-8")
    text += (BOOK / "reference" / "api" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^([\w/-]+)$", text, flags=re.M)
    for path in TEXTS:
        page = path.relative_to(BOOK).with_suffix("").as_posix()
        name = page.removeprefix("reference/api/") if page != "reference/api/index" else page
        assert listed.count(name) == (0 if page == "index" else 1), page


def test_labels_are_those_of_the_shown_outputs(tmp_path: Path) -> None:
    output = nbformat.v4.new_output(
        "display_data", data={"text/markdown": ":::{table} T\n:name: tab-c-t\n\n| a |\n:::\n"}
    )
    cell = nbformat.v4.new_code_cell("print(':name: tab-c-not')", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "c.ipynb")
    assert pages.labels_of([tmp_path / "c.ipynb"]) == ["tab-c-t"]


def test_generated_parts_are_complete(run: dict, tmp_path: Path) -> None:
    pages.write_pages(tmp_path / "_generated", run, tmp_path)
    parts = {p.stem: p.read_text(encoding="utf-8") for p in (tmp_path / "_generated").glob("*.md")}
    included = {
        Path(m).stem
        for p in TEXTS
        for m in re.findall(r"\{include\} \S*_generated/([\w-]+\.md)", p.read_text(encoding="utf-8"))
    } - {"sweeps"}
    assert included <= set(parts)
    for column in COHORT_COLUMNS:
        assert f"| `{column}` |" in parts["cohort-columns"]
    for column in set(PREDICTION_COLUMNS) - set(COHORT_COLUMNS):
        assert f"| `{column}` |" in parts["prediction-columns"]
    assert "{numref}" not in parts["tripod-ai"]  # no chapter was executed here: links lead to chapters


def cited(text: str) -> set[str]:
    return {
        k.strip() for group in re.findall(r"\{+cite(?::\w+)?\}+`([^`]+)`", text) for k in group.split(",")
    }


def test_every_citation_has_its_entry_and_every_entry_its_facts() -> None:
    from pybtex.database import parse_file

    entries = parse_file(str(BOOK / "references.bib")).entries
    texts = [p.read_text(encoding="utf-8") for p in TEXTS]
    texts.append((Path(pages.__file__).parent / "methods.py").read_text(encoding="utf-8"))
    used = set().union(*map(cited, texts))
    assert used <= set(entries)
    assert set(entries) <= used, "an entry that nothing cites"
    for key, entry in entries.items():
        needed = {"article": {"journal", "volume", "pages"}, "inproceedings": {"booktitle"}, "book": {"publisher"},
                  "misc": {"howpublished"}}[entry.type]  # fmt: skip
        missing = ({"title", "year"} | needed) - set(entry.fields)
        assert not missing - ({"pages"} if key == "li2025ecgfounder" else set()), f"{key}: {missing}"
        assert entry.persons["author"]


def test_every_function_on_the_page_of_methods_exists() -> None:
    named = re.findall(
        r"\{py:\w+\}`~?([\w.]+)`", (BOOK / "reference" / "methods.md").read_text(encoding="utf-8")
    )
    assert len(named) > 30
    for name in named:
        module, _, attribute = name.rpartition(".")
        if module.startswith(("ccta_lib.model", "ccta_lib.training")):
            pytest.importorskip("torch")
        assert callable(getattr(importlib.import_module(module), attribute)), name


@pytest.mark.parametrize("package", pages.LAZY)
def test_the_reference_documents_all_that_is_public(package: str) -> None:
    module = importlib.import_module(f"ccta_lib.{package}")
    text = pages.public_names(module.__name__)
    listed = {
        name: kind for kind, name in re.findall(r"^\.\. auto(class|function):: (\w+)$", text, flags=re.M)
    }
    assert set(module.__all__) - set(listed) <= {"CONTRACTS", "NANO", "STUDIES"}
    pytest.importorskip("torch")
    for name, kind in listed.items():
        assert isinstance(getattr(module, name), type) == (kind == "class")
