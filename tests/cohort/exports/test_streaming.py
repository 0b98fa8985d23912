"""Work on a stream: in order, drawn lazily, and a lost worker is said."""

from __future__ import annotations

import os
import signal

import pytest

from ccta_lib.cohort.exports.streaming import in_order
from ccta_lib.errors import CctaError


def double(x: int) -> int:
    if x < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * x


def test_one_process_draws_one_at_a_time() -> None:
    drawn: list[int] = []
    source = ((drawn.append(i) or i,) for i in range(100))
    results = in_order(double, source, workers=1)
    assert [next(results) for _ in range(3)] == [0, 2, 4]
    assert len(drawn) <= 4
    assert list(in_order(double, [], workers=2)) == []
    assert list(in_order(double, [(4,), (5,)], workers=2)) == [8, 10]


@pytest.mark.slow
def test_processes_keep_order_and_a_bounded_number_in_flight() -> None:
    drawn: list[int] = []
    source = ((drawn.append(i) or i,) for i in range(100))
    results = in_order(double, source, workers=2)
    assert next(results) == 0
    assert len(drawn) <= 5
    assert list(results) == list(range(2, 200, 2))


@pytest.mark.slow
def test_a_killed_worker_is_no_silence() -> None:
    with pytest.raises(CctaError, match="a worker process was killed"):
        list(in_order(double, [(i,) for i in (1, 2, -1, 4)], workers=2))
