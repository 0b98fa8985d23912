"""What a training log says, against a log written by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ccta_lib.evaluation.training_log import (
    by_vessel,
    epoch_choice,
    final_weights,
    pcgrad_pairs,
    pcgrad_updates,
    vessel_optimism,
)

# Two folds, two epochs: fold 0 is best inside at epoch 0 but best on the reported fold at epoch 1.
LOG = pd.DataFrame(
    {
        "fold": [0, 0, 1, 1],
        "epoch": [0, 1, 0, 1],
        "macro_outer": [0.60, 0.70, 0.65, 0.62],
        "chosen_nested": [True, False, True, False],
        "chosen_paper": [False, True, True, False],
        **{f"auc_outer_{v}": [0.5, 0.6, 0.7, 0.6] for v in ("rca", "lad", "lcx")},
        "auc_outer_lm": np.nan,
        **{f"loss_{v}": [0.9, x, 0.9, x] for v, x in (("rca", 0.4), ("lad", 0.8), ("lcx", 0.4))},
        "loss_lm": np.nan,
        **{f"weight_{v}": [1.0, 1.0, 1.0, 1.0] for v in ("rca", "lm", "lad", "lcx")},
        **{f"log_variance_{v}": [0.0, 0.0, 0.0, 0.0] for v in ("rca", "lm", "lad", "lcx")},
    }
)


def test_optimism_is_the_reported_fold_at_its_own_best_epoch_minus_nested() -> None:
    choice = epoch_choice(LOG)
    assert choice["nested_epoch"].tolist() == [1, 1]
    assert choice["paper_epoch"].tolist() == [2, 1]
    assert choice["optimism"].tolist() == pytest.approx([0.10, 0.0])
    assert (choice["optimism"] >= 0).all()


def test_a_vessel_never_labelled_is_left_out() -> None:
    assert vessel_optimism(LOG)["vessel"].tolist() == ["RCA", "LAD", "LCX"]
    assert vessel_optimism(LOG)["optimism"].tolist() == pytest.approx([0.05] * 3)
    assert list(vessel_optimism(LOG)) == ["vessel", "nested_auc", "paper_auc", "optimism"]
    assert vessel_optimism(LOG).loc[0, ["nested_auc", "paper_auc"]].tolist() == pytest.approx([0.6, 0.65])
    assert set(by_vessel(LOG, "auc_outer")["vessel"]) == {"RCA", "LAD", "LCX"}


def test_weights_beside_their_optimum() -> None:
    weights = final_weights(LOG).set_index("vessel")
    assert weights.index.tolist() == ["RCA", "LAD", "LCX"]
    assert weights["relative_weight"].tolist() == [1, 1, 1]
    # 1/loss = 2.5, 1.25, 2.5; mean 2.0833
    assert weights["relative_optimum"].tolist() == pytest.approx([1.2, 0.6, 1.2])


def test_conflicts_by_pair_are_means_over_the_log() -> None:
    compared = LOG.assign(
        conflict_rca_lad=[0.1, 0.3, 0.5, 0.7],
        feature_conflict_rca_lad=[0.0, 0.2, 0.0, 0.2],
        conflict_rca_lm=np.nan,
        feature_conflict_rca_lm=np.nan,
        feature_agreement=[0.9, 0.8, 0.7, 0.6],
        update_cosine=[1.0, 0.9, 0.9, 0.8],
        update_ratio=1.1,
    )
    pairs = pcgrad_pairs(compared)
    assert pairs["pair"].tolist() == ["RCA-LAD"]
    assert pairs[["conflict", "feature_conflict"]].iloc[0].tolist() == pytest.approx([0.4, 0.1])
    assert pcgrad_updates(compared).tolist() == pytest.approx([0.75, 0.9, 1.1])


def test_a_log_that_compared_nothing_has_no_pairs() -> None:
    assert pcgrad_pairs(LOG).empty
    assert pcgrad_updates(LOG).isna().all()
