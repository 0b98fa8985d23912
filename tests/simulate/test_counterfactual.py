"""The same ECG without a stenosis: what differs, where, and by how much."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ccta_lib.errors import InputError
from ccta_lib.schema import VESSELS, Vessel
from ccta_lib.simulate import DEFAULT_SETTINGS, CohortSizes
from ccta_lib.simulate.cohort import Job, block_signals
from ccta_lib.simulate.counterfactual import INJURED, counterfactuals, paired_waves, without_stenosis
from ccta_lib.simulate.leads import twelve
from ccta_lib.simulate.patients import Cohort, draw_cohort
from ccta_lib.simulate.waves import ST, T

JOB = Job(CohortSizes(70, 78, 130, 0, 0), 77, DEFAULT_SETTINGS)


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    return draw_cohort("internal", JOB.sizes, seed=JOB.seed, settings=JOB.settings)


def affected(cohort: Cohort, vessel: Vessel) -> np.ndarray:
    v = VESSELS.index(vessel)
    return cohort.hearts.dose[:, v] * cohort.hearts.visible[:, v] > 0


@pytest.mark.parametrize("vessel", VESSELS)
def test_only_st_and_t_of_the_affected_change(cohort: Cohort, vessel: Vessel) -> None:
    factual, without = paired_waves(cohort, 0, vessel, job=JOB)
    moved = factual.amplitude - without.amplitude
    mine = affected(cohort, vessel)[: len(factual)]
    assert mine.any()
    assert (~mine).any()
    assert (moved[~mine] == 0).all()
    others = [w for w in range(8) if w not in (ST, T)]
    assert (moved[:, :, others] == 0).all()
    assert (np.abs(moved[mine][:, :, [ST, T]]).max(axis=(1, 2)) > 0).all()
    for name in ("center", "left", "right", "st_end", "rate", "qrs_ms"):
        np.testing.assert_array_equal(getattr(factual, name), getattr(without, name))


def test_injury_goes_with_its_own_stenosis_and_moves_to_no_other_vessel() -> None:
    """Nearly everybody with severe disease is injured here; found on a pair whose injury had moved from RCA."""
    job = dataclasses.replace(JOB, settings=dataclasses.replace(DEFAULT_SETTINGS, injury=1.0))
    people = draw_cohort("internal", job.sizes, seed=job.seed, settings=job.settings)
    seen = set()
    for vessel in (Vessel.RCA, Vessel.LAD, Vessel.LCX):
        for block in (0, 1):
            factual, without = paired_waves(people, block, vessel, job=job)
            territory = np.array([*INJURED, None], dtype=object)[factual.injury]
            own = territory == vessel
            assert (without.injury[own] == -1).all()
            np.testing.assert_array_equal(without.injury[~own], factual.injury[~own])
            seen.update(territory[own])
    assert seen == {Vessel.RCA, Vessel.LAD, Vessel.LCX}


def test_the_change_is_what_the_simulator_says_it_planted(cohort: Cohort) -> None:
    """But for the non-dipolar share of 5 to 8 %, which grows and shrinks with the wave it belongs to."""
    factual, without = paired_waves(cohort, 1, Vessel.LAD, job=JOB)
    moved = twelve(factual.amplitude - without.amplitude)[:, :, [ST, T]]
    said = (factual.planted - without.planted)[:, :, 1:]
    assert np.abs(said).max() > 0.02
    assert np.abs(moved - said).max() < 0.25 * np.abs(said).max()
    assert np.corrcoef(moved.ravel(), said.ravel())[0, 1] > 0.97


def test_signals_are_those_of_the_cohort_and_differ_only_after_qrs(cohort: Cohort) -> None:
    rows = np.flatnonzero(affected(cohort, Vessel.LAD) & ~cohort.hearts.af)[[0, -1]]
    found = counterfactuals(JOB, "internal", rows, Vessel.LAD)
    for k, row in enumerate(rows):
        stored = block_signals(JOB, "internal", int(row) // 64)[int(row) % 64] / np.float32(1000)
        np.testing.assert_array_equal(found.factual[k], stored)
        waves, _ = paired_waves(cohort, int(row) // 64, Vessel.LAD, job=JOB)
        assert np.abs(found.planted[k]).max() > 0
        # Between the end of T and the next QRS (about a quarter of a beat) nothing was touched, so many samples agree.
        still = (found.planted[k] == 0).all(axis=0)
        assert 0.2 < still.mean() < 0.8
        assert waves.rate[int(row) % 64] > 0


def test_the_ideal_observer_sees_less_disease_without_it(cohort: Cohort) -> None:
    rows = np.flatnonzero(affected(cohort, Vessel.LAD))
    found = counterfactuals(JOB, "internal", rows, Vessel.LAD)
    v = VESSELS.index(Vessel.LAD)
    assert (found.ideal[:, v] - found.ideal_without[:, v]).mean() > 0.05
    silent = np.flatnonzero(~affected(cohort, Vessel.LAD))[:3]
    same = counterfactuals(JOB, "internal", silent, Vessel.LAD)
    np.testing.assert_array_equal(same.factual, same.without)
    np.testing.assert_array_equal(same.ideal, same.ideal_without)


def test_nothing_else_of_the_patient_changes(cohort: Cohort) -> None:
    other = without_stenosis(cohort, Vessel.RCA)
    assert (other.hearts.dose[:, VESSELS.index(Vessel.RCA)] == 0).all()
    np.testing.assert_array_equal(other.hearts.dose[:, 1:], cohort.hearts.dose[:, 1:])
    np.testing.assert_array_equal(other.hearts.infarct, cohort.hearts.infarct)
    assert cohort.hearts.dose[:, 0].any()


def test_a_row_outside_the_cohort_is_named() -> None:
    with pytest.raises(InputError, match=r"rows: found 130; the internal cohort has ECGs 0 to 129"):
        counterfactuals(JOB, "internal", [0, 130], Vessel.LM)
