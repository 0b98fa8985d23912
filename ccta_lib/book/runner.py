"""Runs chapters: MyST text in, executed notebook out, two at a time, with stable bytes.

The text notebook is converted by jupytext and run by papermill into a temporary file, which is moved into
place only on success: papermill's own half-written notebook marks every cell as completed.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ccta_lib.book.chapter import INPUTS, RUN_AS, VARIANT
from ccta_lib.book.isolation import KERNEL, isolate
from ccta_lib.book.locate import book_folder
from ccta_lib.book.parameters import Parameter, check_parameters, read_parameters
from ccta_lib.book.provenance import RunRecord, code_hash, versions
from ccta_lib.book.study import find_study, study_entry
from ccta_lib.errors import ChapterError, InputError, MissingExtraError, ParameterError
from ccta_lib.files import atomic_path, sha256_file, sha256_json
from ccta_lib.in_use import in_use
from ccta_lib.parallel import MOST_LOSSES, leave_with
from ccta_lib.progress import Progress

CHAPTERS = (
    "exports", "cohort", "training", "discrimination", "subgroups", "severity", "calibration", "time-to-infarction",
    "decision-curves", "explainability", "baselines", "ablations", "optimism", "learning-curves", "attributions",
    "shortcuts", "transport", "paper",
)  # fmt: skip
# A kernel logs the interrupt that comes before every shutdown as an error; its real errors reach us as cells.
QUIET = ["--IPKernelApp.log_level=CRITICAL"]
START_TIMEOUT = 300  # seconds a kernel may take to start on a busy machine
CELL_TIMEOUT = 1800  # seconds; a chapter's cell that runs longer has hung
# What a chapter's result depends on besides its own text: everything it can import but the command line.
LIBRARY = (
    "schema.py",
    "cell_kinds.py",
    "table_files.py",
    "paper.py",
    "paper.csv",
    "cohort",
    "evaluation",
    "explain",
    "plots",
    "simulate",
    "study/conditions.py",
    "study/disturbances.py",
    "study/flagging.py",
    "book/chapter.py",
    "book/show.py",
    "book/study.py",
    "banner.py",
)


@dataclass(frozen=True)
class ChapterSource:
    """A chapter's text: its notebook, the inputs it requires or can use, and its parameters.

    A required `a|b` is there when either is; `study` names the tables of `ccta study` it is about.
    """

    name: str
    path: Path
    title: str
    requires: tuple[str, ...]
    uses: tuple[str, ...]
    study: tuple[str, ...]
    parameters: dict[str, Parameter]
    notebook: Any


def chapter_names() -> list[str]:
    """Return the chapters that exist, in reading order."""
    return [name for name in CHAPTERS if (book_folder() / "chapters" / f"{name}.md").is_file()]


def read_chapter(name: str) -> ChapterSource:
    """Read a chapter's MyST text; a variant, `discrimination--n_boot-500`, has the text of its chapter.

    Raises
    ------
    InputError
        If there is no such chapter.
    MissingExtraError
        If the packages of the extra `book` are not installed.
    """
    chapter = name.partition(VARIANT)[0]
    if chapter not in chapter_names():
        raise InputError(f"no chapter {chapter!r}; there are {', '.join(chapter_names())}")
    try:
        import jupytext
    except ImportError as error:
        raise MissingExtraError(
            "running a chapter needs the extra `book`: pip install 'ccta-lib[book]'"
        ) from error
    path = book_folder() / "chapters" / f"{chapter}.md"
    notebook = jupytext.read(path, fmt="md:myst")
    cells = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ParameterError(f"{path}: {len(cells)} cells are tagged `parameters`; exactly one is needed")
    header = notebook.metadata.pop("ccta", {})
    title = next(line[2:] for c in notebook.cells for line in c.source.splitlines() if line.startswith("# "))
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{name}-{number:02d}"
    # The kernel of this very environment; a name recorded elsewhere may not exist here.
    notebook.metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    return ChapterSource(
        name, path, title, tuple(header.get("requires", ["predictions"])), tuple(header.get("uses", [])),
        tuple(header.get("study", [])), read_parameters(cells[0].source, chapter=chapter), notebook,
    )  # fmt: skip


def run_chapters(
    names: list[str], run_dir: Path, given: dict[str, dict[str, Any]], *, where: str = "-p", workers: int = 2,
    progress: Progress | None = None,
) -> list[str]:  # fmt: skip
    """Run chapters on a run directory; those whose key has not changed are left alone.

    Parameters
    ----------
    names : chapters to run
    run_dir : folder with the prediction table and its side tables
    given : parameter values by chapter
    where : where the values came from, for messages
    workers : chapters run at a time

    Returns
    -------
    list of str
        The chapters that were run.

    Raises
    ------
    ParameterError
        Before anything runs, with every wrong parameter of every chapter.
    ChapterError
        Naming chapter, cell and line of the first failure; the other chapters finish first.
    """
    record = RunRecord(run_dir)
    sources, faults, todo = {}, [], {}
    for name in names:
        sources[name] = read_chapter(name)
        try:
            values = check_parameters(name, sources[name].parameters, given.get(name, {}), where=where)
        except ParameterError as error:
            faults += error.faults
            continue
        values["run_dir"] = (
            ".."  # relative to executed/, so that a reader can rerun the notebook where it lies
        )
        key = _key(sources[name], values, run_dir)
        if not record.is_done(f"chapter {name}", key, run_dir / "executed" / f"{name}.ipynb"):
            todo[name] = (values, key)
    if faults:
        raise ParameterError(*faults)
    failed: list[Exception] = []
    with in_use(run_dir), (progress or Progress()).task("Chapters", total=len(todo)) as advance:
        jobs = [(name, values, run_dir.resolve()) for name, (values, _) in todo.items()]
        for done, (name, result) in enumerate(_executed(jobs, workers), start=1):
            if isinstance(result, Exception):
                failed.append(result)
                continue
            values, key = todo[name]
            outputs = chapter_outputs(name, run_dir)
            with record.stage(f"chapter {name}", key, outputs=outputs, parameters=values) as details:
                details["run_seconds"], details["peak_mib"] = result
            advance(done, len(todo), name)
    if failed:
        raise failed[0]
    return list(todo)


def chapter_outputs(name: str, run_dir: Path) -> list[Path]:
    """Return the files a chapter has left: its notebook, its tables and its figures."""
    folders = [run_dir / kind / name for kind in ("tables", "figures")]
    return [run_dir / "executed" / f"{name}.ipynb", *(f for d in folders for f in sorted(d.glob("[!.]*")))]


def _executed(
    jobs: list[tuple[str, dict[str, Any], Path]], workers: int
) -> Iterator[tuple[str, tuple[float, float] | Exception]]:
    """Run each chapter in a process of its own; those that went down with a lost process are run again."""
    waiting, losses = {job[0]: job for job in jobs}, 0
    while waiting:
        try:
            with ProcessPoolExecutor(
                workers, mp_context=get_context("spawn"), max_tasks_per_child=1,
                initializer=leave_with, initargs=(os.getpid(),),
            ) as pool:  # fmt: skip
                running = {pool.submit(execute_chapter, *job): name for name, job in waiting.items()}
                for one in as_completed(running):
                    result: tuple[float, float] | Exception
                    try:
                        result = one.result()
                    except (ChapterError, InputError) as error:
                        result = error
                    del waiting[running[one]]
                    yield running[one], result
        except BrokenProcessPool as error:
            losses += 1
            if losses == MOST_LOSSES:
                raise ChapterError(
                    f"processes that run chapters ended early {losses} times (killed, or out of memory); "
                    f"left are {', '.join(waiting)}; run the same command again, perhaps with --workers 1"
                ) from error


def _key(source: ChapterSource, values: dict[str, Any], run_dir: Path) -> str:
    inputs: dict[str, Any] = {}
    for name in [n for one in (*source.requires, *source.uses) for n in one.split("|")]:
        path = run_dir / INPUTS[name]
        path = path / "store.json" if path.is_dir() else path
        inputs[name] = sha256_file(path) if path.is_file() else None
    for table in source.study:
        found = find_study(table, run_dir)
        made = None if found is None else sha256_json([sha256_file(found), study_entry(found)])
        inputs[f"study {table}"] = made
    return sha256_json([sha256_file(source.path), values, inputs, code_hash(*LIBRARY), versions()])


def execute_chapter(name: str, values: dict[str, Any], run_dir: Path) -> tuple[float, float]:
    """Run one chapter in this process; returns seconds and the kernel's peak memory in MiB."""
    start = time.perf_counter()
    source = read_chapter(name)
    executed = run_dir / "executed"
    missing = [n for n in source.requires if not any((run_dir / INPUTS[i]).exists() for i in n.split("|"))]
    unmade = [t for t in source.study if find_study(t, run_dir) is None]
    import nbformat

    notebook = (
        not_available(source, missing, unmade)
        if missing or unmade
        else _run_notebook(source, values, executed)
    )

    with atomic_path(executed / f"{name}.ipynb") as path:
        nbformat.write(notebook, path)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return round(time.perf_counter() - start, 2), round(peak, 1)


