"""The training step against the plain way: the published network as it is usually written, on the same batch.

Run `python benchmarks/training.py` (some ten minutes, one core, one torch thread, 6 GB). The plain way is a Net1D with
padded and strided convolutions, swish as x * sigmoid(x), four backward passes kept as lists, dot products parameter by
parameter, and the system's memory allocator as it comes. Variants take turns within one process, so that other programs
slow all of them down alike; peak memory is that of a fresh process each, and so are the allocators. The ratios printed
last, ours over plain (scoring: plain over ours), are medians over the rounds.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from ccta_lib.memory import SETTINGS as ALLOCATOR
from ccta_lib.model.contract import CONTRACTS
from ccta_lib.model.net1d import NANO_CONFIG, Net1D, Net1DConfig
from ccta_lib.training.augmentation import augment
from ccta_lib.training.objective import vessel_losses
from ccta_lib.training.settings import TrainingSettings
from ccta_lib.training.step import TrainingStep
from ccta_lib.training.trainable import build_optimizer

VARIANTS = ("plain", "exact", "features", "none")


class PlainNet(nn.Module):
    """Net1D the usual way, with the parameters of one of ours."""

    def __init__(self, net: Net1D) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Return logits: (n, leads, samples) -> (n, tasks)."""
        x = swish(conv(x, self.net.first_conv.conv))
        for stage in self.net.stage_list:
            for b in stage.block_list:  # type: ignore[union-attr]
                out = conv(x if b.first else swish(x), b.conv1.conv)
                out = conv(swish(out), b.conv2.conv)
                out = conv(swish(out), b.conv3.conv)
                gate = torch.sigmoid(b.se_fc2(swish(b.se_fc1(out.mean(-1)))))
                shortcut = x
                if b.stride > 1:
                    shortcut = functional.max_pool1d(functional.pad(x, (0, x.shape[-1] % 2)), 2)
                grown = out.shape[1] - x.shape[1]
                shortcut = functional.pad(shortcut, (0, 0, grown // 2, grown - grown // 2))
                x = out * gate[..., None] + shortcut
        logits: Tensor = self.net.dense(x.mean(-1))
        return logits


def swish(x: Tensor) -> Tensor:
    """Return x * sigmoid(x)."""
    return x * torch.sigmoid(x)


def conv(x: Tensor, layer: nn.Conv1d) -> Tensor:
    """Convolve with SAME padding by padding first."""
    (kernel,), (stride,), samples = layer.kernel_size, layer.stride, x.shape[-1]
    total = max(0, (-(-samples // stride) - 1) * stride + kernel - samples)
    return layer(functional.pad(x, (total // 2, total - total // 2)))


def plain_step(
    model: PlainNet, log_variance: Tensor, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor
) -> None:
    """Exact PCGrad with gradients as lists, one per task, and everything parameter by parameter."""
    optimizer.zero_grad()
    losses = vessel_losses(model(x), y)
    terms = torch.exp(-log_variance) * losses + log_variance
    shared = [p for n, p in model.net.named_parameters() if p.requires_grad and not n.startswith("dense")]
    own = [*model.net.dense.parameters(), log_variance]
    for parameter, gradient in zip(
        own, torch.autograd.grad(terms.sum(), own, retain_graph=True), strict=True
    ):
        parameter.grad = gradient
    gradients = [list(torch.autograd.grad(term, shared, retain_graph=True)) for term in terms]
    projected = []
    for i, mine in enumerate(gradients):
        mine = [g.clone() for g in mine]
        others = [j for j in range(len(gradients)) if j != i]
        random.shuffle(others)
        for j in others:
            other = gradients[j]
            dot = sum((a * b).sum() for a, b in zip(mine, other, strict=True))
            if dot < 0:  # type: ignore[operator]
                factor = dot / sum((b * b).sum() for b in other)
                mine = [a - factor * b for a, b in zip(mine, other, strict=True)]
        projected.append(mine)
    for parameter, parts in zip(shared, zip(*projected, strict=True), strict=True):
        parameter.grad = torch.stack(parts).sum(0)
    optimizer.step()


def make_step(variant: str, config: Net1DConfig, x: Tensor, y: Tensor) -> Callable[[], None]:
    """Return a function that takes one step of a variant on the batch."""
    torch.manual_seed(0)
    model = Net1D(config).train()
    log_variance = torch.zeros(4, requires_grad=True)
    settings = TrainingSettings(init="scratch", pcgrad="exact" if variant == "plain" else variant)
    optimizer = build_optimizer(model, log_variance, settings)
    if variant == "plain":
        plain = PlainNet(model)
        return lambda: plain_step(plain, log_variance, optimizer, x, y)
    step, generator = TrainingStep(model, log_variance, optimizer, settings), torch.Generator()
    return lambda: step(x, y, generator=generator) and None


def draw_batch(n: int, config: Net1DConfig) -> tuple[Tensor, Tensor]:
    """Return random ECGs and labels at the paper's prevalences."""
    generator = torch.Generator().manual_seed(1)
    samples = 1000 if config == NANO_CONFIG else 5000
    x = torch.randn(n, 12, samples, generator=generator)
    y = (torch.rand(n, 4, generator=generator) < torch.tensor([0.17, 0.05, 0.30, 0.17])).float()
    y[0], y[1] = 1.0, 0.0
    return x, y


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of one call: on one thread the time on a quiet machine, and steadier on a busy one."""
    start = time.process_time()
    work()
    return time.process_time() - start


def matmul_peak() -> float:
    """Return the best of ten float32 products of 1024 x 1024 matrices, FLOP per second."""
    a = torch.randn(1024, 1024)
    return 2 * 1024**3 / min(seconds(lambda: torch.mm(a, a)) for _ in range(10))


def flops(config: Net1DConfig) -> tuple[float, float]:
    """Return the FLOPs of one ECG's forward pass and of one backward pass to all parameters, two per multiply-add.

    A backward pass is twice the forward one, less the input's gradient, which nobody asks for. (PyTorch's counter
    takes the backward pass of a grouped convolution for that of a dense one.)
    """
    x, _ = draw_batch(2, config)
    net = Net1D(config)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        PlainNet(net)(x[:1])
    with torch.no_grad(), FlopCounterMode(display=False) as first:
        conv(x[:1], net.first_conv.conv)
    forward = counter.get_total_flops()
    return forward, 2 * forward - first.get_total_flops()


def spread(values: list[float], unit: str = "", digits: int = 2) -> str:
    """Return median and range as text."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f}{unit} ({low:.{digits}f} to {high:.{digits}f})"


def agreement(config: Net1DConfig) -> None:
    """Print how far the plain network's and step's results lie from ours."""
    x, _ = draw_batch(4, config)
    torch.manual_seed(0)
    net = Net1D(config)
    with torch.no_grad():
        far = (net(x) - PlainNet(net)(x)).abs().max().item()
    print(f"same weights, same ECGs: logits differ by at most {far:.1e}")
    assert far < 1e-4


def steps(config: Net1DConfig, n: int, rounds: int) -> dict[str, list[float]]:
    """Time the variants in turn and print each; returns ours over plain by variant, one value per round."""
    x, y = draw_batch(n, config)
    work = {v: make_step(v, config, x, y) for v in VARIANTS}
    for take in work.values():
        take()
    times: dict[str, list[float]] = {v: [] for v in VARIANTS}
    peaks = []
    for _ in range(rounds):
        peaks.append(matmul_peak())
        for variant, take in work.items():
            times[variant].append(seconds(take))
    forward, backward = flops(config)
    print(f"matrix-multiply peak: {spread([p / 1e9 for p in peaks], ' GFLOP/s', 0)}; "
          f"per ECG forward {forward / 1e9:.3f} GFLOP, backward {backward / 1e9:.3f} GFLOP")  # fmt: skip
    passes = {"plain": 4, "exact": 4, "features": 1, "none": 1}
    for variant, values in times.items():
        share = [
            n * (forward + passes[variant] * backward) / t / p for t, p in zip(values, peaks, strict=True)
        ]
        print(f"step {variant}: {spread([1e3 * t / n for t in values], ' ms', 1)} per ECG, "
              f"{100 * statistics.median(share):.0f} % of the peak", flush=True)  # fmt: skip
    return {
        v: [t / p for t, p in zip(times[v], times["plain"], strict=True)] for v in VARIANTS if v != "plain"
    }


@torch.no_grad()
def scoring(config: Net1DConfig, n: int, rounds: int) -> list[float]:
    """Time scoring of both networks in turn; returns plain over ours, one value per round."""
    x, _ = draw_batch(n, config)
    net = Net1D(config).eval()
    plain = PlainNet(net)
    net(x), plain(x)
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(seconds(lambda: plain(x)))
        ours.append(seconds(lambda: net(x)))
    print(f"scoring: plain {spread([1e3 * t / n for t in theirs], ' ms', 1)}, "
          f"ours {spread([1e3 * t / n for t in ours], ' ms', 1)} per ECG")  # fmt: skip
    return [a / b for a, b in zip(theirs, ours, strict=True)]


def alone(variant: str, n: int, allocator: dict[str, str]) -> tuple[float, float]:
    """Return ms per ECG (median of two steps after one) and peak memory in MiB of a variant in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if k not in ALLOCATOR and k != "LD_PRELOAD"}
    out = subprocess.run(
        [sys.executable, __file__, "--alone", variant, "--batch", str(n)],
        env=environment | allocator, check=True, capture_output=True, text=True,
    )  # fmt: skip
    ms, mib = out.stdout.split()
    return float(ms), float(mib)


def memory_and_allocators(n: int, rounds: int) -> None:
    """Print time and peak memory of each variant in fresh processes, under each allocator there is, in turn.

    On twice the batch: glibc hands back blocks above 32 MiB only, which a small batch does not reach.
    """
    allocators: dict[str, dict[str, str]] = {"glibc's default": {}, "freed memory kept": ALLOCATOR}
    for name in ("jemalloc", "tcmalloc_minimal"):
        found = sorted(Path("/usr/lib").glob(f"*/lib{name}.so*"))
        if found:
            allocators[name] = {"LD_PRELOAD": str(found[0])}
    results: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for variant in VARIANTS[:3]:
            for name, setting in allocators.items():
                results.setdefault((variant, name), []).append(alone(variant, n, setting))
    for (variant, name), values in results.items():
        print(f"alone, {variant}, {name}: {spread([v[0] for v in values], ' ms', 1)} per ECG, "
              f"peak {spread([v[1] for v in values], ' MiB', 0)}", flush=True)  # fmt: skip


def data(rounds: int) -> None:
    """Print what the loader delivers (read, augment) against what the small network's step consumes."""
    x, y = draw_batch(128, NANO_CONFIG)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        np.save(path, np.repeat(x.numpy(), 8, axis=0))
        stored, generator = np.load(path, mmap_mode="r"), torch.Generator()
        rng = np.random.default_rng(0)

        def load() -> None:
            rows = np.sort(rng.choice(len(stored), 64, replace=False))
            part = torch.from_numpy(stored[rows])
            torch.cat([part, augment(part, 0.9, generator=generator)])

        take = make_step("exact", NANO_CONFIG, x, y)
        load(), take()
        loads, takes = [], []
        for _ in range(rounds):
            loads.append(min(seconds(load) for _ in range(5)) / 128)
            takes.append(min(seconds(take) for _ in range(2)) / 128)
    print(
        f"loader {spread([1e3 * t for t in loads], ' ms', 3)}, small network's step "
        f"{spread([1e3 * t for t in takes], ' ms', 2)} per ECG: the loader delivers "
        f"{statistics.median(b / a for a, b in zip(loads, takes, strict=True)):.0f} times what the step consumes"
    )
    raw = np.random.default_rng(0).normal(0, 0.1, (16, 12, 5000)).astype(np.float32)
    for name, contract in CONTRACTS.items():
        contract.prepare(raw)
        print(
            f"preparing, {name}: {1e3 * seconds(lambda c=contract: c.prepare(raw)) / 16:.1f} ms per ECG, once"
        )  # type: ignore[misc]


def main() -> None:
    """Run all of it, or one variant for the parent process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch", type=int, default=16, help="ECGs in a batch, copies counted")
    parser.add_argument("--only", choices=("data", "memory", "ratios"), help="one part of it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", choices=VARIANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    random.seed(0)
    config, n = Net1DConfig(), options.batch
    if options.alone:
        take = make_step(options.alone, config, *draw_batch(n, config))
        take()
        ms = 1e3 * statistics.median(seconds(take) for _ in range(2)) / n
        print(ms, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    agreement(config)
    if options.only in (None, "data"):
        data(options.rounds)
    if options.only in (None, "memory"):
        memory_and_allocators(2 * n, min(options.rounds, 2))
    if options.only in (None, "ratios"):
        ratios = steps(config, n, options.rounds)
        ratios["scoring"] = scoring(config, n, options.rounds)
        for name, values in ratios.items():
            print(f"{name} {spread(values)}", flush=True)


if __name__ == "__main__":
    main()
