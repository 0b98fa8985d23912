"""From settings to a network ready to train: architecture, pretrained trunk, new head, input contract."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ccta_lib.errors import ParameterError, WeightsError
from ccta_lib.model.checkpoint import LoadReport, described, load_pretrained, read_weights
from ccta_lib.model.contract import CONTRACTS, InputContract
from ccta_lib.model.net1d import ARCHITECTURES, Net1D
from ccta_lib.schema import VESSELS
from ccta_lib.training.settings import TrainingSettings
from ccta_lib.training.trainable import freeze


def weights_path(settings: TrainingSettings) -> Path | None:
    """Return the file the trunk starts from; None from scratch."""
    from ccta_lib.model import NANO

    return {"nano": NANO, "scratch": None}.get(settings.init, Path(settings.init))


def build_network(
    settings: TrainingSettings, *, seed: int, targets: np.ndarray | None = None
) -> tuple[Net1D, InputContract, LoadReport | None]:
    """Build the network that fine-tuning starts from.

    Parameters
    ----------
    settings : init, architecture, input_contract, normalisation, dropout, head_bias and trainable are used
    seed : seed of what is not pretrained
    targets : float array, shape (n, 4), optional
        Labels of the training rows, for a head bias at their log odds.

    Returns
    -------
    network, input contract, report of the loaded weights (None from scratch)

    Raises
    ------
    WeightsError
        If the weights do not fit, or state no input contract and the settings name none.
    ParameterError
        If settings do not go together, or with the network.
    """
    faults = settings.faults()
    if faults:
        raise ParameterError(*faults)
    path = weights_path(settings)
    named = None if settings.input_contract is None else CONTRACTS[settings.input_contract]
    config, contract = ARCHITECTURES[settings.architecture], named or CONTRACTS[settings.architecture]
    if path is not None:
        state, metadata = read_weights(path)
        if "config" in metadata:
            config = described(state, metadata, path)
        if "contract" in metadata:
            contract = InputContract.from_dict(metadata["contract"])
    config = replace(
        config, n_classes=len(VESSELS), use_bn=contract.batchnorm_applied, dropout=settings.dropout
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Net1D(config)
    report = None
    if path is not None:
        report = load_pretrained(model, path, head="replace", contract=named)
        if report.contract is None:
            raise WeightsError(
                f"{path}: states no input contract; set input_contract to one of {', '.join(CONTRACTS)}"
            )
        _check_shipped(path, report.sha256)
        contract = report.contract
    if settings.normalisation != "contract":
        contract = replace(contract, normalisation=settings.normalisation)
    if settings.head_bias == "prevalence" and targets is not None:
        with torch.no_grad():
            model.dense.bias.copy_(torch.from_numpy(_log_odds(targets)))
    freeze(model, settings.trainable)
    return model, contract, report


def _check_shipped(path: Path, sha256: str) -> None:
    """Raise if the weights that come with the package are not those that their card tells of."""
    from ccta_lib.model import NANO

    if path == NANO and sha256 not in NANO.with_suffix(".md").read_text(encoding="utf-8"):
        raise WeightsError(f"{path}: not the weights of its card {NANO.with_suffix('.md').name}; reinstall the "
                           "package, or make both anew with `make nano`")  # fmt: skip


def _log_odds(targets: np.ndarray) -> np.ndarray:
    """Return the log odds of each label, shrunk by one half in each class; 0 where nothing is labelled."""
    positive, negative = (targets == 1).sum(0) + 0.5, (targets == 0).sum(0) + 0.5
    return np.log(positive / negative).astype(np.float32)