def not_available(source: ChapterSource, missing: list[str], unmade: list[str] | None = None) -> Any:
    """Return a notebook of a sentence or two: which input this run does not hold, which study tables are not made."""
    from nbformat.v4 import new_markdown_cell, new_notebook

    said = []
    if missing:
        files = " and ".join(" or ".join(f"`{INPUTS[i]}`" for i in n.split("|")) for n in missing)
        said.append(f"This chapter needs {files}, which this run does not hold.")
    if unmade:
        files = " and ".join(f"`{t}.parquet`" for t in unmade)
        said.append(f"This chapter needs {files} of the studies, not available here; `ccta study` makes it.")
    cell = new_markdown_cell(f"# {source.title}\n\n" + " ".join(said))
    cell["id"] = f"{source.name}-00"
    return new_notebook(cells=[cell], metadata=source.notebook.metadata)


def _run_notebook(source: ChapterSource, values: dict[str, Any], executed: Path) -> Any:
    import nbformat
    import papermill
    from nbclient.exceptions import CellTimeoutError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    # papermill parses parameters in its own way and warns; `read_parameters` has already checked them.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    executed.mkdir(parents=True, exist_ok=True)
    # Matplotlib and OpenMP threads of two kernels would fight for two cores.
    os.environ |= {"OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1", RUN_AS: source.name}
    # A unix socket's path must stay under some hundred characters, so the kernels meet in a short folder.
    with tempfile.TemporaryDirectory(prefix="ccta") as short:
        os.environ["JUPYTER_RUNTIME_DIR"] = short
        isolate(Path(short))
        text, result = Path(short) / "in.ipynb", Path(short) / "out.ipynb"
        # Parallel kernels race for TCP ports; sockets of their own cannot be taken by another.
        sockets = Config({"KernelManager": {"transport": "ipc", "ip": str(Path(short) / "kernel")}})
        nbformat.write(source.notebook, text)
        try:
            papermill.execute_notebook(
                text, result, parameters=values, kernel_name="python3", progress_bar=False, cwd=str(executed),
                execution_timeout=CELL_TIMEOUT, start_timeout=START_TIMEOUT, config=sockets,
                extra_arguments=[*QUIET, *KERNEL],
            )  # fmt: skip
        except PapermillExecutionError as error:
            line = next((s for s in error.source.splitlines() if s.strip()), "")
            # The cell of injected parameters shifts the count, which a reader of the chapter does not see.
            cells = [c.source for c in source.notebook.cells]
            text_cell = cells.index(error.source) + 1 if error.source in cells else error.cell_index
            where = f"chapter {source.name} ({source.path}), cell {text_cell}, `{line.strip()}`"
            kind = InputError if error.ename in _INPUT_ERRORS else ChapterError
            first, *more = (error.evalue or "").splitlines() or [""]
            message = f"{where}: {error.ename}: {first}"
            raise (InputError(message, *more) if kind is InputError else kind(message)) from None
        except (RuntimeError, CellTimeoutError) as error:  # a dead kernel is a RuntimeError
            message = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ChapterError(f"chapter {source.name} ({source.path}): {message}; "
                               f"a cell may take {CELL_TIMEOUT} s and the machine's memory") from None  # fmt: skip
        return _clean(nbformat.read(result, as_version=4))


_INPUT_ERRORS = {
    "InputError",
    "TableError",
    "ParameterError",
    "WaveformError",
    "WeightsError",
    "MissingExtraError",
}


def _clean(notebook: Any) -> Any:
    """Remove what differs from run to run: times, durations, papermill's own records."""
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = "injected-parameters"
            cell.metadata["tags"] = [*cell.metadata["tags"], "hide-input"]
    return notebook


if sys.platform == "win32":  # pragma: no cover
    raise InputError("running chapters needs Linux or macOS (kernels meet over unix sockets)")
