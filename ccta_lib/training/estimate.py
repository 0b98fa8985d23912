"""What scoring and training of many ECGs would take: arithmetic from assumptions, not a measurement.

Work is counted from the network itself; time = work / (devices x peak x utilisation); price = device hours x price.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from ccta_lib.errors import ParameterError
from ccta_lib.model.net1d import Net1D, Net1DConfig
from ccta_lib.schema import VESSELS

COPIES = 2  # each ECG and its augmented copy
STORED_BYTES = 2 * 12 * 5000  # int16, 12 leads, 10 s at 500 Hz
METHOD = "estimate from assumed peak and utilisation, not measured"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What is assumed of the machine.

    Parameters
    ----------
    devices : GPUs that work at the same time
    peak_tflops : floating-point operations per second of one, in 10^12, as its maker states them for the precision
    utilisation : share of the peak that is reached; grouped convolutions of 16 channels reach little of it
    price_per_hour : of one device

    Raises
    ------
    ParameterError
        If a number is out of range.
    """

    devices: int = 1
    peak_tflops: float = 156.0
    utilisation: float = 0.1
    price_per_hour: float = 2.0

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {value:g}; expected above 0"
            for name, value in (("devices", self.devices), ("peak_tflops", self.peak_tflops))
            if value <= 0
        ]
        if not 0 < self.utilisation <= 1:
            faults.append(f"utilisation is {self.utilisation:g}; expected above 0, at most 1")
        if self.price_per_hour < 0:
            faults.append(f"price_per_hour is {self.price_per_hour:g}; expected at least 0")
        if faults:
            raise ParameterError(*faults)


def count_flops(config: Net1DConfig, samples: int) -> tuple[float, float]:
    """Return the operations of one ECG's forward and of one backward pass, two per multiply-add, by counting them.

    Parameters
    ----------
    config : the network
    samples : per lead
    """
    with torch.random.fork_rng(devices=[]):
        model = Net1D(config)
    x = torch.zeros(1, config.in_channels, samples)
    with FlopCounterMode(display=False) as forward:
        features = model.features(x)
    with FlopCounterMode(display=False) as backward:
        torch.autograd.grad(features.sum(), model.trunk_parameters())
    return float(forward.get_total_flops()), float(backward.get_total_flops())


def estimate(
    ecgs: int,
    *,
    config: Net1DConfig,
    samples: int,
    machine: Machine,
    folds: int = 5,
    epochs: int = 100,
    inner_fraction: float = 0.15,
) -> pd.DataFrame:
    """Estimate time and price of scoring, and of training, that many ECGs.

    Parameters
    ----------
    ecgs : their number
    config, samples : network and samples per lead
    machine : what is assumed of it
    folds, epochs, inner_fraction : of training

    Returns
    -------
    DataFrame
        One row per task: task, ecgs, ecg_passes (forward), petaflop (10^15 operations), device_hours, hours, price,
        method. Scoring takes each of the folds' networks over every ECG. Training takes, per fold and epoch, the
        training ECGs and their copies forward and backward (exact PCGrad one backward pass per vessel, the
        feature-level variant and plain sums one), and the inner and outer ECGs forward.

    Raises
    ------
    ParameterError
        If `ecgs` is below 1.
    """
    if ecgs < 1:
        raise ParameterError(f"ecgs is {ecgs}; expected at least 1")
    forward, backward = count_flops(config, samples)
    outer = ecgs / folds
    inner = (ecgs - outer) * inner_fraction
    trained = COPIES * (ecgs - outer - inner)
    work = {"scoring with all folds": (float(folds * ecgs), folds * ecgs * forward)}
    for name, passes in (("training, exact PCGrad", len(VESSELS)), ("training, feature-level PCGrad", 1)):
        work[name] = (
            folds * epochs * (trained + inner + outer),
            folds * epochs * (trained * (forward + passes * backward) + (inner + outer) * forward),
        )
    speed = machine.peak_tflops * 1e12 * machine.utilisation
    rows = []
    for task, (passes_of_ecgs, operations) in work.items():
        device_hours = operations / speed / 3600
        rows.append(
            {
                "task": task,
                "ecgs": ecgs,
                "ecg_passes": passes_of_ecgs,
                "petaflop": operations / 1e15,
                "device_hours": device_hours,
                "hours": device_hours / machine.devices,
                "price": device_hours * machine.price_per_hour,
                "method": METHOD,
            }
        )
    return pd.DataFrame(rows)
