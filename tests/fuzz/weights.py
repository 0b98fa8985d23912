"""Targets: files of weights, as safetensors and as a PyTorch pickle; never more than tensors comes out of them."""

from __future__ import annotations

import io
import random
from pathlib import Path

from ccta_lib.errors import InputError
from tests.fuzz.damage import BYTES, Damaged, damaged
from tests.fuzz.target import Target, Wrong


class Weights(Target):
    """A small network of ours as a file."""

    needs = ("torch", "safetensors")

    def __init__(self, form: str) -> None:
        self.form = form
        self.name = f"weights-{form}"

    def samples(self, folder: Path) -> list[bytes]:
        """One file."""
        import torch

        from ccta_lib.model import Net1D, Net1DConfig, save_weights
        from ccta_lib.model.contract import NANO_CONTRACT

        torch.set_num_threads(1)
        torch.manual_seed(0)
        model = Net1D(Net1DConfig(base_filters=16, filter_list=(16,), m_blocks_list=(1,), n_classes=2))
        if self.form == "pickle":
            out = io.BytesIO()
            torch.save({"state_dict": model.state_dict()}, out)
            return [out.getvalue()]
        save_weights(model, folder / "w.safetensors", contract=NANO_CONTRACT, tasks=("a", "b"))
        return [(folder / "w.safetensors").read_bytes()]

    def damage(self, rng: random.Random, data: bytes) -> Damaged:
        """Half the damage goes to the header, which is short."""
        if rng.random() < 0.5:
            front = damaged(rng, data[:2500], BYTES)
            return Damaged(front.data + data[2500:], "other")
        return damaged(rng, data, BYTES)

    def check(self, folder: Path, data: bytes, kind: str) -> str:
        """Load strictly, or refuse in clear lines."""
        import torch

        from ccta_lib.model import Net1D, Net1DConfig, load_network, load_pretrained

        path = folder / ("w.safetensors" if self.form == "safetensors" else "w.pth")
        path.write_bytes(data)
        try:
            if self.form == "safetensors":
                model, _ = load_network(path)
            else:
                model = Net1D(
                    Net1DConfig(base_filters=16, filter_list=(16,), m_blocks_list=(1,), n_classes=2)
                )
                load_pretrained(model, path, head="keep")
        except InputError as error:
            return self.refused(error)
        if not all(torch.isfinite(p).all() for p in model.parameters()):
            raise Wrong("weights that are not finite")
        return "read"


WEIGHTS: list[Target] = [Weights("safetensors"), Weights("pickle")]
