"""Pieces of work: in order, as they finish, after a worker's death, on a cluster."""

import os
import signal
import time
from pathlib import Path

import pytest

from ccta_lib.errors import CctaError, InputError
from ccta_lib.parallel import as_finished, check_workers, cluster, in_order


def square(x: int) -> int:
    return x * x


def refuse(x: int) -> int:
    raise InputError(f"piece {x}: wrong", "and more")


def die_once(x: int, folder: str) -> int:
    """Piece 2 kills its worker the first time."""
    flag = Path(folder) / "died"
    if x == 2 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.1)
    with (Path(folder) / f"{x}").open("a") as stream:
        stream.write("done\n")
    return x * x


def die(x: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return x


@pytest.mark.parametrize("workers", [1, 2])
def test_order(workers):
    assert list(in_order(square, [(i,) for i in range(9)], workers=workers)) == [i * i for i in range(9)]
    found = dict(as_finished(square, [(i,) for i in range(9)], workers=workers))
    assert found == {i: i * i for i in range(9)}


def test_nothing_to_do():
    assert list(in_order(square, [], workers=2)) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_keeps_its_lines(workers):
    with pytest.raises(InputError) as caught:
        list(in_order(refuse, [(3,), (3,)], workers=workers))
    assert caught.value.faults == ["piece 3: wrong", "and more"]


@pytest.mark.parametrize("wrong", [0, -1, 1.5])
def test_number_of_workers(wrong):
    with pytest.raises(InputError, match="workers is"):
        check_workers(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("results", [in_order, as_finished])
def test_a_killed_worker_costs_its_piece(tmp_path, results):
    found = list(results(die_once, [(i, str(tmp_path)) for i in range(8)], workers=2))
    values = found if results is in_order else [v for _, v in sorted(found)]
    assert values == [i * i for i in range(8)]


@pytest.mark.slow
def test_a_piece_that_always_kills_is_given_up():
    with pytest.raises(CctaError, match=r"ended early 5 times .* run the same command again"):
        list(in_order(die, [(1,), (2,)], workers=2))


@pytest.fixture(scope="module")
def dask_workers():
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as found:
        yield found


@pytest.mark.slow
def test_cluster(dask_workers, tmp_path):
    with cluster(dask_workers.scheduler_address):
        assert list(in_order(square, [(i,) for i in range(9)], workers=1)) == [i * i for i in range(9)]
        with pytest.raises(InputError, match="piece 3: wrong"):
            list(in_order(refuse, [(3,), (3,)], workers=1))
        assert list(in_order(die_once, [(i, str(tmp_path)) for i in range(8)], workers=1)) == [
            i * i for i in range(8)
        ]
        with pytest.raises(CctaError, match=r"gave a piece up \(KilledWorker"):
            list(in_order(die, [(1,), (2,)], workers=1))


@pytest.mark.slow
def test_clusters_that_will_not_do():
    from distributed import LocalCluster

    here = {"processes": False, "dashboard_address": None}
    several, no_workers = "runs 2 threads; start workers with --nthreads 1", "has no workers"
    for workers, message in ((1, several), (0, no_workers)):
        with (
            LocalCluster(n_workers=workers, threads_per_worker=2, **here) as found,
            pytest.raises(InputError, match=message),
        ):
            cluster(found.scheduler_address).__enter__()


def test_an_address_that_is_none():
    with pytest.raises(InputError, match="no scheduler answers at 'nonsense://x'"):
        cluster("nonsense://x").__enter__()
