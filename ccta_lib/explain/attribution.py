"""Attributions of a logit to the samples of an ECG, by captum: integrated gradients, occlusion, Grad-CAM.

Only this module needs torch and captum (extra `study`), and both only when a function is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ccta_lib.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from ccta_lib.model.net1d import Net1D

STEPS = 32
BATCH = 64


class Gradients(NamedTuple):
    """Integrated gradients and how far they are from complete.

    Attributes
    ----------
    attributions : (n, leads, samples) float32
    change : (n,) logit of the ECG minus logit of the baseline
    gap : (n,) sum of the attributions minus `change`; 0 for the exact integral
    """

    attributions: np.ndarray
    change: np.ndarray
    gap: np.ndarray


def _captum() -> Any:
    try:
        import captum.attr
    except ModuleNotFoundError as error:
        if error.name not in ("captum", "torch"):
            raise
        raise MissingExtraError(
            f"attributions need {error.name}; install the extra: pip install 'ccta-lib[study]'"
        ) from error
    return captum.attr


def integrated_gradients(
    model: Any,
    x: np.ndarray,
    baseline: np.ndarray,
    target: np.ndarray,
    *,
    steps: int = STEPS,
    batch: int = BATCH,
) -> Gradients:
    """Attribute a logit by integrated gradients (Sundararajan et al. 2017).

    Parameters
    ----------
    model : maps a tensor (n, leads, samples) to logits (n, tasks), in evaluation mode
    x, baseline : (n, leads, samples) float32
    target : (n,) int, the logit of each ECG
    steps : points of the Gauss-Legendre rule along the line from baseline to ECG
    batch : ECGs at a time

    Raises
    ------
    MissingExtraError
        If captum is not installed.
    InputError
        If lengths or shapes differ.
    """
    method = _captum().IntegratedGradients(model, multiply_by_inputs=True)
    _same_shape(x, baseline, target)
    out, change = np.empty(x.shape, np.float32), np.empty(len(x))
    for rows in _batches(len(x), batch):
        a, b, t = _tensors(x[rows], baseline[rows], target[rows])
        found = method.attribute(a, baselines=b, target=t, n_steps=steps, internal_batch_size=4 * batch)
        out[rows] = found.detach().numpy()
        change[rows] = _logit(model, a, t) - _logit(model, b, t)
    return Gradients(out, change, out.sum(axis=(1, 2), dtype=float) - change)


def occlusion(
    model: Any, x: np.ndarray, baseline: np.ndarray, bins: np.ndarray, target: np.ndarray, *, n_bins: int,
    batch: int = BATCH,
) -> np.ndarray:  # fmt: skip
    """Attribute a logit to each lead's waves by replacing one wave, in all beats of one lead, by the baseline.

    Parameters
    ----------
    model, x, baseline, target, batch : as `integrated_gradients`
    bins : (n, samples) int in 0 .. n_bins - 1, wave of each sample
    n_bins : number of waves

    Returns
    -------
    (n, leads, n_bins)
        Logit of the ECG minus logit without the wave; 0 for a wave that the ECG does not hold.

    Raises
    ------
    MissingExtraError
        If captum is not installed.
    InputError
        If lengths or shapes differ.
    """
    import torch

    method = _captum().FeatureAblation(model)
    _same_shape(x, baseline, target)
    if bins.shape != (len(x), x.shape[2]):
        raise InputError(
            f"bins: found shape {bins.shape}; give one wave per ECG and sample, {(len(x), x.shape[2])}"
        )
    n, leads = x.shape[:2]
    features = np.arange(leads)[None, :, None] * n_bins + bins[:, None, :].astype(np.int64)
    out = np.zeros((n, leads * n_bins))
    for rows in _batches(n, batch):
        a, b, t = _tensors(x[rows], baseline[rows], target[rows])
        with torch.no_grad():
            found = method.attribute(a, baselines=b, target=t, feature_mask=torch.from_numpy(features[rows]))
        # Each sample carries the value of its feature.
        flat = np.arange(len(a))[:, None] * out.shape[1] + features[rows].reshape(len(a), -1)
        part = np.zeros(len(a) * out.shape[1])
        part[flat.ravel()] = found.numpy().reshape(-1)
        out[rows] = part.reshape(len(a), -1)
    return out.reshape(n, leads, n_bins)


def grad_cam(
    model: Net1D, x: np.ndarray, target: np.ndarray, *, stage: int, batch: int = BATCH
) -> np.ndarray:
    """Say when, not in which lead, a stage of the network speaks for a logit (Selvaraju et al. 2017).

    Parameters
    ----------
    model : Net1D
    x : (n, leads, samples) float32
    target : (n,) int
    stage : 1 = the first; the last sees best what, and worst when

    Returns
    -------
    (n, samples) float32, at least 0
        Interpolated from the stage's own steps. The first convolution mixes the leads, so there is no lead dimension.

    Raises
    ------
    MissingExtraError
        If captum is not installed.
    InputError
        If the network has no such stage.
    """
    attr = _captum()
    if not 1 <= stage <= len(model.stage_list):
        raise InputError(f"stage: found {stage}; the network has stages 1 to {len(model.stage_list)}")
    viewed = _channels_first(model, stage)
    method = attr.LayerGradCam(viewed, viewed.seen)
    out = np.empty((len(x), x.shape[2]), np.float32)
    for rows in _batches(len(x), batch):
        a, t = _tensors(x[rows], target[rows])
        found = method.attribute(a.requires_grad_(), target=t, relu_attributions=True)
        out[rows] = attr.LayerAttribution.interpolate(found, x.shape[2], "linear")[:, 0].detach().numpy()
    return out


def steps_of_stage(model: Net1D, stage: int, samples: int) -> int:
    """Return how many steps in time a stage has for an input of so many samples."""
    steps = -(-samples // 2)
    for _ in range(stage):
        steps = -(-steps // model.config.stride)
    return steps


def _channels_first(model: Net1D, stage: int) -> Any:
    """Show one stage's output as (n, channels, time): Net1D keeps channels last, where captum takes them for time."""
    from torch import nn

    class Viewed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.seen = model, nn.Identity()

        def forward(self, x: Any) -> Any:
            def look(_module: Any, _inputs: Any, out: Any) -> Any:
                return self.seen(out.transpose(1, 2)).transpose(1, 2)

            handle = self.net.stage_list[stage - 1].register_forward_hook(look)
            try:
                return self.net(x)
            finally:
                handle.remove()

    return Viewed().eval()


def _same_shape(x: np.ndarray, baseline: np.ndarray, target: np.ndarray) -> None:
    if x.ndim != 3 or x.shape != baseline.shape or len(target) != len(x):
        raise InputError(
            f"attribution: found ECGs {x.shape}, baselines {baseline.shape}, {len(target)} targets; give as many, "
            "(n, leads, samples) each"
        )


def _tensors(*arrays: np.ndarray) -> list[Any]:
    import torch

    return [
        torch.from_numpy(
            np.ascontiguousarray(a, np.int64 if np.issubdtype(a.dtype, np.integer) else np.float32)
        )
        for a in arrays
    ]


def _logit(model: Any, x: Any, target: Any) -> np.ndarray:
    import torch

    with torch.no_grad():
        return model(x).gather(1, target[:, None])[:, 0].double().numpy()


def _batches(n: int, size: int) -> list[slice]:
    return [slice(i, min(i + size, n)) for i in range(0, n, size)]
