"""What the interactive pages carry: counts that the library gives, virtual ECGs that the run drew, nobody's scores."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccta_lib.book.interactive.ecgs import OF_TWELVE, SIGNAL_STEP, choose, viewer_data
from ccta_lib.book.interactive.pages import live_figure, simulator_table
from ccta_lib.book.interactive.thresholds import threshold_data, threshold_table
from ccta_lib.cohort import WaveformStore
from ccta_lib.errors import InputError
from ccta_lib.evaluation import net_benefit, operating_points
from ccta_lib.schema import LEADS, VESSELS, labels, read_cohort
from ccta_lib.simulate import CohortSizes, simulate_cohort
from ccta_lib.simulate.components import components

SIZES = {"internal_patients": 60, "internal_exams": 60, "internal_ecgs": 70, "external": 20, "followup": 30}
RUN = {"data_kind": "simulated", "seed": 3, "stages": {"cohort": {"sizes": SIZES}}}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    simulate_cohort(folder / "cohort", sizes=CohortSizes(**SIZES), seed=3)
    (folder / "truth.parquet").write_bytes((folder / "cohort" / "truth.parquet").read_bytes())
    return folder


@pytest.fixture(scope="module")
def predictions(run_dir: Path) -> pd.DataFrame:
    table = read_cohort(run_dir / "cohort" / "cohort.parquet")
    rng = np.random.default_rng(0)
    return table.assign(**{v.prob_column: np.round(rng.beta(1, 6, len(table)), 4) for v in VESSELS})


def test_counts_and_net_benefit_are_the_librarys(predictions: pd.DataFrame) -> None:
    table = threshold_table(threshold_data(predictions))
    assert set(table["cohort"]) == {"internal", "external"}
    for (vessel, cohort), part in table.groupby(["vessel", "cohort"]):
        column = f"grade_{vessel.lower()}", f"prob_{vessel.lower()}"
        rows = predictions[predictions["cohort"] == cohort]
        y, p = labels(rows[column[0]]), rows[column[1]].to_numpy()
        expected = operating_points(y, p, part["threshold"])
        for name in ("tp", "fp", "fn", "tn", "sensitivity", "specificity", "ppv", "npv"):
            np.testing.assert_allclose(part[name], expected[name], atol=1e-12)
        benefit = net_benefit(y, p, part["threshold"])
        np.testing.assert_allclose(
            part["net_benefit"], benefit.query("strategy == 'model'")["net_benefit"], atol=1e-12
        )
        np.testing.assert_allclose(
            part["net_benefit_all"], benefit.query("strategy == 'all'")["net_benefit"], atol=1e-12
        )


def test_no_patient_stands_in_the_threshold_page(predictions: pd.DataFrame) -> None:
    """Neither an identifier nor a score: one score per patient would be enough to find him in another table."""
    data = threshold_data(predictions)
    text = json.dumps(data)
    for column in ("ecg_id", "patient_id", "exam_id"):
        assert not any(str(v) in text for v in predictions[column])
    # Scores that move without passing a threshold or one another leave no trace.
    moved = {v.prob_column: predictions[v.prob_column] + 1e-6 for v in VESSELS}
    assert json.dumps(threshold_data(predictions.assign(**moved))) == text


def test_an_artery_without_both_classes_is_left_out(predictions: pd.DataFrame) -> None:
    healthy = predictions.assign(grade_lm="normal")
    assert set(threshold_data(healthy)["vessels"]) == {"RCA", "LAD", "LCX"}


def test_without_follow_up_there_is_no_split(predictions: pd.DataFrame) -> None:
    data = threshold_data(predictions.drop(columns=["followup_days", "mi_event", "end_reason"]))
    assert all("followup" not in v for v in data["vessels"].values())


def test_viewer_draws_the_runs_own_ecgs(run_dir: Path, predictions: pd.DataFrame) -> None:
    data = viewer_data(run_dir, RUN, predictions)
    assert len(json.dumps(data)) < 1_000_000
    store = WaveformStore.open(run_dir / "cohort" / "waveforms")
    truth = pd.read_parquet(run_dir / "truth.parquet").set_index("ecg_id")
    assert len(data["ecgs"]) >= 4
    for ecg in data["ecgs"]:
        signal = np.frombuffer(base64.b64decode(ecg["signal"]), "<i2").reshape(8, -1)
        stored = np.rint(1000 * store.signals([ecg["ecg_id"]])[0])
        np.testing.assert_array_equal(signal, stored[OF_TWELVE][:, ::SIGNAL_STEP])
        (overlay,) = ecg["overlays"]
        moved = np.frombuffer(base64.b64decode(overlay["values"]), "i1").reshape(12, -1) * overlay["step"]
        planted = np.array([
            [1000 * truth.loc[ecg["ecg_id"], f"planted_{w}_{lead.lower()}_mv"] for lead in LEADS]
            for w in ("q", "st", "t")
        ])  # fmt: skip
        # Where T moves most, nothing else moves much: the course peaks at the planted size, beats varying by some 10 %.
        lead = np.abs(planted[2]).argmax()
        if np.abs(planted[2, lead]) > 40 and np.abs(planted[:2, lead]).max() < 10:
            peak = moved[lead][np.abs(moved[lead]).argmax()]
            assert peak == pytest.approx(planted[2, lead], rel=0.35)
        if np.abs(planted).max() == 0:
            assert np.abs(moved).max() == 0


def test_a_run_of_another_simulator_is_refused(
    run_dir: Path, predictions: pd.DataFrame, tmp_path: Path
) -> None:
    truth = pd.read_parquet(run_dir / "truth.parquet")
    (truth.assign(planted_t_ii_mv=truth["planted_t_ii_mv"] + 1e-4)).to_parquet(tmp_path / "truth.parquet")
    with pytest.raises(InputError, match="draws other ECGs"):
        viewer_data(tmp_path, RUN, predictions)


@pytest.mark.parametrize("kind", ["user", "real_proxy"])
def test_real_ecgs_are_never_put_into_a_page(run_dir: Path, predictions: pd.DataFrame, kind: str) -> None:
    with pytest.raises(InputError, match="identifies"):
        viewer_data(run_dir, RUN | {"data_kind": kind}, predictions)


def test_each_ecg_is_chosen_once(run_dir: Path) -> None:
    chosen = choose(pd.read_parquet(run_dir / "truth.parquet"))
    assert len(set(chosen.values())) == len(chosen)
    assert "no stenosis" in chosen


def test_simulator_table_is_linear_in_dose_and_obeys_einthoven() -> None:
    table = simulator_table(components()).pivot_table(
        index=["vessel", "percent", "wave"], columns="lead", values="microvolt"
    )
    np.testing.assert_allclose(table["I"] + table["III"], table["II"], atol=2e-4)
    np.testing.assert_allclose(table["aVR"], -(table["I"] + table["II"]) / 2, atol=2e-4)
    assert (
        table.xs(99, level="percent").abs().max(axis=1) >= table.xs(70, level="percent").abs().max(axis=1)
    ).all()


def test_data_cannot_end_their_script() -> None:
    text = live_figure("x", {"name": "</script><b>"}, label='a "label"')
    assert text.count("</script>") == 3
    assert "&quot;label&quot;" in text
