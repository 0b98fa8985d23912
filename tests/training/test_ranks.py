"""Processes that share a batch: the same update as one alone, refusals, the end of one, and folds on a cluster."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ccta_lib.errors import CctaError, ParameterError
from ccta_lib.files import read_json
from ccta_lib.model.contract import NANO_CONTRACT
from ccta_lib.model.net1d import NANO_CONFIG, Net1D
from ccta_lib.training.augmentation import augment
from ccta_lib.training.loop import _check_shareable
from ccta_lib.training.ranks import Ranks, choose_device, open_ranks
from ccta_lib.training.scoring import score

HERE = Path(__file__).parent
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def run(*command: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(c) for c in command], check=check, capture_output=True, text=True, timeout=1800
    )


@given(st.integers(0, 50), st.integers(1, 9))
def test_parts_are_a_batch(n, size):
    parts = [Ranks(rank=k, size=size).part(n) for k in range(size)]
    assert [i for p in parts for i in range(n)[p]] == list(range(n))
    lengths = {len(range(n)[p]) for p in parts}
    assert max(lengths) - min(lengths) <= 1


@given(n=st.integers(1, 9), size=st.integers(1, 4), strength=st.sampled_from([0.0, 0.5, 1.0]))
def test_an_ecg_is_augmented_alike_for_any_number_of_processes(n, size, strength):
    signals = torch.randn(n, 12, 60, generator=torch.Generator().manual_seed(1))
    alone, states = torch.Generator().manual_seed(n), []
    whole = augment(signals, strength, generator=alone)
    shared = []
    for k in range(size):
        generator, part = torch.Generator().manual_seed(n), Ranks(rank=k, size=size).part(n)
        shared.append(augment(signals[part], strength, generator=generator, part=part, whole=n))
        states.append(generator.get_state())
    assert torch.equal(torch.cat(shared), whole)
    assert all(torch.equal(s, alone.get_state()) for s in states)


def test_one_process_alone():
    with open_ranks("cpu") as ranks:
        assert (ranks.rank, ranks.size, ranks.first) == (0, 1, True)
        value = torch.arange(3)
        assert torch.equal(ranks.reduce(value), value)
        assert ranks.share("x") == "x"
        ranks.wait()


def test_a_device_that_is_not_there():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    assert choose_device("auto").type == "cpu"
    with pytest.raises(ParameterError, match="device is 'cuda', but PyTorch sees no such device"):
        choose_device("cuda")


def test_networks_whose_rows_depend_on_each_other_are_not_shared():
    _check_shareable(Net1D(NANO_CONFIG))
    with pytest.raises(ParameterError) as caught:
        _check_shareable(Net1D(replace(NANO_CONFIG, use_bn=True, dropout=0.2)))
    assert len(caught.value.faults) == 2
    assert "BatchNorm is applied" in caught.value.faults[0]
    assert "dropout is 0.2" in caught.value.faults[1]


def test_scores_do_not_depend_on_the_number_of_processes():
    torch.manual_seed(0)
    model = Net1D(NANO_CONFIG)
    signals = np.random.default_rng(0).normal(0, 1, (11, 12, 200)).astype(np.float32)
    whole = score(model, signals, batch=3)

    class Apart(Ranks):
        def sum_array(self, values):
            return values

    parts = [score(model, signals, batch=3, ranks=Apart(rank=k, size=3)) for k in range(3)]
    np.testing.assert_array_equal(sum(parts), whole)
    assert NANO_CONTRACT.samples == 1000


def test_a_lost_process_is_named():
    with (
        pytest.raises(
            CctaError, match=r"process 1 of 2: another process .* has ended \(Connection closed\); run"
        ),
        Ranks(rank=1, size=2)._contact(),
    ):
        raise RuntimeError("Connection closed\nmore")


@pytest.mark.slow
@pytest.mark.parametrize("micro_batch", [0, 5])
@pytest.mark.parametrize("pcgrad", ["exact", "features", "none"])
def test_two_processes_take_the_steps_of_one(tmp_path, pcgrad, micro_batch):
    steps = HERE / "shared_steps.py"
    run(sys.executable, steps, tmp_path / "one.pt", pcgrad, 3, micro_batch)
    run(*TORCHRUN, steps, tmp_path / "two.pt", pcgrad, 3, micro_batch)
    one, two = (torch.load(tmp_path / f"{name}.pt") for name in ("one", "two"))
    torch.manual_seed(0)
    start = torch.cat([p.detach().reshape(-1) for p in Net1D(NANO_CONFIG).parameters()])
    assert (one["weights"] - start).abs().max() > 1e-3  # the steps have moved what is compared
    torch.testing.assert_close(two["weights"], one["weights"], atol=1e-5, rtol=0)
    torch.testing.assert_close(two["log_variance"], one["log_variance"], atol=1e-5, rtol=0)
    for a, b in zip(one["told"], two["told"], strict=True):
        torch.testing.assert_close(b[0], a[0], atol=1e-6, rtol=0, equal_nan=True)
        assert torch.equal(b[1], a[1])
        torch.testing.assert_close(b[2], a[2], atol=1e-5, rtol=0)
        if pcgrad == "exact":
            assert int(a[2][0]) in {3, 6}  # pairs of vessels with labels


@pytest.fixture(scope="module")
def inputs(cohort_and_store, tmp_path_factory) -> list[str]:
    cohort, store = cohort_and_store
    path = tmp_path_factory.mktemp("inputs") / "cohort.parquet"
    cohort.to_parquet(path)
    return [str(HERE / "a_run.py"), str(path), str(store.path)]


@pytest.mark.slow
def test_a_killed_process_ends_the_job_and_it_goes_on(inputs, tmp_path):
    run(*TORCHRUN, *inputs, tmp_path / "untouched", "none")
    killed = run(*TORCHRUN, *inputs, tmp_path / "killed", "second rank", check=False)
    assert killed.returncode != 0
    fold = tmp_path / "killed/folds/fold1"
    assert (fold / "checkpoint.pt").is_file()
    assert not (fold / "record.json").exists()
    run(*TORCHRUN, *inputs, tmp_path / "killed", "none")
    untouched = tmp_path / "untouched/folds/fold1"
    for name in ("nested.safetensors", "paper.safetensors"):
        assert (fold / name).read_bytes() == (untouched / name).read_bytes()
    record = read_json(fold / "record.json")
    assert [p["world_size"] for p in record["cost"]["places"]] == [2]
    # And the folds trained so far are a part of the run that one process finishes.
    run(sys.executable, *inputs, tmp_path / "killed", "none")
    assert read_json(fold / "record.json") == record


@pytest.mark.slow
def test_a_cluster_makes_the_same_bytes_though_a_worker_is_killed(inputs, tmp_path):
    import os
    import signal
    import threading
    import time

    from distributed import LocalCluster

    run(sys.executable, *inputs, tmp_path / "serial", "none")
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        run(sys.executable, *inputs, tmp_path / "cluster", "none", address)
        victims = [w.pid for w in cluster.workers.values()]

        def kill() -> None:
            while not list((tmp_path / "killed").glob("folds/*/checkpoint.pt")):
                time.sleep(0.05)
            os.kill(victims[0], signal.SIGKILL)

        thread = threading.Thread(target=kill, daemon=True)
        thread.start()
        run(sys.executable, *inputs, tmp_path / "killed", "none", address)
        thread.join()
    for path in [
        *(tmp_path / "serial").glob("*.parquet"),
        *(tmp_path / "serial").glob("folds/*/*.safetensors"),
    ]:
        name = path.relative_to(tmp_path / "serial")
        assert (tmp_path / "cluster" / name).read_bytes() == path.read_bytes()
        assert (tmp_path / "killed" / name).read_bytes() == path.read_bytes()
