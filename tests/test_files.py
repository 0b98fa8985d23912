"""Files are moved into place only when they are whole."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import pytest

from ccta_lib.errors import TableError
from ccta_lib.files import atomic_path, read_json, sha256_file, sha256_json, write_json


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
