"""Make the nano weights: the paper's two stages (general findings, then infarction), or one, on simulated ECGs.

The ECGs come from other distributions than the book's cohort (see `ccta_lib.simulate.pretraining`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from ccta_lib.errors import ParameterError
from ccta_lib.files import atomic_path, new_array, sha256_file, sha256_json
from ccta_lib.in_use import holds
from ccta_lib.model.checkpoint import save_weights
from ccta_lib.model.contract import NANO_CONTRACT, InputContract
from ccta_lib.model.net1d import NANO_CONFIG, Net1D, Net1DConfig
from ccta_lib.parallel import check_workers
from ccta_lib.progress import TimeLeft
from ccta_lib.simulate import PRETRAINING_TASKS, simulate_pretraining
from ccta_lib.simulate.pretraining import Stage
from ccta_lib.training.augmentation import augment
from ccta_lib.training.card import StageResult, model_card
from ccta_lib.training.job import derive_seed
from ccta_lib.training.schedule import rate_factor
from ccta_lib.training.scoring import score, vessel_aucs
from ccta_lib.training.watching import one_thread

WEIGHTS_FILE, CARD_FILE, STAGE_FILE = "nano.safetensors", "nano.md", "nano-{}.safetensors"
BATCH = 64
HELD_OUT_SHARE = 0.05
WEIGHT_DECAY = 5e-4
AUGMENTATION_STRENGTH = 0.5
# A network that starts from random weights learns at the first rate, one that has been pretrained at the second.
PEAK_RATES = (4e-3, 1e-3)
STAGES: tuple[Stage, ...] = ("findings", "infarction")
# The second stage narrows the network to its two tasks; a quarter of the ECGs and epochs is enough for that.
SECOND_STAGE_SHARE = 0.25


@holds("out")
def pretrain(
    out: str | os.PathLike[str],
    *,
    n: int = 32_000,
    epochs: int = 5,
    seed: int = 7,
    workers: int = 2,
    stages: Sequence[Stage] = STAGES,
    config: Net1DConfig = NANO_CONFIG,
    contract: InputContract = NANO_CONTRACT,
    progress: Callable[..., None] | None = None,
) -> Path:
    """Pretrain the nano network in two stages and write its weights and model card.

    Parameters
    ----------
    out : folder for nano.safetensors and nano.md, and nano-findings.safetensors, the weights between two stages; a
        killed run continues there from its last epoch
    n : simulated ECGs of the first stage; the second takes a quarter
    epochs : passes of the first stage; the second takes a quarter
    seed : of ECGs, start weights, order and augmentation
    workers : processes that simulate; training takes one torch thread
    stages : the stages in their order; one alone is the first, with all ECGs and epochs
    config, contract : network and input; the nano's by default
    progress : called with (done, total, note); simulated ECGs and training passes over ECGs together

    Returns
    -------
    Path
        The weights file.

    Raises
    ------
    ParameterError
        If `n` is too small to hold out ECGs, epochs is below 1, or the stages are none, unknown or named twice.
    """
    check_workers(workers)
    if n < 400 or epochs < 1:
        raise ParameterError(
            f"pretrain: n is {n} and epochs {epochs}; expected at least 400 ECGs and 1 epoch"
        )
    if not stages or len(set(stages)) < len(stages) or not set(stages) <= set(STAGES):
        raise ParameterError(
            f"pretrain: stages are {', '.join(stages) or 'none'}; expected {' or '.join(STAGES)}, or both"
        )
    folder = Path(out)
    shares = (1.0, SECOND_STAGE_SHARE)
    plan: list[tuple[Stage, int, int]] = [
        (stage, math.ceil(n * share), math.ceil(epochs * share))
        for stage, share in zip(stages, shares, strict=False)
    ]
    facts = {"data_kind": "simulated", "seed": seed, "n": n, "epochs": epochs}
    bar = TimeLeft(progress, sum(size * (1 + passes) for _, size, passes in plan))
    done = 0
    trunk: dict[str, torch.Tensor] = {}
    results: list[StageResult] = []
    with one_thread():
        for code, (stage, size, passes) in enumerate(plan):
            key = sha256_json(
                [plan, code, seed, config.as_dict(), contract.as_dict(), torch.__version__, PEAK_RATES]
            )[:16]
            data = _simulate(folder, stage, size, seed, contract, workers, bar, done)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive_seed(seed, code))
                model = Net1D(replace(config, n_classes=len(PRETRAINING_TASKS[stage])))
            model.load_state_dict(
                {**model.state_dict(), **{k: v for k, v in trunk.items() if not k.startswith("dense.")}}
            )
            order = derive_seed(seed, code, 1)
            aucs = _fit(model, data, stage, passes, PEAK_RATES[code], order, folder, key, bar, done + size)
            trunk = model.state_dict()
            last = code + 1 == len(plan)
            path = folder / (WEIGHTS_FILE if last else STAGE_FILE.format(stage))
            save_weights(model, path, contract=contract, tasks=PRETRAINING_TASKS[stage], **facts)
            results.append(
                StageResult(stage, size, passes, dict(zip(PRETRAINING_TASKS[stage], aucs, strict=True)))
            )
            done += size * (1 + passes)
    parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    card = model_card(
        results, contract=contract, config=config, parameters=parameters, seed=seed, sha256=sha256_file(path)
    )
    with atomic_path(folder / CARD_FILE) as temporary:
        temporary.write_text(card, encoding="utf-8")
    for leftover in [*folder.glob("pretraining-*.npy"), *folder.glob("pretraining-*.pt")]:
        leftover.unlink()
    return path


def _simulate(
    folder: Path,
    stage: Stage,
    n: int,
    seed: int,
    contract: InputContract,
    workers: int,
    bar: TimeLeft,
    done: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return memory maps of prepared ECGs (float16, (n, leads, samples)) and targets, simulated if absent."""
    key = sha256_json([stage, n, seed, contract.as_dict()])[:16]
    signals_path, targets_path = (folder / f"pretraining-{stage}-{key}-{x}.npy" for x in ("x", "y"))
    if not (signals_path.is_file() and targets_path.is_file()):
        targets, filled = [], 0
        with atomic_path(signals_path) as temporary:
            # Half precision: two stages of tens of thousands of ECGs stay well inside a small disk and memory.
            shape = (n, len(contract.leads), contract.samples)
            out = new_array(temporary, dtype=np.float16, shape=shape)
            for signals, y in simulate_pretraining(n, seed=seed, stage=stage, workers=workers):
                out[filled : filled + len(y)] = contract.prepare(signals)
                targets.append(y)
                filled += len(y)
                bar(done + filled, f"simulating ECGs, stage {stage}")
            out.flush()
        with atomic_path(targets_path) as temporary:
            np.save(temporary, np.concatenate(targets))
    return np.load(signals_path, mmap_mode="r"), np.load(targets_path)


