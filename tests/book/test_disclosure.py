"""What stands under a figure is what made it: parameters, commit, hashes, data, notebook, citation."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ccta_lib.book.chapter import Chapter
from ccta_lib.book.disclosure import (
    bibtex,
    book_bibtex,
    citation,
    counterpart,
    disclose,
    disclosure,
    origin_of,
)
from ccta_lib.book.study import shipped_study
from ccta_lib.files import read_json
from ccta_lib.schema import VESSELS, write_table

FACTS = {
    "label": "fig-calibration-curves",
    "caption": "Simulated: Calibration at 95 % {cite}`x`, e.g. *LOWESS* (Figure 5). More, with a_b & c.",
    "csv": "figure_curves.csv",
    "paper": "Figure 5",
}


def test_the_record_and_the_chapter_meet(run: dict) -> None:
    run["stages"]["chapter calibration"]["commit"] = "abc123"
    origin = origin_of(FACTS, name="calibration", run=run)
    text = disclosure(origin, notebook="calibration.ipynb")
    assert "<../tables/calibration/figure_curves.csv>" in text
    assert "<../notebooks/calibration.ipynb>" in text
    assert "commit `abc123`" in text
    assert run["predictions_sha256"][:16] in text
    assert run["stages"]["chapter calibration"]["key"][:16] in citation(origin)
    for name, value in run["stages"]["chapter calibration"]["parameters"].items():
        assert (f"`{name} = {value!r}`" in text) == (name != "run_dir")
    assert "**In the paper**: Figure 5" in text


def test_what_a_study_made_names_the_study_and_never_the_runs_patients(run: dict, tmp_path: Path) -> None:
    """The chapters on studies are part of a book on a hospital's own patients, too."""
    row = {"ecg_id": "e1", "patient_id": "p1", "data_kind": "user", **{v.prob_column: 0.5 for v in VESSELS}}
    write_table(pd.DataFrame([row]), tmp_path / "predictions.parquet")
    run["data_kind"] = "user"
    plain, studied = (Chapter("calibration", str(tmp_path), data_kind=kind) for kind in ("", "simulated"))
    studied.study("coverage")
    table = pd.DataFrame({"x": [1.0]})
    facts = [c.table(table, "t", "A table.").facts for c in (plain, studied)]
    own, virtual = (disclosure(origin_of(f, name="calibration", run=run), notebook="n.ipynb") for f in facts)
    assert f"predictions with SHA-256 `{run['predictions_sha256'][:16]}…` (your own patients)" in own
    assert "Simulated patients" not in own
    commit = read_json(shipped_study() / "study.json")["studies"]["coverage"]["commit"]
    assert f"from the tables of study coverage at commit {commit}, with SHA-256 `" in virtual
    assert "(simulated patients)" in virtual
    assert run["predictions_sha256"][:16] not in virtual


def test_a_stage_of_an_older_record_has_the_commit_of_its_run(run: dict) -> None:
    del_commit = {k: v for k, v in run["stages"]["chapter calibration"].items() if k != "commit"}
    run["stages"]["chapter calibration"] = del_commit
    assert origin_of(FACTS, name="calibration", run=run).commit == run["commit"]


def test_another_parameter_is_another_citation(run: dict) -> None:
    first = origin_of(FACTS, name="calibration", run=run)
    run["stages"]["chapter calibration"]["key"] = "f" * 64
    second = origin_of(FACTS, name="calibration", run=run)
    assert citation(first) != citation(second)
    assert bibtex(first).splitlines()[0] != bibtex(second).splitlines()[0]


def test_the_title_is_the_first_sentence_as_plain_text(run: dict) -> None:
    origin = origin_of(FACTS, name="calibration", run=run)
    assert origin.title == "Simulated: Calibration at 95 % , e.g. LOWESS (Figure 5)"


def test_bibtex_is_read_by_a_bibtex_reader(run: dict) -> None:
    from pybtex.database import parse_string

    special = FACTS | {"caption": "50 % of a_b & c # d {e} ~ f ^ g \\ $h$"}
    text = bibtex(origin_of(special, name="calibration", run=run)) + "\n" + book_bibtex(run)
    entries = parse_string(text, "bibtex").entries
    assert len(entries) == 2
    figure = next(e for k, e in entries.items() if k.startswith("fig-calibration-curves-"))
    assert figure.fields["title"].startswith(r"{50 \% of a\_b \& c \#")
    assert "Simulated patients" in figure.fields["note"]


@pytest.mark.parametrize(
    ("paper", "words"),
    [("", "no counterpart"), ("Figure 1", "Figure 1"), ("Table A2", "appendix was not available")],
)
def test_the_counterpart_in_the_paper(paper: str, words: str) -> None:
    assert words in counterpart(paper)


@pytest.fixture
def chapter(tmp_path: Path) -> Chapter:
    row = {
        "ecg_id": "e1",
        "patient_id": "p1",
        "data_kind": "simulated",
        **{v.prob_column: 0.5 for v in VESSELS},
    }
    write_table(pd.DataFrame([row]), tmp_path / "predictions.parquet")
    return Chapter("calibration", str(tmp_path))


def test_every_output_of_a_chapter_is_disclosed(chapter: Chapter, run: dict) -> None:
    """From the chapter's call to the page: nothing in between is told twice."""
    data = pd.DataFrame({"x": [1.0]})
    shown = [
        chapter.table(data, "t", "A table.", paper="Table 1"),
        chapter.figure(Figure(), "f", "A figure.", alt="a", data=data),
        chapter.figure(Figure(), "g", "No data.", alt="a"),
    ]
    cell = nbformat.v4.new_code_cell()
    for s in shown:
        mime, metadata = s._repr_mimebundle_()
        cell.outputs.append(nbformat.v4.new_output("display_data", data=mime, metadata=metadata))
    cell.outputs.append(nbformat.v4.new_output("stream", text="left alone"))
    notebook = nbformat.v4.new_notebook(cells=[cell])
    disclose(notebook, name="calibration", run=run)
    texts = [o["data"]["text/markdown"] for o in cell.outputs[:3]]
    assert all(t.count("::::{provenance}") == 1 for t in texts)
    assert [re.findall(r"\.\./tables/(\S+)>", t) for t in texts] == [
        ["calibration/t.csv"], ["calibration/figure_f.csv"], [],
    ]  # fmt: skip
    assert "**In the paper**: Table 1" in texts[0]
    assert all(
        (chapter.run_dir / "tables" / f).is_file() for f in ("calibration/t.csv", "calibration/figure_f.csv")
    )
