"""Maps of one network, or of none, for the same ECGs: all methods brought to cells and mean beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ccta_lib.evaluation.attribution_names import (
    ADJUSTED,
    BY_LEAD,
    BY_WAVE,
    CAM_EARLY,
    CAM_LATE,
    CELLS,
    GROUPS,
    HEAD,
    IG,
    IG_FLAT,
    OCCLUSION,
    WHOLE,
)
from ccta_lib.explain.adjusted import COVARIATES, design, group_difference
from ccta_lib.explain.attribution import grad_cam, integrated_gradients, occlusion
from ccta_lib.explain.beats import BEAT_MS, PatientBeats
from ccta_lib.explain.windows import BINS, MAP_MS, bins_of_beat, mean_beat, sum_by_wave
from ccta_lib.model.net1d import Net1D
from ccta_lib.schema import VESSELS, labels
from ccta_lib.study.attribution_pairs import Pairs

CAM_STAGES = {CAM_EARLY: 2, CAM_LATE: -1}


class Maps(NamedTuple):
    """One method's maps of n pairs.

    Attributes
    ----------
    cells : (n, leads, waves), one lead where the method has none of its own
    beats : (n, leads, times) mean beat at `MAP_MS`, or None where the method knows whole waves only
    gap : (n,) by how much the map misses the change of the logit it should add up to, as a share of the mean size of
        such changes; None where it promises no sum
    """

    cells: np.ndarray
    beats: np.ndarray | None
    gap: np.ndarray | None = None


def from_samples(values: np.ndarray, pairs: Pairs, *, gap: np.ndarray | None = None) -> Maps:
    """Bring maps by sample, (n, leads, samples), to cells and mean beats."""
    beats = np.stack([mean_beat(m, b, hz=pairs.hz) for m, b in zip(values, pairs.beats, strict=True)])
    # An ECG without any beat whose edge lies inside has no mean there; nothing is known, nothing is attributed.
    return Maps(np.stack([sum_by_wave(m, b) for m, b in zip(values, pairs.beats, strict=True)]),
                np.nan_to_num(beats).astype(np.float32), gap)  # fmt: skip


def network_maps(model: Net1D, pairs: Pairs, *, steps: int, methods: Sequence[str]) -> dict[str, Maps]:
    """Attribute each pair's logit by the named methods."""
    found: dict[str, Maps] = {}
    for name in methods:
        if name in (IG, IG_FLAT):
            baseline = pairs.baseline if name == IG else np.zeros_like(pairs.x)
            result = integrated_gradients(model, pairs.x, baseline, pairs.vessel, steps=steps)
            gap = np.abs(result.gap) / np.abs(result.change).mean()
            found[name] = from_samples(result.attributions, pairs, gap=gap)
        elif name == OCCLUSION:
            cells = occlusion(model, pairs.x, pairs.baseline, pairs.bins, pairs.vessel, n_bins=len(BINS))
            found[name] = Maps(cells, None)
        else:
            stage = CAM_STAGES[name] % (len(model.stage_list) + 1)
            found[name] = from_samples(grad_cam(model, pairs.x, pairs.vessel, stage=stage)[:, None], pairs)
    return found


def size_maps(pairs: Pairs) -> Maps:
    """Return how far the ECG lies from its isoelectric line: a map that knows neither network nor disease."""
    return from_samples(np.abs(pairs.x - pairs.baseline), pairs)


def group_maps(pairs: Pairs, patients: PatientBeats) -> dict[str, Maps]:
    """Return, for every pair of a vessel alike, the difference of mean beats between positive and negative patients.

    In the units of the pairs' maps; of other patients than those of the pairs: those the network was trained on.
    """
    beats, table = patients.beats["millivolt"], patients.table
    bins = np.equal.outer(bins_of_beat(BEAT_MS), np.arange(len(BINS))).astype(float)
    found = {}
    for name, covariates in ((GROUPS, ()), (ADJUSTED, COVARIATES)):
        x, by_vessel = design(table, covariates), []
        for v, vessel in enumerate(VESSELS):
            difference = group_difference(beats, labels(table[vessel.grade_column]), x).estimate
            # Nothing can be compared where a group is empty: a map that says nothing.
            difference = np.nan_to_num(difference)
            mine = pairs.sd_mv[pairs.vessel == v]
            unit = mine.mean(axis=0) if len(mine) else np.ones(len(difference))
            by_vessel.append(difference / unit[:, None])
        maps = np.stack(by_vessel)
        at = np.stack([[np.interp(MAP_MS, BEAT_MS, lead) for lead in one] for one in maps])
        found[name] = Maps((maps @ bins)[pairs.vessel], at.astype(np.float32)[pairs.vessel])
    return found


def grids(cells: np.ndarray) -> dict[str, np.ndarray]:
    """Return the cells as they are and summed over leads or waves by size; a method without leads has waves alone."""
    size = np.abs(cells)
    by_wave = {BY_WAVE: size.sum(axis=1)}
    return by_wave if cells.shape[1] == 1 else {CELLS: cells, BY_LEAD: size.sum(axis=2), **by_wave}


def randomised(model: Net1D, seed: int) -> dict[str, Net1D]:
    """Return copies whose weights are drawn anew from the head downwards, the last of them altogether.

    Returns
    -------
    dict
        Name of the lowest part drawn anew (`HEAD`, "stage 5", ..., `WHOLE`) to network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = Net1D(model.config)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    parts = [(HEAD, "dense.")]
    parts += [(f"stage {i + 1}", f"stage_list.{i}.") for i in reversed(range(len(model.stage_list)))]
    parts += [(WHOLE, "first_")]
    found = {}
    for name, prefix in parts:
        state = state | {k: v for k, v in fresh.state_dict().items() if k.startswith(prefix)}
        copy = Net1D(model.config)
        copy.load_state_dict(state)
        found[name] = ready(copy)
    return found


def ready(model: Net1D) -> Net1D:
    """Set evaluation mode and switch gradients to weights off: only those to the input are wanted."""
    return model.eval().requires_grad_(False)
