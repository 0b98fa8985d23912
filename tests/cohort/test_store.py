"""The store keeps what it is given to half a microvolt, resumes after a kill, refuses what is not its own."""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ccta_lib.cohort import StoreWriter, WaveformStore
from ccta_lib.errors import InputError

IDS = [f"e{i}" for i in range(6)]


def ecgs(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (n, 12, 5000)).astype(np.float32)


def built(folder: Path, *, key: str = "k") -> WaveformStore:
    writer = StoreWriter(folder, IDS, key=key)
    note = {"flags": "einthoven", "source": "a.hea", "source_sha256": "f" * 64, "source_hz": 1000.0}
    writer.write([4, 0], ecgs(2), index=[note, {}])
    writer.exclude(3, "flat lead", source="b.hea")
    writer.write([1, 2, 5], ecgs(3, seed=1))
    return writer.finish()


def test_rows_belong_to_their_ecg_and_the_index_says_what_happened(tmp_path: Path) -> None:
    store = built(tmp_path)
    assert len(store) == 5
    np.testing.assert_allclose(store.signals(["e0", "e4"]), ecgs(2)[::-1], atol=5.01e-4)
    np.testing.assert_allclose(store.signals([5, 5, 1]), ecgs(3, seed=1)[[2, 2, 0]], atol=5.01e-4)
    index = store.index
    assert index["ecg_id"].tolist() == IDS
    assert index["row"].astype(object).where(index["row"].notna(), None).tolist() == [0, 1, 2, None, 4, 5]
    assert index["reason"].tolist() == ["", "", "", "flat lead", "", ""]
    assert index.loc[4, ["flags", "source", "source_sha256"]].tolist() == ["einthoven", "a.hea", "f" * 64]
    assert index["source_hz"].notna().tolist() == [False] * 4 + [True, False]
    meta = json.loads((tmp_path / "store.json").read_text())
    assert (meta["kept"], meta["excluded"], meta["ecgs"]) == (5, {"flat lead": 1}, 6)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index.parquet", "signals.npy", "store.json"]


def test_an_excluded_ecg_is_never_read_as_zeros(tmp_path: Path) -> None:
    store = built(tmp_path)
    assert "e3" not in store
    with pytest.raises(InputError, match="'e3' is excluded \\(flat lead\\)"):
        store.signals(["e1", "e3"])
    with pytest.raises(InputError, match="row 3 is excluded"):
        store.signals([3])
    with pytest.raises(InputError, match="'nobody' is not in this store"):
        store.signals(["nobody"])
    with pytest.raises(InputError, match="row -1"):
        store.signals([-1])


def test_a_store_travels_to_workers_without_its_data(tmp_path: Path) -> None:
    store = built(tmp_path)
    store.signals(IDS[:2])
    packed = pickle.dumps(store)
    assert len(packed) < 1000
    np.testing.assert_array_equal(pickle.loads(packed).signals(["e5"]), store.signals(["e5"]))


