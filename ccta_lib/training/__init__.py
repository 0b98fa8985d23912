"""Fine-tuning as in the paper: augmentation, objective, schedule, folds, loop.

Loaded on first use: folds and settings need no torch, the rest is the extra `train`, and worker processes start
faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ccta_lib.extras import load_name
from ccta_lib.training.settings import TrainingSettings

if TYPE_CHECKING:
    from ccta_lib.training.augmentation import augment, augmentation_strength
    from ccta_lib.training.folds import inner_set, label_matrix, patient_folds
    from ccta_lib.training.inference import predict
    from ccta_lib.training.objective import pcgrad, uncertainty_weighted
    from ccta_lib.training.pretraining import pretrain
    from ccta_lib.training.run import TrainingRun, train, train_shared

_HOME = {
    "augment": "augmentation",
    "augmentation_strength": "augmentation",
    "inner_set": "folds",
    "label_matrix": "folds",
    "patient_folds": "folds",
    "pcgrad": "objective",
    "predict": "inference",
    "pretrain": "pretraining",
    "train": "run",
    "train_shared": "run",
    "TrainingRun": "run",
    "uncertainty_weighted": "objective",
}
__all__ = [
    "TrainingRun",
    "TrainingSettings",
    "augment",
    "augmentation_strength",
    "inner_set",
    "label_matrix",
    "patient_folds",
    "pcgrad",
    "predict",
    "pretrain",
    "train",
    "train_shared",
    "uncertainty_weighted",
]


def __getattr__(name: str) -> Any:
    return load_name(__name__, _HOME, name)
