"""The attribution study at the smallest size: what is planted, what a randomised network is, what the tables hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("captum")

from ccta_lib.errors import CctaError, InputError  # noqa: E402
from ccta_lib.evaluation.attribution_names import (  # noqa: E402
    AMPLITUDE,
    BY_LEAD,
    BY_WAVE,
    CELLS,
    HEAD,
    IG,
    IG_CHANGE,
    NETWORK,
    SHUFFLED,
    TIME_ONLY,
    TRIVIAL,
    WHOLE,
)
from ccta_lib.explain.beats import BEAT_MS, patient_beats  # noqa: E402
from ccta_lib.explain.planted_beats import planted_beats  # noqa: E402
from ccta_lib.explain.windows import BINS  # noqa: E402
from ccta_lib.model.contract import NANO_CONTRACT  # noqa: E402
from ccta_lib.model.net1d import NANO_CONFIG, Net1D  # noqa: E402
from ccta_lib.schema import LEADS, VESSELS  # noqa: E402
from ccta_lib.study.attribution_maps import grids, network_maps, randomised, ready, size_maps  # noqa: E402
from ccta_lib.study.attribution_pairs import Pairs, job_of, make_pairs  # noqa: E402
from ccta_lib.study.attributions import ALL, ARMS, cells, run  # noqa: E402
from ccta_lib.study.cell import Cell  # noqa: E402
from ccta_lib.study.size import load_size  # noqa: E402
from ccta_lib.study.workspace import Data, Workspace  # noqa: E402

SEED = 1


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("workspace"), load_size("smoke"))


@pytest.fixture(scope="module")
def data(workspace: Workspace) -> Data:
    return workspace.test(SEED)


@pytest.fixture(scope="module")
def pairs(data: Data) -> Pairs:
    return make_pairs(data, NANO_CONTRACT, 3, seed=SEED)


def test_pairs_are_severe_visible_and_one_per_patient(data: Data, pairs: Pairs) -> None:
    row = {e: i for i, e in enumerate(data.ids)}
    for v, vessel in enumerate(VESSELS):
        mine = pairs.vessel == v
        assert len(set(pairs.patient[mine])) == mine.sum() <= 3
        assert mine.sum() == min(3, pairs.eligible[v]) - pairs.left_out[v]
        for ecg in pairs.ecg_id[mine]:
            assert data.targets[row[ecg], v] == 1
            assert data.truth[f"visible_{vessel.lower()}"][row[ecg]] > 0
    assert (pairs.planted_mv > 0).all()


def test_what_was_planted_lies_in_st_and_t(pairs: Pairs) -> None:
    inside = np.isin(pairs.bins, [BINS.index("ST"), BINS.index("T")])
    size = (np.abs(pairs.planted).sum(axis=1) * inside).sum() / np.abs(pairs.planted).sum()
    assert size > 0.85  # the rest is the tail of T in slow hearts
    assert pairs.x.shape == pairs.without.shape == pairs.baseline.shape == (len(pairs), 12, 1000)


def test_the_network_sees_the_ecg_less_what_was_planted(pairs: Pairs) -> None:
    """Lead by lead `without` is `x - planted`, but for its own mean and standard deviation."""
    for x, planted, without in zip(pairs.x, pairs.planted, pairs.without, strict=True):
        for lead in range(12):
            assert np.corrcoef(x[lead] - planted[lead], without[lead])[0, 1] > 0.999


def test_pairs_of_other_ecgs_than_the_simulation_drew_are_refused(data: Data) -> None:
    with pytest.raises(InputError, match="draws other ECGs"):
        make_pairs(data.take(np.arange(len(data.ids))[::-1]), NANO_CONTRACT, 3, seed=SEED)


def test_taking_pairs_keeps_all_parts_together(pairs: Pairs) -> None:
    few = pairs.first(1)
    assert len(few) == len(few.beats) == len(set(few.vessel.tolist()))
    i = int(np.flatnonzero(pairs.ecg_id == few.ecg_id[-1])[-1])
    np.testing.assert_array_equal(few.bins[-1], pairs.bins[i])


def test_cascade_draws_the_network_anew_from_the_head_down() -> None:
    torch.manual_seed(1)
    model = Net1D(NANO_CONFIG)
    found = randomised(model, 5)
    assert list(found) == [HEAD, "stage 5", "stage 4", "stage 3", "stage 2", "stage 1", WHOLE]
    state = model.state_dict()

    def same(name: str) -> set[str]:
        return {
            k.split(".")[0] + ("." + k.split(".")[1] if k.startswith("stage") else "")
            for k, v in found[name].state_dict().items()
            if torch.equal(v, state[k]) and "bn" not in k
        }

    assert same(HEAD) == {"first_conv", *(f"stage_list.{i}" for i in range(5))}
    assert same("stage 3") == {"first_conv", "stage_list.0", "stage_list.1"}
    assert same(WHOLE) == set()
    again = randomised(model, 5)[WHOLE].state_dict()
    assert all(torch.equal(v, again[k]) for k, v in found[WHOLE].state_dict().items())


def test_methods_change_with_the_weights_and_a_map_of_the_ecg_does_not(pairs: Pairs) -> None:
    torch.manual_seed(2)
    one, other = ready(Net1D(NANO_CONFIG)), ready(Net1D(NANO_CONFIG))
    few = pairs.first(1)
    a, b = (network_maps(m, few, steps=8, methods=NETWORK) for m in (one, other))
    for name in NETWORK:
        assert not np.allclose(a[name].cells, b[name].cells)
        assert a[name].cells.shape == (len(few), 1 if name in TIME_ONLY else 12, len(BINS))
    np.testing.assert_array_equal(size_maps(few).cells, size_maps(few).cells)
    assert (a[IG].gap < 0.2).all()


def test_grids_sum_sizes() -> None:
    cells_ = np.array([[[1.0, -2.0], [-1.0, 4.0]]])
    found = grids(cells_)
    assert set(found) == {CELLS, BY_LEAD, BY_WAVE}
    assert found[BY_LEAD].tolist() == [[3.0, 5.0]]
    assert found[BY_WAVE].tolist() == [[2.0, 6.0]]
    assert set(grids(cells_[:, :1])) == {BY_WAVE}


def test_planted_beats_are_those_of_the_truth(data: Data) -> None:
    """At the peak of T, the mean planted displacement is the truth table's, averaged over the examination's ECGs."""
    patients = patient_beats(data.table, data.store, truth=data.truth)
    found = planted_beats(job_of(data), data.table, patients.table)
    assert found.shape == (len(patients.table), 12, BEAT_MS.size)
    said = patients.table[[f"planted_t_{lead.lower()}_mv" for lead in LEADS]].to_numpy(dtype=float)
    late = BEAT_MS > 200
    biggest = np.take_along_axis(
        found[:, :, late], np.abs(found[:, :, late]).argmax(axis=2)[:, :, None], axis=2
    )[:, :, 0]
    assert np.corrcoef(biggest.ravel(), said.ravel())[0, 1] > 0.98
    with pytest.raises(InputError, match="give all its rows"):
        planted_beats(job_of(data), data.table[:5], patients.table)


def test_cells_are_listed_and_unknown_arms_refused(workspace: Workspace) -> None:
    listed = cells(workspace.size)
    assert [c.arm for c in listed[: len(ARMS)]] == list(ARMS)
    assert [c.settings.get("keep_maps") for c in listed if c.arm == "maps"] == [True, False]
    with pytest.raises(CctaError, match="no arm 'x'"):
        run(Cell("attributions", "x", 1), workspace)


@pytest.mark.slow
def test_tables_of_all_arms(workspace: Workspace) -> None:
    tables: dict[str, list[pd.DataFrame]] = {}
    for cell in [c for c in cells(workspace.size) if c.seed == SEED]:
        for name, table in run(cell, workspace).items():
            assert name.startswith("attributions_")
            assert len(table)
            tables.setdefault(name, []).append(table)
    scores = pd.concat(tables["attributions_scores"])
    assert set(scores["method"]) == {*NETWORK, *TRIVIAL, IG_CHANGE}
    assert ALL in set(scores["vessel"])
    inside = scores["estimate"].between(-1, 1)
    assert inside.all()
    assert set(scores.loc[scores["method"].isin(TIME_ONLY), "grid"]) == {BY_WAVE}
    sanity = tables["attributions_sanity"][0]
    assert {HEAD, WHOLE, SHUFFLED} <= set(sanity["check"])
    # A map of the ECG alone cannot tell a trained network from a random one: it fails, and is shown failing.
    ignorant = sanity[sanity["method"] == AMPLITUDE]
    np.testing.assert_allclose(ignorant["similarity"], 1)
    np.testing.assert_allclose(ignorant["gain"], 0)
    change = tables["attributions_counterfactual"][0]
    assert (change["planted_mv"] > 0).all()
    assert change["ideal_logit"].notna().all()
    errors = tables["attributions_group_errors"][0]
    assert set(errors["means"]) == {"plain", "adjusted"}