@settings(max_examples=20, deadline=None)
@given(values=arrays(np.float32, 12, elements=st.floats(-32.75, 32.75, width=32)))
def test_round_trip_is_within_half_a_microvolt(
    values: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    writer = StoreWriter(tmp_path_factory.mktemp("s"), ["a"], key="k")
    signals = np.broadcast_to(values[:, None], (1, 12, 5000))
    writer.write([0], signals)
    back = writer.finish().signals(["a"]).astype(float)
    # 1.9e-6 mV is the spacing of float32 at 32 mV, in which the answer is given.
    assert np.abs(back - signals.astype(float)).max() <= 5e-4 + 1.9e-6


def test_same_content_gives_same_bytes_in_any_order_of_writing(tmp_path: Path) -> None:
    built(tmp_path / "a")
    writer = StoreWriter(tmp_path / "b", IDS, key="k")
    for row, one in zip([5, 2, 1], ecgs(3, seed=1)[::-1], strict=True):
        writer.write([row], one[None])
    note = {"flags": "einthoven", "source": "a.hea", "source_sha256": "f" * 64, "source_hz": 1000.0}
    writer.exclude(3, "flat lead", source="b.hea")
    writer.write([0], ecgs(2)[1:])
    writer.write([4], ecgs(2)[:1], index=[note])
    writer.finish()
    for name in ("signals.npy", "index.parquet", "store.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


SLOW_WRITER = """
import sys, time
import numpy as np
from ccta_lib.cohort import StoreWriter
writer = StoreWriter(sys.argv[1], [f"e{i}" for i in range(200)], key="k")
for row in writer.pending:
    if row % 7 == 3:
        writer.exclude(row, "flat lead")
    else:
        writer.write([row], np.random.default_rng(row).normal(0, 1, (1, 12, 5000)))
    time.sleep(float(sys.argv[2]))
writer.finish()
"""


def test_a_killed_writer_resumes_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLOW_WRITER]
    process = subprocess.Popen([*command, str(tmp_path / "killed"), "0.02"])
    journal = tmp_path / "killed" / "journal.partial.jsonl"
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and not (journal.is_file() and journal.read_bytes().count(b"\n") > 20):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    with pytest.raises(InputError, match="unfinished"):
        WaveformStore.open(tmp_path / "killed")
    with open(journal, "ab") as stream:
        stream.write(b'{"row": 199, "reas')  # what a kill in the middle of a line leaves
    left = StoreWriter(tmp_path / "killed", [f"e{i}" for i in range(200)], key="k").pending
    assert 0 < left.size <= 180
    assert left[-1] == 199
    for folder in ("killed", "whole"):
        subprocess.run([*command, str(tmp_path / folder), "0"], check=True)
    for name in ("signals.npy", "index.parquet", "store.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_finished_store_has_nothing_pending_and_takes_nothing_more(tmp_path: Path) -> None:
    built(tmp_path)
    before = (tmp_path / "signals.npy").stat().st_mtime_ns
    writer = StoreWriter(tmp_path, IDS, key="k")
    assert writer.pending.size == 0
    assert len(writer.finish()) == 5
    assert (tmp_path / "signals.npy").stat().st_mtime_ns == before
    with pytest.raises(InputError, match="finished"):
        writer.exclude(0, "late")


@pytest.mark.parametrize("finished", [True, False])
def test_another_key_or_other_ecgs_are_refused_unless_replacing(tmp_path: Path, finished: bool) -> None:
    if finished:
        built(tmp_path)
    else:
        StoreWriter(tmp_path, IDS, key="k").write([0], ecgs(1))
    with pytest.raises(InputError, match="made from other ECGs or settings"):
        StoreWriter(tmp_path, IDS, key="other")
    with pytest.raises(InputError, match="made from other ECGs or settings"):
        StoreWriter(tmp_path, IDS[::-1], key="k")
    assert StoreWriter(tmp_path, IDS, key="k").pending.size == (0 if finished else 5)
    assert StoreWriter(tmp_path, IDS[:2], key="new", replace=True).pending.tolist() == [0, 1]


def test_someone_elses_array_is_never_overwritten(tmp_path: Path) -> None:
    np.save(tmp_path / "signals.npy", np.zeros(3))
    with pytest.raises(InputError, match="belongs to no waveform store"):
        StoreWriter(tmp_path, IDS, key="k", replace=True)
    assert np.load(tmp_path / "signals.npy").shape == (3,)


def test_a_store_that_lost_its_samples_is_built_again(tmp_path: Path) -> None:
    built(tmp_path)
    (tmp_path / "signals.npy").unlink()
    with pytest.raises(InputError, match=r"signals\.npy is missing; build the store again"):
        WaveformStore.open(tmp_path)
    assert StoreWriter(tmp_path, IDS, key="k").pending.size == 6


@pytest.mark.parametrize(("rows", "shape", "index", "message"), [
    ([0], (1, 5000, 12), None, "shape"),
    ([0, 1], (1, 12, 5000), None, "shape"),
    ([6], (1, 12, 5000), None, "outside 0 to 5"),
    ([1, 1], (2, 12, 5000), None, "given twice"),
    ([2], (1, 12, 5000), None, "already done"),
    ([0], (1, 12, 5000), [{"colour": "red"}], "unknown index column 'colour'"),
    ([0], (1, 12, 5000), [], "0 entries for 1 rows"),
])  # fmt: skip
def test_wrong_writes_are_named(tmp_path: Path, rows: list[int], shape: tuple[int, ...],
                                index: list[dict] | None, message: str) -> None:  # fmt: skip
    writer = StoreWriter(tmp_path, IDS, key="k")
    writer.write([2], ecgs(1))
    with pytest.raises(InputError, match=message):
        writer.write(rows, np.zeros(shape, np.float32), index=index)
    assert writer.pending.tolist() == [0, 1, 3, 4, 5]


@pytest.mark.parametrize("value", [np.nan, np.inf, -32.9])
def test_samples_that_do_not_fit_are_refused_whole(tmp_path: Path, value: float) -> None:
    writer = StoreWriter(tmp_path, IDS, key="k")
    signals = ecgs(2)
    signals[1, 3, 7] = value
    with pytest.raises(InputError, match="'e1': samples that are not finite or beyond"):
        writer.write([0, 1], signals)
    assert writer.pending.size == 6


def test_finish_needs_every_ecg_and_ids_must_be_unique(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path, IDS, key="k")
    writer.write([0], ecgs(1))
    with pytest.raises(InputError, match="5 of 6 ECGs are neither written nor excluded, the first is 'e1'"):
        writer.finish()
    with pytest.raises(InputError, match="'a' occurs more than once"):
        StoreWriter(tmp_path / "b", ["a", "b", "a"], key="k")
    with pytest.raises(InputError, match="no ECGs"):
        StoreWriter(tmp_path / "b", [], key="k")
    with pytest.raises(InputError, match="no waveform store"):
        WaveformStore.open(tmp_path / "nowhere")


def test_reading_does_not_load_the_whole_array(tmp_path: Path) -> None:
    """800 ECGs are 96 MB; reading them a few at a time may not raise the process by half of that."""
    code = (
        "import resource, sys\nimport numpy as np\nfrom ccta_lib.cohort import StoreWriter\n"
        "writer = StoreWriter(sys.argv[1], [str(i) for i in range(800)], key='k')\n"
        "block = np.ones((8, 12, 5000), np.float32)\n"
        "writer.write(range(8), block)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for i in range(8, 800, 8): writer.write(range(i, i + 8), block)\n"
        "store = writer.finish()\n"
        "for i in range(0, 800, 8): store.signals(range(i, i + 8))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    grown = subprocess.run(command, capture_output=True, check=True).stdout
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    assert int(grown) * unit < 48e6


def test_index_survives_as_plain_parquet(tmp_path: Path) -> None:
    built(tmp_path)
    plain = pd.read_parquet(tmp_path / "index.parquet")
    columns = ["ecg_id", "row", "reason", "flags", "source", "source_sha256", "source_hz"]
    assert plain.columns.tolist() == columns
    assert str(plain["row"].dtype) == "Int64"


def test_a_power_cut_costs_the_rows_it_took_and_no_other(tmp_path: Path) -> None:
    """The journal may be on the disk and the samples not, and the journal itself may end in anything."""
    whole = built(tmp_path / "whole")
    writer = StoreWriter(tmp_path / "cut", IDS, key="k")
    note = {"flags": "einthoven", "source": "a.hea", "source_sha256": "f" * 64, "source_hz": 1000.0}
    writer.write([4, 0], ecgs(2), index=[note, {}])
    writer.exclude(3, "flat lead", source="b.hea")
    offset = np.load(tmp_path / "cut" / "signals.npy", mmap_mode="r").offset
    with open(tmp_path / "cut" / "signals.npy", "r+b") as stream:
        stream.seek(offset + 60_000)  # the second half of row 0
        stream.write(bytes(60_000))
    with open(tmp_path / "cut" / "journal.partial.jsonl", "ab") as stream:
        stream.write(b'{"row": 1, "rea\0\0\0\0\n{"row": 2, "reason": ""}\n')
    again = StoreWriter(tmp_path / "cut", IDS, key="k")
    assert again.pending.tolist() == [0, 1, 2, 5]
    again.write([0], ecgs(2)[1:])
    again.write([1, 2, 5], ecgs(3, seed=1))
    again.finish()
    for name in ("signals.npy", "index.parquet", "store.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (whole.path / name).read_bytes()


def test_samples_that_were_cut_off_are_never_taken_for_whole(tmp_path: Path) -> None:
    store = built(tmp_path)
    size = (tmp_path / "signals.npy").stat().st_size
    os.truncate(tmp_path / "signals.npy", size // 2)
    with pytest.raises(InputError, match=r"signals\.npy: was cut off; build the store again"):
        WaveformStore.open(tmp_path)
    writer = StoreWriter(tmp_path, IDS, key=store.key)
    assert writer.pending.size == 6
    assert built(tmp_path).path.joinpath("signals.npy").stat().st_size == size


def test_a_write_that_the_disk_takes_in_parts_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(io.FileIO):
        def write(self, content: Any) -> int:
            return super().write(memoryview(content)[:7001])

    writer = StoreWriter(tmp_path, IDS, key="k")
    writer._signals.close()
    writer._signals = Slow(tmp_path / "signals.npy", "r+")
    writer.write([0], ecgs(1))
    assert writer.digest(0) == StoreWriter.digest_of(ecgs(1)[0])
