"""Weights in and out: strict loading, shape by shape, with the configuration and input contract beside them."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ccta_lib.errors import ParameterError, WeightsError
from ccta_lib.files import atomic_path, sha256_file
from ccta_lib.model.contract import ECGFOUNDER_CONTRACT, InputContract
from ccta_lib.model.net1d import HEAD, Net1D, Net1DConfig

# One metadata key only: the safetensors header keeps several in no fixed order, and equal weights must be equal bytes.
METADATA_KEY = "ccta_lib"
STATE_KEYS = ("state_dict", "model_state_dict", "model")
PARALLEL_PREFIX = "module."
_HEAD_KEYS = (f"{HEAD}.weight", f"{HEAD}.bias")
_MAX_FAULTS = 20
# torch meets a broken pickle with whatever its parsing stumbles over.
_STUMBLES = (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError,
             AssertionError, OSError, OverflowError, MemoryError, struct.error, zlib.error)  # fmt: skip


@dataclass(frozen=True)
class LoadReport:
    """What `load_pretrained` did.

    Attributes
    ----------
    path, sha256 : the file
    loaded : state-dict keys taken from the file
    replaced : keys kept at the network's own initial values (the head, when it is replaced)
    contract : what the network's input must look like; None when the file does not say
    tasks : names of the file's own outputs, empty when the file does not say
    note : where the contract comes from
    """

    path: str
    sha256: str
    loaded: tuple[str, ...]
    replaced: tuple[str, ...]
    contract: InputContract | None
    tasks: tuple[str, ...]
    note: str


def read_weights(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a state dict and its metadata from safetensors or from a pickle that holds tensors only.

    Parameters
    ----------
    path : `.safetensors`, or a PyTorch pickle: a state dict, alone or under one of `STATE_KEYS`; the prefix
        "module." of weights saved from several GPUs is taken off

    Returns
    -------
    state : tensors by key
    metadata : what `save_weights` wrote beside them, empty otherwise

    Raises
    ------
    WeightsError
        If the file is absent, is damaged or holds more than tensors.
    """
    file = Path(path)
    if not file.is_file():
        raise WeightsError(f"{file}: no such weights file; give a .safetensors file or a PyTorch checkpoint")
    if file.suffix == ".safetensors":
        try:
            with safe_open(str(file), framework="pt") as stream:
                metadata = (stream.metadata() or {}).get(METADATA_KEY, "{}")
                state = {k: stream.get_tensor(k) for k in stream.keys()}  # noqa: SIM118
                return _without_prefix(state), _facts(json.loads(metadata))
        except (
            SafetensorError,
            ValueError,
            TypeError,
            KeyError,
            OSError,
            RuntimeError,
            MemoryError,
        ) as error:
            raise WeightsError(
                f"{file}: not a readable safetensors file ({error}); fetch it again"
            ) from error
    content = read_pickle(file)
    for key in STATE_KEYS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict) or not content:
        raise WeightsError(f"{file}: holds {type(content).__name__}; expected a state dict")
    foreign = [str(k) for k, v in content.items() if not isinstance(v, Tensor)]
    if foreign:
        raise WeightsError(f"{file}: entry {foreign[0]} is no tensor; expected a state dict of tensors")
    return _without_prefix(content), {}


def read_pickle(path: Path) -> Any:
    """Read a PyTorch file of tensors and plain values; anything else in it is refused and not run.

    Raises
    ------
    WeightsError
        If it is damaged or holds more.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except _STUMBLES as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(
            f"{path}: cannot be loaded as tensors only ({reason}); save the state dict alone, or as safetensors"
        ) from error


def _without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take "module." off keys that all have it: `torch.nn.DataParallel` and DDP put it there."""
    if not all(k.startswith(PARALLEL_PREFIX) for k in state):
        return state
    return {k.removeprefix(PARALLEL_PREFIX): v for k, v in state.items()}


def save_weights(
    model: Net1D,
    path: str | os.PathLike[str],
    *,
    contract: InputContract,
    tasks: tuple[str, ...],
    **facts: Any,
) -> None:
    """Write a network as safetensors with configuration, input contract and task names; equal weights, equal bytes.

    Parameters
    ----------
    model : the network; its outputs are `tasks`
    path : file to write, moved into place when complete
    contract : what its input must look like
    tasks : names of the outputs
    **facts : further JSON values to keep beside them, such as data_kind

    Raises
    ------
    WeightsError
        If contract or tasks do not fit the network.
    """
    if len(tasks) != model.config.n_classes:
        raise WeightsError(
            f"{path}: {len(tasks)} task names for {model.config.n_classes} outputs; give one each"
        )
    _check_contract(model.config, contract, str(path))
    metadata = {
        **facts,
        "config": model.config.as_dict(),
        "contract": contract.as_dict(),
        "tasks": list(tasks),
    }
    state = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(state, str(temporary), metadata={METADATA_KEY: json.dumps(metadata, sort_keys=True)})
        temporary.chmod(0o644)  # the library writes files only their owner can read


