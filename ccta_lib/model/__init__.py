"""Net1D, its pretrained weights and what their input must look like. Only `Net1D` and the loaders need torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccta_lib.extras import load_name
from ccta_lib.model.contract import CONTRACTS, InputContract

if TYPE_CHECKING:
    from ccta_lib.model.checkpoint import (
        LoadReport,
        load_network,
        load_pretrained,
        read_weights,
        save_weights,
    )
    from ccta_lib.model.net1d import Net1D, Net1DConfig

NANO = Path(__file__).parent / "weights" / "nano.safetensors"
"""The shipped weights; their card `nano.md` lies beside them."""

_HOME = {
    "Net1D": "net1d",
    "Net1DConfig": "net1d",
    "LoadReport": "checkpoint",
    "load_network": "checkpoint",
    "load_pretrained": "checkpoint",
    "read_weights": "checkpoint",
    "save_weights": "checkpoint",
}
__all__ = [
    "CONTRACTS",
    "NANO",
    "InputContract",
    "LoadReport",
    "Net1D",
    "Net1DConfig",
    "load_network",
    "load_pretrained",
    "read_weights",
    "save_weights",
]


def __getattr__(name: str) -> Any:
    return load_name(__name__, _HOME, name)
