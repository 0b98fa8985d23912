"""A run directory from elsewhere: nothing that lies in it runs, and no value given to a chapter becomes code."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccta_lib.book import runner
from ccta_lib.book.isolation import ISOLATED
from ccta_lib.book.parameters import check_parameters, read_parameters
from ccta_lib.book.provenance import RunRecord
from ccta_lib.book.render import build_pages
from ccta_lib.errors import InputError, ParameterError

pytest.importorskip("papermill")

TEXT = """\
---
kernelspec: {name: python3, display_name: Python 3}
ccta: {requires: [predictions]}
---

# A title

```{code-cell} python
:tags: [parameters]

run_dir: str = ""  # run directory
word: str = "x"  # a word
```

```{code-cell} python
import json, os, sys
import matplotlib, pandas
from ccta_lib.book.chapter import Chapter
Chapter("cohort", run_dir)
print(json.dumps({"word": word, "cwd": os.getcwd(), "colour": matplotlib.rcParams["text.color"]}))
```
"""
# What a folder may hold that Python, IPython, Jupyter, Matplotlib, jupytext or Sphinx would look for.
MODULES = ("pandas", "matplotlib", "numpy", "papermill", "sphinx", "docutils", "myst_nb", "ccta_lib", "sitecustomize",
           "usercustomize", "ipykernel", "IPython", "conf", "comm", "debugpy")  # fmt: skip
SETTINGS = ("ipython_config", "ipython_kernel_config", "jupyter_config", "jupyter_notebook_config", "conf")


@pytest.fixture
def chapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    path = tmp_path / "book" / "chapters" / "cohort.md"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(runner, "book_folder", lambda: tmp_path / "book")
    return "cohort"


def plant(folder: Path, marks: Path) -> None:
    """Lay traps: each writes its name into `marks` when it runs."""
    marks.mkdir(exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)

    def trap(name: str) -> str:
        return f"open({str(marks / name)!r}, 'w').close()\n"

    for name in (*MODULES, *SETTINGS):
        (folder / f"{name}.py").write_text(trap(name))
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-first.py").write_text(trap("startup"))
    (folder / "profile_default" / "ipython_kernel_config.py").write_text(trap("profile"))
    (folder / "startup.py").write_text(trap("PYTHONSTARTUP"))
    (folder / "matplotlibrc").write_text("text.color: magenta\n")
    (folder / "jupytext.toml").write_text('formats = "ipynb,py:percent"\n')
    cell = nbformat.v4.new_code_cell(trap("notebook"))
    for name in ("cohort.ipynb", "another.ipynb"):
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / name)
    (folder / "cohort.md").write_text(f"# x\n\n```{{code-cell}} python\n{trap('text')}```\n")


PAYLOADS = ['"""\n__import__("os").system("touch ran")\n"""', "'; import os; os.system('touch ran') #", "\\", '\\"',
            "{run_dir}", "%%bash\ntouch ran", "!touch ran", "\n\n# + tags=['x']\nopen('ran', 'w')\n",
            "$(touch ran)"]  # fmt: skip


def test_what_lies_in_a_run_does_not_run_and_a_value_stays_a_value(
    run_dir: Path, chapter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed, marks = run_dir / "executed", tmp_path / "marks"
    for folder in (executed, run_dir, tmp_path / "here"):
        plant(folder, marks)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("IPYTHONDIR", str(executed))
    monkeypatch.setenv("PYTHONSTARTUP", str(executed / "startup.py"))
    monkeypatch.setenv("MATPLOTLIBRC", str(executed / "matplotlibrc"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "")
    word = "\n".join(PAYLOADS)
    runner.execute_chapter(chapter, {"word": word, "run_dir": ".."}, run_dir)
    (output,) = nbformat.read(executed / "cohort.ipynb", as_version=4).cells[-1].outputs
    said = json.loads(output["text"])
    assert said == {"word": word, "cwd": str(executed), "colour": "black"}
    assert sorted(p.name for p in marks.iterdir()) == []
    assert not list(tmp_path.rglob("ran"))


def test_pages_are_built_without_what_lies_in_the_folder_one_stands_in(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks, source = tmp_path / "marks", tmp_path / "source"
    plant(tmp_path / "here", marks)
    source.mkdir()
    (source / "conf.py").write_text("nb_execution_mode = 'off'\nextensions = ['myst_nb']\n")
    (source / "index.md").write_text("# Title\n\n```{toctree}\nother\n```\n")
    cell = nbformat.v4.new_code_cell(f"open({str(marks / 'executed')!r}, 'w').close()")
    cells, language = [nbformat.v4.new_markdown_cell("# Other"), cell], {"language_info": {"name": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=language), source / "other.ipynb")
    monkeypatch.chdir(tmp_path / "here")
    build_pages(source, tmp_path / "html", run_dir)
    assert (tmp_path / "html" / "other.html").is_file()
    assert sorted(p.name for p in marks.iterdir()) == []


def test_the_traps_work(tmp_path: Path) -> None:
    """Without the guard, Python does run what lies where it is started."""
    plant(tmp_path / "here", tmp_path / "marks")
    for flags, sprung in (([], {"sphinx"}), ([*ISOLATED], set())):
        subprocess.run([sys.executable, *flags, "-m", "sphinx", "--version"], cwd=tmp_path / "here", check=True,
                       capture_output=True)  # fmt: skip
        assert {p.name for p in (tmp_path / "marks").iterdir()} == sprung
        (tmp_path / "marks" / "sphinx").unlink(missing_ok=True)


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40) | st.sampled_from(PAYLOADS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(JSON_LIKE)
def test_a_value_is_written_into_a_notebook_as_itself(value: object) -> None:
    """The cell that papermill injects holds one assignment of a literal, whatever the value says."""
    from papermill.translators import PythonTranslator

    written = PythonTranslator.codify({"word": value})
    nodes = ast.parse(written).body
    assert len(nodes) == 1
    assert isinstance(nodes[0], ast.Assign)
    assert [t.id for t in nodes[0].targets] == ["word"]
    assert ast.literal_eval(nodes[0].value) == value


@pytest.mark.parametrize(
    "name", ["word = 1\nimport os", "word; import os", "__import__('os')", "run_dir.x", "", "word "]
)
def test_a_name_that_is_code_is_no_parameter(run_dir: Path, chapter: str, name: str) -> None:
    with pytest.raises(ParameterError, match="has no parameter"):
        runner.run_chapters([chapter], run_dir, {chapter: {name: "x"}})
    assert not (run_dir / "executed").exists()


@pytest.mark.parametrize(
    "default", ["__import__('os').getcwd()", "[open('x')]", "1 if True else 2", "f'{1}'"]
)
def test_a_default_that_is_code_is_not_evaluated(default: str) -> None:
    with pytest.raises((ValueError, ParameterError)):
        read_parameters(f"n: str = {default}  # meaning", chapter="c")


@pytest.mark.parametrize(
    "kind", ["__import__('os').system('touch ran')", "().__class__.__base__.__subclasses__()"]
)
def test_a_type_that_is_code_reaches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError):
        read_parameters(f"n: {kind} = 1  # meaning", chapter="c")
    assert not list(tmp_path.iterdir())


def test_a_swept_name_is_checked_like_any_other() -> None:
    known = read_parameters("n: int = 1  # meaning", chapter="c")
    with pytest.raises(ParameterError):
        check_parameters("c", known, {"n": 1, "../../n": 2}, where="--sweep")


@pytest.mark.parametrize("name", ["../../../outside", "/etc", "a/b", "..", "cohort--../x", ""])
@pytest.mark.parametrize("place", ["chapter", "variant", "stage"])
def test_a_record_whose_names_lead_out_of_the_run_is_refused(tmp_path: Path, name: str, place: str) -> None:
    """A sweep is replaced by deleting the folders of the last one, by the names in the record."""
    sweeps = {"chapter": {name: []}, "variant": {"cohort": [{"name": name, "label": "x"}]}}.get(place, {})
    stages = {f"chapter {name}": {}} if place == "stage" else {}
    (tmp_path / "run.json").write_text(json.dumps({"stages": stages, "sweeps": sweeps}))
    with pytest.raises(InputError, match="names a chapter"):
        RunRecord(tmp_path)
