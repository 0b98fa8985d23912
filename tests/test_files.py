"""Files are moved into place only when they are whole."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from ccta_lib import files
from ccta_lib.errors import InputError, TableError
from ccta_lib.files import atomic_path, new_array, read_json, sha256_file, sha256_json, write_json


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "sub" / "a.txt"
    with atomic_path(target) as path:
        path.write_text("old")

    def fail() -> None:
        with atomic_path(target) as path:
            path.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert [p.name for p in target.parent.iterdir()] == ["a.txt"]


def test_hashes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert sha256_file(path) == hashlib.sha256(b"abc").hexdigest()
    assert sha256_json({"a": 1, "b": 2}) == sha256_json({"b": 2, "a": 1}) != sha256_json({"a": 1, "b": 3})


def test_json_is_utf8(tmp_path: Path) -> None:
    write_json({"grade": "重度狭窄"}, tmp_path / "a.json")
    assert read_json(tmp_path / "a.json") == {"grade": "重度狭窄"}
    assert "重度" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_faults_survive_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(TableError("one", "two")))
    assert isinstance(error, TableError)
    assert error.faults == ["one", "two"]


def test_content_is_on_the_disk_before_its_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    fsync, replace = os.fsync, os.replace

    def syncing(descriptor: int) -> None:
        told.append(f"disk {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        fsync(descriptor)

    def replacing(source: Path, target: Path) -> None:
        told.append(f"name {target.name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "replace", replacing)
    write_json({"a": 1}, tmp_path / "a.json")
    assert told == [f"disk .a.{os.getpid()}.partial.json", "name a.json"]
    with atomic_path(tmp_path / "b", durable=False) as path:
        path.write_text("b")
    assert told[2:] == ["name b"]


class LibraryError(Exception):
    """What torch, safetensors and SQLite have of their own."""


@pytest.mark.parametrize(
    "error", [OSError("400000 requested and 25584 written"), LibraryError("pos 576 vs 534")]
)
def test_a_full_disk_is_told_as_one(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write() -> None:
        with atomic_path(tmp_path / "a.bin"):
            raise error

    monkeypatch.setattr(files, "_is_full", lambda folder: True)
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.bin'") as caught:
        write()
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.setattr(files, "_is_full", lambda folder: False)
    with pytest.raises((OSError, LibraryError)) as caught:
        write()
    assert getattr(caught.value, "errno", errno.EIO) == errno.EIO
    assert list(tmp_path.iterdir()) == []


def test_a_new_array_has_its_space_from_the_start(tmp_path: Path) -> None:
    array = new_array(tmp_path / "a.npy", dtype=np.float32, shape=(1000, 300))
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= array.nbytes
    array[7] = 3
    array.flush()
    assert np.load(tmp_path / "a.npy", mmap_mode="r")[7].tolist() == [3] * 300


def test_a_json_file_that_was_cut_off_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"stages": {"cohort"')
    with pytest.raises(InputError, match=r"run\.json: is not whole JSON .*delete it") as error:
        read_json(tmp_path / "run.json")
    assert len(error.value.faults) == 1
