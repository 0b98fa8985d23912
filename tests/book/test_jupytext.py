"""A chapter opened in JupyterLab as a notebook, run and saved is the text it was, byte for byte."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ccta_lib.book.locate import book_folder

pytest.importorskip("jupytext")
pytest.importorskip("jupyter_server")

CHAPTERS = sorted((book_folder() / "chapters").glob("*.md"))


@pytest.fixture
def manager(tmp_path: Path):
    from jupyter_server.services.contents.largefilemanager import LargeFileManager
    from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class

    shutil.copy(book_folder() / "jupytext.toml", tmp_path)
    (tmp_path / "chapters").mkdir()
    contents = build_sync_jupytext_contents_manager_class(LargeFileManager)()
    contents.root_dir = str(tmp_path)
    return contents


def used(notebook):
    """Leave on a notebook what a session in JupyterLab leaves: outputs, counts, times, the kernel's own description."""
    import nbformat

    spec = notebook.metadata["kernelspec"]
    notebook.metadata["kernelspec"] = {k: spec[k] for k in ("name", "display_name", "language")} | {
        "argv": ["x"]
    }
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.7", "file_extension": ".py"}
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.execution_count = number
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="seen\n")]
            cell.metadata |= {"execution": {"iopub.status.busy": "now"}, "trusted": True, "collapsed": False}
    return notebook


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_saving_a_chapter_from_jupyterlab_changes_nothing(path: Path, manager, tmp_path: Path) -> None:
    copy = tmp_path / "chapters" / path.name
    shutil.copy(path, copy)
    model = manager.get(f"chapters/{path.name}", type="notebook", content=True)
    saved = {"type": "notebook", "format": "json", "content": used(model["content"])}
    manager.save(saved, f"chapters/{path.name}")
    assert copy.read_text(encoding="utf-8") == path.read_text(encoding="utf-8")


def test_an_edit_is_saved(manager, tmp_path: Path) -> None:
    path = CHAPTERS[0]
    shutil.copy(path, tmp_path / "chapters" / path.name)
    notebook = manager.get(f"chapters/{path.name}", type="notebook", content=True)["content"]
    notebook.cells[0].source += "\n\nA remark of mine."
    manager.save({"type": "notebook", "format": "json", "content": notebook}, f"chapters/{path.name}")
    before = path.read_text(encoding="utf-8").splitlines()
    after = (tmp_path / "chapters" / path.name).read_text(encoding="utf-8").splitlines()
    assert [line for line in after if line not in before] == ["A remark of mine."]
