"""What a run's record says is done is there as it was left; the newest run is told without a clock."""

from __future__ import annotations

import os
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from ccta_lib.book import runner
from ccta_lib.book.locate import find_run, next_serial
from ccta_lib.book.provenance import RunRecord
from ccta_lib.errors import ChapterError
from ccta_lib.files import write_json


def test_a_table_that_was_cut_off_or_changed_is_made_again(tmp_path: Path) -> None:
    table = tmp_path / "tables" / "t.csv"
    table.parent.mkdir()
    table.write_text("a,b\n1,2\n3,4\n")
    with RunRecord(tmp_path).stage("x", "k", outputs=[table]):
        pass
    assert RunRecord(tmp_path).is_done("x", "k", table)
    assert not RunRecord(tmp_path).is_done("x", "other")
    table.write_text("a,b\n1,2\n")  # a CSV file cut at a line's end looks whole
    assert not RunRecord(tmp_path).is_done("x", "k", table)
    table.write_text("")
    assert not RunRecord(tmp_path).is_done("x", "k", table)
    table.unlink()
    assert not RunRecord(tmp_path).is_done("x", "k")


def test_the_newest_run_is_told_without_a_clock(tmp_path: Path) -> None:
    for name, days in (("first", 2), ("second", 1), ("third", 0)):
        run = tmp_path / "build" / name
        run.mkdir(parents=True)
        write_json({"serial": next_serial(run)}, run / "run.json")
        (run / "predictions.parquet").write_bytes(b"x")
        # The clock goes backwards: what was made last seems the oldest.
        os.utime(run / "predictions.parquet", times=(days * 86400.0, days * 86400.0))
    assert find_run(build=tmp_path / "build").name == "third"
    (tmp_path / "build" / "second" / "run.json").write_text('{"serial": 2')  # not whole: numbers nothing
    assert next_serial(tmp_path / "build" / "first") == 4


class Lost:
    """A pool of which processes are lost so many times before one run goes well."""

    left = 0

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> Lost:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, function: Any, name: str, *_: Any) -> Any:
        from concurrent.futures import Future

        future: Future[tuple[float, float]] = Future()
        if name == "b" and Lost.left:
            Lost.left -= 1
            future.set_exception(BrokenProcessPool("gone"))
        else:
            future.set_result((1.0, 2.0))
        return future


def test_chapters_that_went_down_with_a_lost_process_are_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "ProcessPoolExecutor", Lost)
    jobs: list[tuple[str, dict[str, Any], Path]] = [(n, {}, Path()) for n in "abc"]
    Lost.left = 2
    assert dict(runner._executed(jobs, 1)) == dict.fromkeys("abc", (1.0, 2.0))
    Lost.left = 99
    with pytest.raises(
        ChapterError, match=r"ended early 5 times .*; left are .*b.*; run the same command again"
    ):
        list(runner._executed(jobs, 1))