def load_pretrained(
    model: Net1D,
    path: str | os.PathLike[str],
    *,
    head: str = "replace",
    contract: InputContract | None = None,
) -> LoadReport:
    """Load weights into `model`, strictly: every key, every shape.

    Parameters
    ----------
    model : network of the same trunk; changed only when everything fits
    path : safetensors, or the published `{"state_dict": ...}` pickle (loaded with weights_only=True)
    head : "replace" leaves the model's own head as it is, "keep" takes the file's
    contract : input contract for a file that states none; where the file states one the two must agree

    Returns
    -------
    LoadReport

    Raises
    ------
    WeightsError
        If a key is missing, unknown, of another shape or type, not finite, or the contract does not fit.
    """
    if head not in ("replace", "keep"):
        raise WeightsError(f"head is {head!r}; expected 'replace' or 'keep'")
    state, metadata = read_weights(path)
    own = model.state_dict()
    replaced = _HEAD_KEYS if head == "replace" else ()
    given = {k: v for k, v in state.items() if k not in replaced}
    wanted = {k: v for k, v in own.items() if k not in replaced}
    faults = [f"{path}: {k} is missing; the network has it" for k in wanted if k not in given]
    faults += [f"{path}: {k} is unknown; the network has no such parameter" for k in given if k not in wanted]
    for key in wanted.keys() & given.keys():
        found, expected = given[key], wanted[key]
        if found.shape != expected.shape:
            faults.append(
                f"{path}: {key} has shape {tuple(found.shape)}; the network expects {tuple(expected.shape)}"
            )
        elif found.is_floating_point() != expected.is_floating_point():
            faults.append(f"{path}: {key} has type {found.dtype}; the network expects {expected.dtype}")
        elif not torch.isfinite(found).all():
            faults.append(f"{path}: {key} holds NaN or infinity; the file is damaged")
    if faults:
        faults.sort()
        rest = len(faults) - _MAX_FAULTS
        raise WeightsError(
            *faults[:_MAX_FAULTS], *([f"{path}: and {rest} more of the same kind"] if rest > 0 else [])
        )
    stated, note = _stated_contract(state, metadata, contract, str(path))
    if stated is not None:
        _check_contract(model.config, stated, str(path))
    model.load_state_dict({**{k: own[k] for k in replaced}, **given})
    return LoadReport(
        path=str(path),
        sha256=sha256_file(path),
        loaded=tuple(sorted(given)),
        replaced=tuple(replaced),
        contract=stated,
        tasks=tuple(metadata.get("tasks", ())),
        note=note,
    )


def load_network(path: str | os.PathLike[str]) -> tuple[Net1D, LoadReport]:
    """Build the network a file of `save_weights` describes, with its head, and load it (see `load_pretrained`)."""
    state, metadata = read_weights(path)
    if "config" not in metadata:
        raise WeightsError(f"{path}: states no configuration; build the Net1D and use load_pretrained")
    model = Net1D(described(state, metadata, path))
    return model, load_pretrained(model, path, head="keep")


def described(
    state: dict[str, Tensor], metadata: dict[str, Any], path: str | os.PathLike[str]
) -> Net1DConfig:
    """Return the configuration that a file states.

    Raises
    ------
    WeightsError
        If it is none, one of another version, or describes another network than the file holds: built without a
        look, it could be one that no memory holds.
    """
    try:
        config = Net1DConfig(**metadata["config"])
        with torch.device("meta"):
            expected = {k: tuple(v.shape) for k, v in Net1D(config).state_dict().items()}
    except (TypeError, ValueError, RuntimeError, ParameterError) as error:
        raise WeightsError(
            f"{path}: states no configuration of this network ({error}); write the weights again with this version"
        ) from error
    differ = sorted(k for k in expected.keys() | state.keys()
                    if k not in expected or k not in state or expected[k] != tuple(state[k].shape))  # fmt: skip
    if differ:
        rest = f" and {len(differ) - 3} more" if len(differ) > 3 else ""
        raise WeightsError(f"{path}: {', '.join(differ[:3])}{rest}: not as the configuration in the file says; "
                           "write the weights again")  # fmt: skip
    return config


def _facts(metadata: Any) -> dict[str, Any]:
    tasks = metadata.get("tasks", []) if isinstance(metadata, dict) else None
    if not isinstance(tasks, list) or not all(isinstance(task, str) for task in tasks):
        raise ValueError("its description is not ours")
    return metadata


def published_form(state: dict[str, Tensor]) -> bool:
    """Tell whether the trunk has exactly the keys and shapes of the published 12-lead ECGFounder."""
    with torch.device("meta"):
        expected = Net1D(Net1DConfig()).state_dict()
    shapes = {k: tuple(v.shape) for k, v in state.items() if k not in _HEAD_KEYS}
    return shapes == {k: tuple(v.shape) for k, v in expected.items() if k not in _HEAD_KEYS}


def _stated_contract(
    state: dict[str, Tensor], metadata: dict[str, Any], given: InputContract | None, path: str
) -> tuple[InputContract | None, str]:
    if "contract" in metadata:
        stated = InputContract.from_dict(metadata["contract"])
        if given is not None and given != stated:
            raise WeightsError(
                *(
                    f"{path}: input contract differs in {d} asked for; use the weights' own"
                    for d in stated.differences(given)
                )
            )
        return stated, "contract stated in the file"
    if given is not None:
        return given, "contract given by the caller; the file states none"
    if published_form(state):
        return ECGFOUNDER_CONTRACT, "the file states no contract; its shape is the published ECGFounder's"
    return None, "the file states no contract"


def _check_contract(config: Net1DConfig, contract: InputContract, path: str) -> None:
    faults = []
    if contract.batchnorm_applied != config.use_bn:
        faults.append(
            f"{path}: the weights were trained with BatchNorm "
            f"{'applied' if contract.batchnorm_applied else 'not applied'}, the network has use_bn="
            f"{config.use_bn}; set use_bn={contract.batchnorm_applied}"
        )
    if len(contract.leads) != config.in_channels:
        faults.append(
            f"{path}: the input has {len(contract.leads)} leads, the network {config.in_channels} channels"
        )
    if faults:
        raise WeightsError(*faults)
