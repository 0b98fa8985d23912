"""The model card that ships beside the nano weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ccta_lib.banner import BANNERS
from ccta_lib.model.contract import InputContract
from ccta_lib.model.net1d import Net1DConfig


@dataclass(frozen=True)
class StageResult:
    """One stage of pretraining: its name, ECGs, epochs, and the held-out AUC of each task."""

    stage: str
    n: int
    epochs: int
    aucs: dict[str, float]


def model_card(
    results: Sequence[StageResult],
    *,
    contract: InputContract,
    config: Net1DConfig,
    parameters: int,
    seed: int,
    sha256: str,
) -> str:
    """Return the card as Markdown: what the weights are, how they were made and measured, what they are not for."""
    first = results[0]
    lines = [
        "# Nano Net1D, pretrained on simulated ECGs",
        "",
        "> **{}** {}".format(*BANNERS["simulated"]),
        "",
        "**Its output on a person is meaningless.** The network has seen simulated ECGs only, of simulated diseases.",
        "",
        "## What it is",
        "",
        f"A Net1D (the architecture of ECGFounder) with {parameters:,} trained parameters: "
        f"{config.base_filters} base filters, stages of {', '.join(map(str, config.filter_list))} filters, "
        f"kernel {config.kernel_size}, BatchNorm {'applied' if contract.batchnorm_applied else 'not applied'}. "
        "A start for fine-tuning in this book, in place of the 30.7-million-parameter checkpoint that a laptop "
        "cannot fine-tune.",
        "",
        f"Input: 12 leads ({' '.join(contract.leads)}), 10 s at {contract.sampling_hz} Hz after an anti-alias filter "
        f"({contract.samples} samples); filter {contract.filter}; z-score {contract.normalisation.replace('_', ' ')}. "
        "Configuration and input contract are stored in the file.",
        "",
        "## How it was made",
        "",
        f"`ccta pretrain` with seed {seed}, n {first.n:,} and {first.epochs} epochs makes it again. ECGs come from "
        "`ccta_lib.simulate.simulate_pretraining`, whose hearts, chests, noise and territory vectors differ from those "
        f"of the book's cohort. {'As in the paper, two stages' if len(results) > 1 else 'One stage of the two'}:",
        "",
        *(
            f"{i}. {r.stage}: {r.n:,} simulated ECGs, {r.epochs} epochs, {len(r.aucs)} tasks."
            for i, r in enumerate(results, 1)
        ),
        "",
        "Because the same program drew both sets, pretrained against scratch in this book says nothing about "
        "ECGFounder.",
        "",
        "## Held-out AUC (simulated ECGs of the same distribution, 5 % of each stage)",
        "",
        "| stage | task | AUC |",
        "|---|---|---|",
        *(f"| {r.stage} | {task} | {auc:.3f} |" for r in results for task, auc in r.aucs.items()),
        "",
        "## Limits and licence",
        "",
        "No real ECG, no patient data. Not validated on anything real; not for clinical use. "
        f"Licence CC BY 4.0. SHA-256 of `nano.safetensors`: `{sha256}`.",
        "",
    ]
    return "\n".join(lines)
