"""Started by torchrun, or plainly: a few steps on a drawn batch; the first process writes what came out."""

import sys

import numpy as np
import torch

from ccta_lib.model.net1d import NANO_CONFIG, Net1D
from ccta_lib.training.augmentation import augment
from ccta_lib.training.ranks import open_ranks
from ccta_lib.training.settings import TrainingSettings
from ccta_lib.training.step import TrainingStep

N = 13


def batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """ECGs and labels; the first half holds most labels of the first vessel, the second none of the second."""
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(0, 1, (N, 12, 200)).astype(np.float32))
    y = rng.choice([0.0, 1.0], (N, 4))
    y[8:, 0] = np.nan
    y[N // 2 :, 1] = np.nan
    y[:4, 2] = np.nan
    y[:, 3] = np.nan if seed % 2 else y[:, 3]
    return x, torch.from_numpy(y).float()


def main() -> None:
    out, pcgrad, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(1)
    settings = TrainingSettings(pcgrad=pcgrad, learning_rate=1e-3, micro_batch=int(sys.argv[4]) or None)
    with open_ranks("cpu") as ranks:
        torch.manual_seed(0)
        model = Net1D(NANO_CONFIG)
        log_variance = torch.zeros(4, requires_grad=True)
        # Plain descent: Adam would magnify rounding where a gradient is nearly nothing.
        optimizer = torch.optim.SGD([*model.parameters(), log_variance], lr=0.05)
        take = TrainingStep(model, log_variance, optimizer, settings, reduce=ranks.reduce)
        generator = torch.Generator().manual_seed(3)
        told = []
        for seed in range(steps):
            x, y = batch(seed)
            part = ranks.part(N)
            x = torch.cat([x[part], augment(x[part], 0.9, generator=generator, part=part, whole=N)])
            result = take(x, torch.cat([y[part], y[part]]), generator=generator)
            told.append([result.losses, result.labelled, torch.tensor(result.conflict or [])])
        if ranks.first:
            weights = torch.cat([p.detach().reshape(-1) for p in model.parameters()])
            torch.save({"weights": weights, "log_variance": log_variance.detach(), "told": told}, out)


main()
