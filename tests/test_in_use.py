"""One command at a time writes into a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ccta_lib.errors import InputError
from ccta_lib.in_use import LOCK, holds, in_use, is_empty

HOLDER = """
import sys
from ccta_lib.in_use import in_use
with in_use(sys.argv[1], shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(folder), how]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_command_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    other = holder(tmp_path, "alone")
    try:
        for shared in (False, True):
            with pytest.raises(
                InputError, match=rf"another command is writing there \(process {other.pid} on"
            ):
                in_use(tmp_path, shared=shared).__enter__()
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert is_empty(tmp_path)
    with in_use(tmp_path):  # a hold ends with its process, killed or not
        pass
    assert list(tmp_path.iterdir()) == []


def test_folds_share_a_folder_with_each_other_alone(tmp_path: Path) -> None:
    other = holder(tmp_path, "shared")
    try:
        with in_use(tmp_path, shared=True):
            pass
        with pytest.raises(InputError, match="a command that trains a fold"):
            in_use(tmp_path).__enter__()
    finally:
        other.communicate("")
    with in_use(tmp_path):
        pass


def test_a_block_within_a_block_holds_nothing_more_and_another_thread_is_another(tmp_path: Path) -> None:
    @holds("out")
    def work(name: str, *, out: Path) -> str:
        return name

    refused = []

    def elsewhere() -> None:
        try:
            work("b", out=tmp_path)
        except InputError as error:
            refused.append(error)

    with in_use(tmp_path):
        assert work("a", out=tmp_path) == "a"
        assert (tmp_path / LOCK).is_file()
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert work("c", out=tmp_path) == "c"


def test_what_a_killed_process_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    half = [".auc.123.partial.csv", ".a.b.7.partial", "tables/x/.t.99.partial.parquet"]
    kept = ["auc.partial.csv", ".hidden.csv", "journal.partial.jsonl", "tables/x/t.parquet", ".x.partial.csv"]
    elsewhere = "held/.y.5.partial.csv"
    for name in (*half, *kept, elsewhere):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    with in_use(tmp_path / "held"), in_use(tmp_path, shared=True):
        assert (tmp_path / half[0]).exists()  # another fold may be writing it
    (tmp_path / elsewhere).write_text("x")
    with in_use(tmp_path / "held"):
        (tmp_path / elsewhere).write_text("x")
        with in_use(tmp_path):
            left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {*kept, elsewhere, LOCK, f"held/{LOCK}"}


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(InputError, match="is a file; give a folder"):
        in_use(tmp_path / "a").__enter__()


@pytest.mark.skipif(os.name != "posix", reason="locks are POSIX")
def test_where_there_are_no_locks_nothing_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with in_use(tmp_path):
        assert (tmp_path / LOCK).is_file()
