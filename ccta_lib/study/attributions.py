"""Attributions against what was planted (issue 7.5): maps, sanity checks, counterfactual ECGs, adjusted means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.errors import CctaError
from ccta_lib.evaluation import auc_interval
from ccta_lib.evaluation.attribution_names import (
    AMPLITUDE,
    BY_WAVE,
    CAM_EARLY,
    CELLS,
    ECG,
    IG,
    IG_CHANGE,
    NETWORK,
    PLANTED,
    SHUFFLED,
    WHOLE,
)
from ccta_lib.evaluation.attribution_scores import patient_interval, rank_agreement, score_maps, similarity
from ccta_lib.explain.adjusted import COVARIATES, design, group_difference
from ccta_lib.explain.attribution import steps_of_stage
from ccta_lib.explain.beats import BEAT_MS, patient_beats
from ccta_lib.explain.planted_beats import planted_beats
from ccta_lib.explain.windows import BINS, MAP_MS, bins_of_beat
from ccta_lib.schema import LEADS, VESSELS, labels
from ccta_lib.study.attribution_maps import (
    CAM_STAGES,
    Maps,
    from_samples,
    grids,
    group_maps,
    network_maps,
    randomised,
    ready,
    size_maps,
)
from ccta_lib.study.attribution_pairs import Pairs, job_of, make_pairs
from ccta_lib.study.cell import Cell
from ccta_lib.study.size import StudySize
from ccta_lib.study.workspace import Fit, Workspace
from ccta_lib.training.job import derive_seed
from ccta_lib.training.scoring import score

STUDY = "attributions"
CODE = ("explain", "study/attribution_maps.py", "study/attribution_pairs.py")
ARMS = ("maps", "sanity", "counterfactual", "groups")
ALL = "all"
GROUP_STEP = 5  # every fifth time of a mean beat, 20 ms


def cells(size: StudySize) -> list[Cell]:
    """List the cells: four arms of each seed, which share cohort, network and ECGs."""
    # Mean maps are for a figure: those of one seed are kept.
    return [
        Cell(STUDY, arm, seed, {"keep_maps": seed == size.seeds[0]} if arm in ("maps", "groups") else {})
        for seed in size.seeds
        for arm in ARMS
    ]


def run(cell: Cell, workspace: Workspace) -> dict[str, pd.DataFrame]:
    """Make one cell's tables.

    Returns
    -------
    dict
        *maps*: attributions_scores, attributions_cells, attributions_maps (first seed), attributions_checks.
        *sanity*: attributions_sanity. *counterfactual*: attributions_counterfactual, attributions_scores.
        *groups*: attributions_group_errors, attributions_groups (first seed).

    Raises
    ------
    CctaError
        If the arm is unknown.
    """
    if cell.arm not in ARMS:
        raise CctaError(f"study {STUDY}: no arm {cell.arm!r}; there are {', '.join(ARMS)}")
    make: Any = {"maps": _maps, "sanity": _sanity, "counterfactual": _counterfactual, "groups": _groups}[
        cell.arm
    ]
    return make(cell.seed, workspace, **cell.settings)


def _pairs(seed: int, workspace: Workspace, fit: Fit) -> Pairs:
    return make_pairs(
        workspace.test(seed), fit.contract, workspace.size.attributions.ecgs_per_vessel, seed=seed
    )


# --- maps ---------------------------------------------------------------------------------------------------


def _maps(seed: int, workspace: Workspace, *, keep_maps: bool) -> dict[str, pd.DataFrame]:
    size, fit = workspace.size.attributions, workspace.fit(seed)
    pairs = _pairs(seed, workspace, fit)
    found = network_maps(ready(fit.model()), pairs, steps=size.steps, methods=NETWORK)
    found[AMPLITUDE] = size_maps(pairs)
    trained_on = fit.data.take(np.sort(np.concatenate([fit.train, fit.inner])))
    found |= group_maps(pairs, patient_beats(trained_on.table, trained_on.store))
    planted = from_samples(pairs.planted, pairs)
    scores = [_scored(name, maps, planted, pairs, size.n_boot) for name, maps in found.items()]
    shown = {PLANTED: planted, ECG: from_samples(pairs.x - pairs.baseline, pairs), **found}
    tables = {
        "attributions_scores": pd.concat(scores, ignore_index=True),
        "attributions_cells": pd.concat(
            [_cell_rows(n, m, pairs) for n, m in shown.items()], ignore_index=True
        ),
        "attributions_checks": _checks(found, pairs, fit, workspace, seed),
    }
    if keep_maps:
        rows = [_map_rows(name, maps.beats, pairs) for name, maps in shown.items() if maps.beats is not None]
        tables["attributions_maps"] = pd.concat(rows, ignore_index=True)
    return tables


def _scored(name: str, maps: Maps, planted: Maps, pairs: Pairs, n_boot: int) -> pd.DataFrame:
    """Score one method by vessel and over all, on every grid it has."""
    truth, rows = grids(planted.cells), []
    for grid, values in grids(maps.cells).items():
        for vessel, member in _members(pairs):
            table = score_maps(values[member], truth[grid][member], pairs.patient[member], n_boot=n_boot)
            rows.append(table.assign(method=name, vessel=vessel, grid=grid))
    columns = ["method", "vessel", "grid", "metric", "estimate", "low", "high", "chance", "p_value", "elsewhere",
               "n", "n_patients", "note"]  # fmt: skip
    return pd.concat(rows, ignore_index=True)[columns]


def _members(pairs: Pairs) -> list[tuple[str, np.ndarray]]:
    """Return each vessel that has pairs, with a mask of them, and all together."""
    of = [(str(vessel), pairs.vessel == v) for v, vessel in enumerate(VESSELS)]
    return [(name, member) for name, member in of if member.any()] + [(ALL, np.ones(len(pairs), dtype=bool))]


def _cell_rows(name: str, maps: Maps, pairs: Pairs) -> pd.DataFrame:
    """Average cells over the pairs of each vessel: signed, and by size."""
    leads = LEADS if maps.cells.shape[1] > 1 else (ALL,)
    return pd.concat([
        pd.DataFrame({
            "method": name, "vessel": vessel, "lead": np.repeat(leads, len(BINS)), "wave": np.tile(BINS, len(leads)),
            "mean": maps.cells[member].mean(axis=0).ravel().astype(np.float32),
            "mean_size": np.abs(maps.cells[member]).mean(axis=0).ravel().astype(np.float32), "n": int(member.sum()),
        })
        for vessel, member in _members(pairs)[:-1]
    ], ignore_index=True)  # fmt: skip


def _map_rows(name: str, beats: np.ndarray, pairs: Pairs) -> pd.DataFrame:
    leads = LEADS if beats.shape[1] > 1 else (ALL,)
    return pd.concat([
        pd.DataFrame({
            "method": name, "vessel": vessel, "lead": np.repeat(leads, MAP_MS.size), "ms": np.tile(MAP_MS, len(leads)),
            "mean": beats[member].mean(axis=0).ravel().astype(np.float32),
        })
        for vessel, member in _members(pairs)[:-1]
    ], ignore_index=True)  # fmt: skip


def _checks(
    found: Mapping[str, Maps], pairs: Pairs, fit: Fit, workspace: Workspace, seed: int
) -> pd.DataFrame:
    """Say per vessel how many ECGs there were to choose from, how well the network does, and whether sums add up."""
    predicted, model, rows = fit.predict(workspace.test(seed)), fit.model(), []
    steps = {
        name: steps_of_stage(model, stage % (len(model.stage_list) + 1), pairs.x.shape[2])
        for name, stage in CAM_STAGES.items()
    }
    for v, vessel in enumerate(VESSELS):
        y, p = predicted[f"y_{vessel.lower()}"], predicted[vessel.prob_column]
        known, mine = y.notna() & p.notna(), pairs.vessel == v
        auc = auc_interval(y[known], p[known], groups=predicted.loc[known, "patient_id"])
        row: dict[str, Any] = {
            "vessel": str(vessel), "n": int(mine.sum()), "eligible_patients": int(pairs.eligible[v]),
            "left_out": int(pairs.left_out[v]), "auc": auc.estimate, "auc_low": auc.low, "auc_high": auc.high,
            "planted_mv": float(np.median(pairs.planted_mv[mine])) if mine.any() else np.nan,
        }  # fmt: skip
        for name, maps in found.items() if mine.any() else ():
            if maps.gap is not None:
                row[f"largest gap, {name}"] = float(maps.gap[mine].max())
            if name in CAM_STAGES:
                row[f"seconds per step, {name}"] = pairs.x.shape[2] / pairs.hz / steps[name]
                row[f"says nothing, {name}"] = float((maps.cells[mine] == 0).all(axis=(1, 2)).mean())
        rows.append(row)
    return pd.DataFrame(rows)


# --- sanity -------------------------------------------------------------------------------------------------


def _sanity(seed: int, workspace: Workspace) -> dict[str, pd.DataFrame]:
    """Compare maps of the trained network with those of networks that cannot know (Adebayo et al. 2018)."""
    size, fit = workspace.size.attributions, workspace.fit(seed)
    pairs = _pairs(seed, workspace, fit).first(size.sanity_per_vessel)
    trained = network_maps(ready(fit.model()), pairs, steps=size.steps, methods=NETWORK)
    planted = from_samples(pairs.planted, pairs)
    ignorant = {**randomised(fit.model(), derive_seed(seed, 1)),
                SHUFFLED: ready(workspace.fit(seed, shuffle_labels=True).model())}  # fmt: skip
    rows = []
    for check, model in ignorant.items():
        methods = NETWORK if check in (WHOLE, SHUFFLED) else (IG, CAM_EARLY)
        maps = network_maps(model, pairs, steps=size.steps, methods=methods)
        for name, other in {**maps, AMPLITUDE: size_maps(pairs)}.items():
            mine = trained.get(name, other)
            rows.append({"check": check, "method": name} | _changed(mine, other, planted, pairs, size.n_boot))
    return {"attributions_sanity": pd.DataFrame(rows)}


def _changed(trained: Maps, other: Maps, planted: Maps, pairs: Pairs, n_boot: int) -> dict[str, Any]:
    """Say how alike two networks' maps are, and whether the one that cannot know agrees less with the truth."""
    a, b = (m.cells if m.beats is None else m.beats for m in (trained, other))
    row: dict[str, Any] = {}
    for name, values in (("similarity", similarity(a, b)), ("signed", similarity(a, b, signed=True))):
        mean, low, high = patient_interval(values, pairs.patient, n_boot=n_boot)
        row |= {name: mean, f"{name}_low": low, f"{name}_high": high}
    grid = CELLS if trained.cells.shape[1] > 1 else BY_WAVE
    truth = grids(planted.cells)[grid]
    with_it, without = (rank_agreement(grids(m.cells)[grid], truth) for m in (trained, other))
    mean, low, high = patient_interval(with_it - without, pairs.patient, n_boot=n_boot)
    return row | {"grid": grid, "agreement": with_it.mean(), "agreement_other": without.mean(), "gain": mean,
                  "gain_low": low, "gain_high": high, "n": len(pairs)}  # fmt: skip


