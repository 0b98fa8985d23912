"""A disk that really is full, and a folder that really may not be written to: one line, and the same command goes on.

Both are mounted in a name space of their own (`unshare`), which ends with the test and needs no privileges where the
system lets users make one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.harness import FULL, LONGEST, ROOT, left, run

pytestmark = pytest.mark.slow
CCTA = [sys.executable, "-m", "ccta_lib"]


def shell(script: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a script as root of a name space; its $D is the folder, its "$@" the command."""
    if not shutil.which("unshare"):
        pytest.skip("unshare is not installed")
    probe = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", str(folder)], capture_output=True
    )
    if probe.returncode:
        pytest.skip(f"this system lets nobody mount in a name space: {probe.stderr.decode().strip()}")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "D": str(folder)}
    command = ["unshare", "-rm", "sh", "-c", script, "sh", *CCTA, *words]
    return subprocess.run(
        command,
        env=environment,
        cwd=folder.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )


FILLS_UP = """
mount -t tmpfs -o size=$SIZE tmpfs "$D" || exit 9
"$@"; echo "code $?" >&2
mount -o remount,size=200m "$D" || exit 9
"$@" || exit 8
cp -r "$D/out" "$D.kept"
"""
READ_ONLY = """
mount --bind "$D" "$D" && mount -o remount,bind,ro "$D" || exit 9
"$@"
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command leaves where there is room."""
    out = tmp_path_factory.mktemp("whole") / "out"
    done = run(["simulate", "--profile", "smoke", "--out", str(out)], out)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.parametrize("where", ["at the first file", "at the samples", "at the tables"])
def test_a_disk_that_fills_up(where: str, whole: Path, tmp_path: Path) -> None:
    words = ["simulate", "--profile", "smoke", "--out", str(tmp_path / "disk" / "out")]
    (tmp_path / "disk").mkdir()
    samples = (whole / "waveforms" / "signals.npy").stat().st_size
    tables = sum(p.stat().st_size for p in whole.rglob("*.*") if p.name != "signals.npy")
    size = {
        "at the first file": 8 << 10,
        "at the samples": samples // 2,
        "at the tables": samples + tables // 2,
    }
    done = shell(FILLS_UP.replace("$SIZE", str(size[where])), tmp_path / "disk", *words)
    assert done.returncode == 0, done.stderr
    assert "code 2" in done.stderr
    assert "Traceback" not in done.stderr
    assert sum(FULL in line for line in done.stderr.splitlines()) == 1
    assert left(tmp_path / "disk.kept") == left(whole)


@pytest.mark.parametrize(
    "words",
    [["simulate", "--profile", "smoke"], ["pretrain", "--n", "400"], ["simulate", "--exports", "12"]],
    ids=str,
)
def test_a_folder_that_may_not_be_written_to(words: list[str], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "disk").mkdir()
    done = shell(READ_ONLY, tmp_path / "disk", *words, "--out", str(tmp_path / "disk" / "out"))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "Read-only file system; choose a folder you may write to" in done.stderr
