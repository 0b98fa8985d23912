"""Weights from elsewhere are code unless they are tensors only: nothing in them runs, nothing of them is believed."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402

from ccta_lib.errors import InputError, ParameterError, WeightsError  # noqa: E402
from ccta_lib.model import Net1D, Net1DConfig, load_network, load_pretrained, save_weights  # noqa: E402
from ccta_lib.model.contract import NANO_CONTRACT  # noqa: E402
from ccta_lib.training.job import FoldJob  # noqa: E402
from ccta_lib.training.state import CHECKPOINT, FoldState  # noqa: E402

CONFIG = Net1DConfig(base_filters=16, filter_list=(16,), m_blocks_list=(1,), n_classes=2)


class Payload:
    """Writes a file when it is unpickled the careless way."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def malicious(form: str, mark: Path) -> bytes:
    """A checkpoint in each of the forms that PyTorch reads, with a payload in it."""
    content = {"state_dict": Net1D(CONFIG).state_dict(), "extra": Payload(mark)}
    if form == "plain pickle":
        return pickle.dumps(content)
    out = io.BytesIO()
    torch.save(content, out, _use_new_zipfile_serialization=form == "zip")
    return out.getvalue()


@pytest.mark.parametrize("form", ["zip", "legacy", "plain pickle"])
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ""])
def test_a_pickle_with_more_than_tensors_is_refused_and_nothing_in_it_runs(
    tmp_path: Path, form: str, suffix: str
) -> None:
    mark, path = tmp_path / "ran", tmp_path / f"weights{suffix}"
    path.write_bytes(malicious(form, mark))
    with pytest.raises(WeightsError) as caught:
        load_pretrained(Net1D(CONFIG), path)
    assert not mark.exists()
    assert len(caught.value.faults) == 1
    assert "cannot be loaded as tensors only" in caught.value.faults[0]
    pickle.loads(pickle.dumps(Payload(mark)))  # the payload itself works
    assert mark.exists()


def test_a_training_checkpoint_runs_nothing_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run directory from elsewhere holds one, and `ccta train` goes on from it."""
    mark = tmp_path / "ran"
    (tmp_path / CHECKPOINT).write_bytes(malicious("zip", mark))
    called = []
    original = torch.load

    def load(*args, **settings):
        called.append(settings)
        return original(*args, **settings)

    monkeypatch.setattr(torch, "load", load)
    monkeypatch.setattr(
        "ccta_lib.training.state.build_network", lambda *a, **k: (Net1D(CONFIG), NANO_CONTRACT, None)
    )
    job = object.__new__(FoldJob)
    object.__setattr__(job, "folder", tmp_path)
    object.__setattr__(job, "key", "k")
    object.__setattr__(job, "seed", 0)
    object.__setattr__(job, "fold", 0)
    object.__setattr__(job, "train", slice(0, 0))
    object.__setattr__(job, "targets", torch.zeros(1, 4).numpy())
    from ccta_lib.training.settings import TrainingSettings

    object.__setattr__(job, "settings", TrainingSettings())
    with pytest.raises(InputError, match="is no whole checkpoint; delete it"):
        FoldState.start(job)
    assert called
    assert not mark.exists()


def test_every_pickle_the_library_reads_is_read_as_tensors_only() -> None:
    package = Path(load_network.__code__.co_filename).parents[1]
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for call in text.split("torch.load(")[1:]:
            assert "weights_only=True" in call.partition("\n")[0], path
        if "pickle.load" in text:  # a task and its own arguments, between a driver and its workers
            assert path.name == "parallel.py", path
        assert "allow_pickle=True" not in text, path


def described(path: Path, state: dict, **changes: object) -> Path:
    facts = {"config": CONFIG.as_dict(), "contract": NANO_CONTRACT.as_dict(), "tasks": ["a", "b"]} | changes
    save_file(state, path, metadata={"ccta_lib": json.dumps(facts)})
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"config": None},
        {"config": {**CONFIG.as_dict(), "__class__": "x"}},
        {"config": {**CONFIG.as_dict(), "n_classes": "2"}},
        {"config": {**CONFIG.as_dict(), "filter_list": [16] * 100, "m_blocks_list": [1] * 100}},
        {"config": {**CONFIG.as_dict(), "kernel_size": 10**9}},
        {"config": {**CONFIG.as_dict(), "filter_list": [8192], "groups_width": 8192, "kernel_size": 8192}},
        {"config": {**CONFIG.as_dict(), "filter_list": 16}},
        {"config": {**CONFIG.as_dict(), "ratio": float("nan")}},
        {"contract": {"sampling_hz": "100"}},
        {"contract": [1]},
        {"tasks": "ab"},
        {"tasks": [1, 2]},
    ],
)
def test_a_description_that_is_none_is_refused_before_anything_is_built(
    tmp_path: Path, changes: dict
) -> None:
    path = described(tmp_path / "w.safetensors", Net1D(CONFIG).state_dict(), **changes)
    with pytest.raises(WeightsError) as caught:
        load_network(path)
    assert all("\n" not in fault for fault in caught.value.faults)


def test_headers_that_declare_what_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(Net1D(CONFIG), path, contract=NANO_CONTRACT, tasks=("a", "b"))
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header = whole[8 : 8 + length]
    for broken in (
        struct.pack("<Q", 2**62) + whole[8:],
        struct.pack("<Q", 10**9) + whole[8:],
        whole[:8] + header.replace(b'"F32"', b'"F99"') + whole[8 + length :],
        whole[:8] + header.replace(b"[16,12,16]", b"[99999,9]") + whole[8 + length :],
        whole[:-1],
        whole[: 8 + length],
        b"",
    ):
        path.write_bytes(broken)
        with pytest.raises(WeightsError):
            load_network(path)


def test_a_zip_bomb_of_a_pickle_is_refused(tmp_path: Path) -> None:
    """PyTorch stores records unpacked; a packed one is none of its own."""
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 50_000_000)
        archive.writestr("archive/version", "3\n")
    assert path.stat().st_size < 100_000
    with pytest.raises(WeightsError):
        load_pretrained(Net1D(CONFIG), path)


@pytest.mark.parametrize(
    "changes",
    [{"m_blocks_list": (10**9,)}, {"kernel_size": 0}, {"stride": True + 10**6}, {"in_channels": 12.0},
     {"filter_list": (16,) * 33, "m_blocks_list": (1,) * 33}, {"ratio": "1"}, {"use_bn": 1}],
)  # fmt: skip
def test_a_network_that_no_memory_holds_is_refused_by_its_numbers(changes: dict) -> None:
    with pytest.raises(ParameterError, match="Net1DConfig: "):
        Net1DConfig(**{"filter_list": (16,), "m_blocks_list": (1,), **changes})
