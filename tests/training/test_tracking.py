"""TensorBoard's scalars say what the log says, survive a kill without doubles, and leave training alone."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ccta_lib.training.job import FoldJob
from ccta_lib.training.loop import train_fold
from ccta_lib.training.settings import TrainingSettings
from ccta_lib.training.tracking import allocator

SETTINGS = TrainingSettings(
    init="scratch", epochs=2, batch_size=16, learning_rate=3e-3, checkpoint_minutes=1e-9
)


@pytest.fixture(scope="module")
def job(fold_job, tmp_path_factory) -> FoldJob:
    folder = tmp_path_factory.mktemp("fold")
    return fold_job(folder, fold=0, settings=SETTINGS, board=folder / "board")


@pytest.fixture(scope="module")
def reference(job):
    return train_fold(job)


def scalars(folder) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder)).Reload()
    return {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_the_board_says_what_the_log_says(job, reference):
    found = scalars(job.board)
    for name in ("loss_rca", "auc_inner_rca", "auc_outer_lad", "weight_lad", "conflict_share"):
        expected = [(r["step"] - 1, r[name]) for r in reference["log"]]
        assert [s for s, _ in found[f"epoch/{name}"]] == [s for s, _ in expected]
        np.testing.assert_allclose(
            [v for _, v in found[f"epoch/{name}"]], [v for _, v in expected], rtol=1e-6
        )
    sigma = [math.exp(r["log_variance_rca"] / 2) for r in reference["log"]]
    np.testing.assert_allclose([v for _, v in found["epoch/sigma_rca"]], sigma, rtol=1e-6)
    assert [s for s, _ in found["step/learning_rate"]] == list(range(6))
    assert all(v > 0 for _, v in found["step/ecgs_per_second"])
    assert "epoch/loss_lm" not in found  # never labelled


def test_training_does_not_depend_on_it(job, reference, tmp_path):
    settings = SETTINGS.model_copy(update={"tensorboard": False})
    train_fold(replace(job, folder=tmp_path / "fold0", board=tmp_path / "board", settings=settings))
    assert not (tmp_path / "board").exists()
    for name in ("nested.safetensors", "paper.safetensors"):
        assert (tmp_path / "fold0" / name).read_bytes() == (job.folder / name).read_bytes()


class KilledError(Exception):
    pass


def test_steps_taken_again_stand_there_once(job, reference, tmp_path):
    settings = SETTINGS.model_copy(update={"checkpoint_minutes": 60.0})
    mine = replace(job, folder=tmp_path / "fold0", board=tmp_path / "board", settings=settings)

    def stop(step):
        if step == 5:
            raise KilledError

    with pytest.raises(KilledError):
        train_fold(mine, tick=stop)
    train_fold(mine)
    found = scalars(mine.board)
    assert [s for s, _ in found["step/learning_rate"]] == list(range(6))
    assert len(found["epoch/loss_rca"]) == 2


def test_allocator_has_a_name():
    assert allocator() in {"system", "jemalloc", "tcmalloc", "mimalloc"}