def _fit(
    model: Net1D,
    data: tuple[np.ndarray, np.ndarray],
    stage: str,
    epochs: int,
    peak_rate: float,
    seed: int,
    folder: Path,
    key: str,
    bar: TimeLeft,
    done: int,
) -> np.ndarray:
    """Train on all but the last ECGs, from the last finished epoch on; return the held-out AUC of each task."""
    signals, targets = data
    held_out = np.arange(int(len(targets) * (1 - HELD_OUT_SHARE)), len(targets))
    n_train = held_out[0]
    steps = math.ceil(n_train / BATCH)
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], weight_decay=WEIGHT_DECAY, fused=True
    )
    checkpoint = folder / f"pretraining-{key}.pt"
    start = 0
    if checkpoint.is_file():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        start = saved["epoch"]
    for epoch in range(start, epochs):
        generator = torch.Generator().manual_seed(derive_seed(seed, epoch))
        order = torch.randperm(n_train, generator=generator).numpy()
        model.train()
        for i in range(steps):
            rate = peak_rate * rate_factor(epoch * steps + i, epochs * steps)
            optimizer.param_groups[0]["lr"] = rate
            rows = np.sort(order[i * BATCH : (i + 1) * BATCH])
            x = augment(
                torch.from_numpy(signals[rows].astype(np.float32)), AUGMENTATION_STRENGTH, generator=generator
            )
            optimizer.zero_grad()
            loss = functional.binary_cross_entropy_with_logits(model(x), torch.from_numpy(targets[rows]))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            bar(done + epoch * len(targets) + (i + 1) * BATCH, f"stage {stage}, epoch {epoch + 1}/{epochs}")
        with atomic_path(checkpoint) as temporary:
            content = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1}
            torch.save(content, temporary)
    logits = score(model, signals[held_out].astype(np.float32))
    return vessel_aucs(targets[held_out].astype(float), logits)
