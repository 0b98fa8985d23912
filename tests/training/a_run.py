"""A small run in a process of its own, which may kill itself, or one of its workers, at a named moment.

usage: a_run.py COHORT STORE OUT [MOMENT]
"""

import os
import signal
import sys

import torch

from ccta_lib.cohort.store import WaveformStore
from ccta_lib.in_use import in_use
from ccta_lib.parallel import cluster, started_by_torchrun
from ccta_lib.schema import read_cohort
from ccta_lib.training import TrainingSettings, inference, loop, predict, state, train, train_shared
from ccta_lib.training.ranks import open_ranks

SETTINGS = TrainingSettings(
    init="scratch", epochs=2, batch_size=8, learning_rate=3e-3, n_folds=3, checkpoint_minutes=1e-9
)
inference.CHUNK = 16


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_step(number: int, rank: int = 0) -> None:
    """Die when a step has been taken and nothing of it has been written."""
    add, steps = state.EpochSums.add, []

    def adding(sums, result):
        add(sums, result)
        steps.append(1)
        if len(steps) == number and int(os.environ.get("RANK", 0)) == rank:
            die()

    state.EpochSums.add = adding


def in_checkpoint(number: int) -> None:
    """Die with half a checkpoint written."""
    save, calls = torch.save, []

    def half(content, path):
        calls.append(1)
        save(content, path)
        if len(calls) == number:
            os.truncate(path, path.stat().st_size // 2)
            die()

    torch.save = half


def between_folds() -> None:
    """Die when the first fold has written its record and the next has not begun."""
    write = loop.write_json

    def last(value, path):
        write(value, path)
        die()

    loop.write_json = last


def in_prediction(marked: bool) -> None:
    """Die when the third piece has been scored, with or without the mark that says so."""
    put = inference.PartialLogits.put

    def counting(self, piece, logits):
        if piece == 2:
            if marked:
                put(self, piece, logits)
            else:
                self.values[piece * inference.CHUNK :][: len(logits)] = logits
            die()
        put(self, piece, logits)

    inference.PartialLogits.put = counting


MOMENTS = {
    "step 4": lambda: at_step(4),
    "step 13": lambda: at_step(13),
    "first checkpoint": lambda: in_checkpoint(1),
    "ninth checkpoint": lambda: in_checkpoint(9),
    "between folds": between_folds,
    "piece": lambda: in_prediction(True),
    "piece unmarked": lambda: in_prediction(False),
    "second rank": lambda: at_step(9, rank=1),
    "none": lambda: None,
}


def main() -> None:
    cohort, store, out = read_cohort(sys.argv[1]), WaveformStore.open(sys.argv[2]), sys.argv[3]
    MOMENTS[sys.argv[4]]()
    if started_by_torchrun():
        with open_ranks("cpu") as ranks:
            train_shared(cohort, store, out, SETTINGS, seed=3, folds=[1], ranks=ranks)
        return
    with cluster(sys.argv[5] if len(sys.argv) > 5 else None), in_use(out):  # as the commands do
        predict(cohort, store, train(cohort, store, out, SETTINGS, seed=3, workers=1), workers=1)


if __name__ == "__main__":
    main()
