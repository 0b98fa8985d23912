"""Progress without a terminal: a line now and then, with the time left of the present phase."""

from __future__ import annotations

import re

import pytest

from ccta_lib import progress


def test_lines_are_spaced_and_time_left_counts_from_the_phase(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: clock[0])
    with progress.TerminalProgress().task("Work", total=10) as advance:
        for second, done, total in [
            (1, 5, 10),
            (100, 9, 10),
            (101, 0, 4),
            (105, 1, 4),
            (121, 2, 4),
            (130, 4, 4),
        ]:
            clock[0] = second
            advance(done, total)
        clock[0] = 161.0
        advance(3, 4, "7 min left")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Work: 9 of 10, about 11.0 s left")  # 99 s for 9 since the first call
    assert lines[1] == "Work: 2 of 4, about 20.0 s left"  # 20 s for 2 since the phase began
    assert lines[2] == "Work: 3 of 4 (7 min left)"
    assert re.fullmatch(r"Work: done in 2 min 41 s", lines[3])


def test_quiet_progress_accepts_the_same_calls(capsys: pytest.CaptureFixture) -> None:
    with progress.Progress().task("Work", total=2) as advance:
        advance(1, 2, "note")
    assert capsys.readouterr() == ("", "")