# --- counterfactual -----------------------------------------------------------------------------------------


def _counterfactual(seed: int, workspace: Workspace) -> dict[str, pd.DataFrame]:
    """Remove one stenosis: how far each logit falls, and whether attributions change where the ECG did."""
    size, fit = workspace.size.attributions, workspace.fit(seed)
    pairs, model = _pairs(seed, workspace, fit), ready(fit.model())
    logit, logit_without = score(model, pairs.x), score(model, pairs.without)
    own = np.arange(len(pairs)), pairs.vessel
    table = pd.DataFrame({
        "ecg_id": pairs.ecg_id, "patient_id": pairs.patient, "vessel": [str(VESSELS[v]) for v in pairs.vessel],
        "planted_mv": pairs.planted_mv, "ideal_logit": _log_odds(pairs.ideal)[own],
        "ideal_logit_without": _log_odds(pairs.ideal_without)[own],
    })  # fmt: skip
    for v, vessel in enumerate(VESSELS):
        table[f"logit_{vessel.lower()}"] = logit[:, v]
        table[f"logit_{vessel.lower()}_without"] = logit_without[:, v]
    planted = from_samples(pairs.planted, pairs)
    gradients = [
        network_maps(model, part, steps=size.steps, methods=[IG])[IG].cells
        for part in (pairs, _swapped(pairs))
    ]
    change = Maps(gradients[0] - gradients[1], None)
    return {"attributions_counterfactual": table,
            "attributions_scores": _scored(IG_CHANGE, change, planted, pairs, size.n_boot)}  # fmt: skip


