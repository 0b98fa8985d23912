"""What is built holds what it needs and nothing else, and the book is made from the wheel alone."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from .conftest import ROOT, Built, Environment, build

pytestmark = pytest.mark.slow


def tracked(*folders: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return {line for line in listed.stdout.splitlines() if (ROOT / line).is_file()}


def test_the_wheel_holds_the_library_and_the_book_and_nothing_else(built: Built) -> None:
    expected = tracked("ccta_lib") | {f"ccta_lib/_{name}" for name in tracked("book")}
    names = {n for n in built.names() if ".dist-info/" not in n}
    assert expected - names == set()
    stray = {n for n in names - expected if not (ROOT / n.replace("ccta_lib/_book", "book")).is_file()}
    assert stray == set()
    assert not [n for n in names if n.endswith((".pyc", ".partial", ".ipynb")) or "/build/" in n]


def test_the_source_distribution_makes_the_same_wheel(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    (wheel,) = build(unpacked, tmp_path / "again", "wheel")
    assert Built(wheel, built.sdist).names() == built.names()


def test_without_torch_the_wheel_evaluates_and_says_what_training_needs(
    built: Built, environment: Environment
) -> None:
    environment.install(f"{built.wheel}[book]")
    assert environment.run("python", "-c", "import torch", check=False).returncode
    shipped = environment.run(
        "python", "-c", "from ccta_lib.book.locate import shipped_run; print(shipped_run())"
    ).stdout.strip()
    assert shipped.startswith(str(environment.folder))
    table = f"{shipped}/predictions.parquet"
    environment.run("ccta", "book", "--profile", "smoke", "--predictions", table, "--out", "run")
    assert (environment.work / "run" / "html" / "index.html").is_file()
    refused = environment.run("ccta", "train", "--profile", "smoke", check=False)
    assert refused.returncode == 2
    assert "ccta-lib[train]" in refused.stderr
    assert "Traceback" not in refused.stderr
    # The smoke book needs torch: it comes into the same environment.
    environment.install(f"{built.wheel}[train,book]")
    environment.run("ccta", "book", "--profile", "smoke", "--out", "smoke")
    assert (environment.work / "smoke" / "html" / "index.html").is_file()
