"""R peaks against beats that the simulator planted, and against cardiologists' marks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from ccta_lib.errors import InputError
from ccta_lib.explain.peaks import PeakScore, r_peaks, score_peaks
from ccta_lib.schema import LEADS
from ccta_lib.simulate.cohort import Job, _cohort, block_waves
from ccta_lib.simulate.patients import COHORT_CODES, CohortSizes
from ccta_lib.simulate.settings import DEFAULT_SETTINGS
from ccta_lib.simulate.synthesis import beat_times, synthesise

HZ = 500


@pytest.fixture(scope="module")
def planted() -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """64 simulated ECGs in mV; samples of all their beats, and of the conducted ones."""
    job = Job(CohortSizes.scaled(64, 64, 64), 1007, DEFAULT_SETTINGS)
    cohort = _cohort(job, "internal")
    waves, _ = block_waves(cohort, 0, seed=job.seed, settings=DEFAULT_SETTINGS)
    signals, beats, conducted = [], [], []
    for i in range(len(waves)):
        seed = [job.seed, COHORT_CODES["internal"], 3, i]
        # The first numbers an ECG draws are its beat times, so drawing them again gives the truth.
        times, kinds = beat_times(waves, i, DEFAULT_SETTINGS, np.random.default_rng(seed))
        ecg = synthesise(waves, i, DEFAULT_SETTINGS, np.random.default_rng(seed), noise=cohort.margins.noise)
        signals.append(ecg / np.float32(1000))
        whole = (times > 0.1) & (times < 9.9)
        beats.append(np.sort(np.rint(times[whole] * HZ)))
        conducted.append(times[whole & (kinds != 1)] * HZ)
    return np.stack(signals), beats, conducted


def total(marked: list[np.ndarray], found: list[np.ndarray]) -> PeakScore:
    return PeakScore(*np.sum([score_peaks(m, f) for m, f in zip(marked, found, strict=True)], axis=0))


def test_planted_beats_are_found(planted: tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]) -> None:
    signals, beats, _ = planted
    ours = total(beats, r_peaks(signals))
    assert ours.marked > 600
    assert ours.sensitivity >= 0.99
    assert ours.precision >= 0.99
    paper = total(beats, r_peaks(signals, rule="paper"))
    assert 0.8 < paper.sensitivity < ours.sensitivity


def test_beats_are_aligned_at_r(planted: tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]) -> None:
    signals, _, conducted = planted
    inner, between = [], []
    for found, truth in zip(r_peaks(signals), conducted, strict=True):
        gap = found[:, None] - truth[None, :]
        nearest = gap[np.arange(len(found)), np.abs(gap).argmin(axis=1)]
        near = nearest[np.abs(nearest) < 25] * 1000 / HZ
        inner.append(near.std())
        between.append(np.median(near))
    assert np.median(inner) < 2  # ms: beats of one ECG against each other
    assert np.median(np.abs(between)) < 2  # ms: R itself


def test_marks_of_cardiologists(reference_data: Path) -> None:
    folder = reference_data / "realecg" / "records" / "ludb"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    signals, marks = [], []
    for path in sorted(folder.glob("*.ii")):
        record, notes = wfdb.rdrecord(str(path.with_suffix(""))), wfdb.rdann(str(path.with_suffix("")), "ii")
        names = [name.lower() for name in record.sig_name]
        signals.append(record.p_signal.T[[names.index(lead.lower()) for lead in LEADS]])
        marks.append(notes.sample[np.array(notes.symbol) == "N"])
    x = np.stack(signals)
    assert len(x) == 150
    paper = total(marks, r_peaks(x, rule="paper"))
    assert (round(paper.sensitivity, 3), round(paper.precision, 3)) == (
        0.920,
        0.961,
    )  # as published for this rule
    ours = total(marks, r_peaks(x))
    assert ours.sensitivity >= 0.99
    assert ours.precision >= 0.99


def test_size_sign_offset_and_order_of_leads_do_not_matter(
    planted: tuple[np.ndarray, list[np.ndarray], list[np.ndarray]],
) -> None:
    signals = planted[0][:16]
    rng = np.random.default_rng(5)
    size = rng.uniform(0.2, 5, (1, 12, 1)) * rng.choice([-1, 1], (1, 12, 1))
    other = (signals * size + rng.normal(size=(1, 12, 1)))[:, rng.permutation(12)]
    for a, b in zip(r_peaks(signals), r_peaks(other), strict=True):
        np.testing.assert_allclose(a, b, atol=1)


def test_the_rate_is_respected(planted: tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]) -> None:
    signals = planted[0][:8]
    half = signals.reshape(8, 12, -1, 2).mean(axis=-1)
    for a, b in zip(r_peaks(signals), r_peaks(half, sampling_hz=250), strict=True):
        assert score_peaks(a, 2 * b, tolerance_ms=10) == (len(a), len(a), len(a))


def test_the_papers_rule_by_hand() -> None:
    lead = np.zeros(3000)
    # Second peak too low, fourth too near its higher neighbour.
    lead[[300, 700, 1200, 1350, 2000]] = [1.0, 0.29, 0.9, 0.5, 0.31]
    signals = np.ones((1, 12, 3000))
    signals[0, 1] = lead
    assert r_peaks(signals, rule="paper")[0].tolist() == [300, 1200, 2000]


def test_no_beats() -> None:
    flat = np.zeros((2, 12, 5000))
    assert [p.size for p in r_peaks(flat)] == [0, 0]
    assert [p.size for p in r_peaks(flat, rule="paper")] == [0, 0]


@pytest.mark.parametrize(("change", "words"), [
    ({"signals": np.zeros((12, 5000))}, "shape"), ({"signals": np.full((1, 12, 5000), np.nan)}, "NaN"),
    ({"sampling_hz": 0}, "sampling_hz"), ({"rule": "lead II"}, "rule"),
])  # fmt: skip
def test_wrong_input(change: dict[str, object], words: str) -> None:
    given_ = {"signals": np.zeros((1, 12, 5000))} | change
    with pytest.raises(InputError, match=words):
        r_peaks(given_.pop("signals"), **given_)  # type: ignore[arg-type]


samples = st.lists(st.integers(0, 600), max_size=12, unique=True).map(
    lambda v: np.array(sorted(v), dtype=int)
)


@given(samples, samples)
def test_matching_is_the_largest_possible(marked: np.ndarray, found: np.ndarray) -> None:
    score = score_peaks(marked, found, sampling_hz=1000, tolerance_ms=75)
    near = np.abs(marked[:, None] - found[None, :]) <= 75
    best = (maximum_bipartite_matching(csr_array(near), perm_type="column") >= 0).sum() if near.size else 0
    assert score.matched == best
    assert score.marked == len(marked)


@given(samples)
def test_marks_match_themselves(marked: np.ndarray) -> None:
    assert score_peaks(marked, marked) == (len(marked),) * 3


def test_beats_beyond_the_marks_are_not_judged() -> None:
    score = score_peaks(np.array([1000, 2000]), np.array([100, 1000, 1500, 2030, 2100]))
    assert score == (2, 3, 2)
    assert score.sensitivity == 1
    assert score.precision == pytest.approx(2 / 3)
    assert np.isnan(PeakScore(0, 0, 0).precision)