def _swapped(pairs: Pairs) -> Pairs:
    """Return the pairs with the ECG without the stenosis in place of the ECG; baseline and waves stay."""
    return replace(pairs, x=pairs.without)


def _log_odds(p: np.ndarray) -> np.ndarray:
    inside = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(inside / (1 - inside))


# --- groups -------------------------------------------------------------------------------------------------


def _groups(seed: int, workspace: Workspace, *, keep_maps: bool) -> dict[str, pd.DataFrame]:
    """Compare positive and negative patients' mean beats, plainly and adjusted, with what was planted in them."""
    data = workspace.test(seed)
    patients = patient_beats(data.table, data.store)
    planted = planted_beats(job_of(data), data.table, patients.table)
    covariates = design(patients.table, COVARIATES)
    # Both use the patients whose covariates are known, so that only the adjustment differs.
    known = np.isfinite(covariates).all(axis=1)
    rows, errors = [], []
    for vessel in VESSELS:
        y = np.where(known, labels(patients.table[vessel.grade_column]), np.nan)
        beats, none = patients.beats["millivolt"], covariates[:, :0]
        plain, adjusted = (group_difference(beats, y, c) for c in (none, covariates))
        truth = group_difference(planted, y, none)
        note = plain.note or adjusted.note
        counts = {
            "n_positive": plain.n_positive,
            "n_negative": plain.n_negative,
            "n_unknown": int((~known).sum()),
        }
        for name, found in (("plain", plain), ("adjusted", adjusted)):
            errors += [row | {"vessel": str(vessel), "means": name, **counts, "note": note}
                       for row in _errors(found.estimate, truth.estimate)]  # fmt: skip
        values = {
            "plain": plain.estimate, "plain_low": plain.low, "plain_high": plain.high,
            "adjusted": adjusted.estimate, "adjusted_low": adjusted.low, "adjusted_high": adjusted.high,
            "planted": truth.estimate, "positive": adjusted.positive, "negative": adjusted.negative,
        }  # fmt: skip
        ms = BEAT_MS[::GROUP_STEP]
        rows.append(pd.DataFrame({
            "vessel": str(vessel), "lead": np.repeat(LEADS, ms.size), "ms": np.tile(ms, len(LEADS)),
            **{k: v[:, ::GROUP_STEP].ravel().astype(np.float32) for k, v in values.items()}, **counts, "note": note,
        }))  # fmt: skip
    tables = {"attributions_group_errors": pd.DataFrame(errors)}
    return tables | ({"attributions_groups": pd.concat(rows, ignore_index=True)} if keep_maps else {})


def _errors(found: np.ndarray, planted: np.ndarray) -> list[dict[str, Any]]:
    """Say how far a difference of mean beats is from the planted one, in QRS and in ST and T: root mean square, mV."""
    bins = bins_of_beat(BEAT_MS)
    rows = []
    for name, waves in (("QRS", ("QRS",)), ("ST and T", ("ST", "T"))):
        inside = np.isin(bins, [BINS.index(w) for w in waves])
        off, truth = (found - planted)[:, inside], planted[:, inside]
        rows.append({"waves": name, "error_mv": float(np.sqrt((off**2).mean())),
                     "planted_mv": float(np.sqrt((truth**2).mean()))})  # fmt: skip
    return rows
