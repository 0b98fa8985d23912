"""The installed scikit-learn stratifies grouped folds as the reference version does (wrong before 1.8)."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

CASES = {
    "pbcseq": ("clustered_pbcseq.csv", None, "hepato", "id"),
    "big5000": ("big5000.csv", None, "y", "patient"),
    "small_mixed": ("clustered_small.csv", "mixed", "y", "cluster"),
    "small_pure": ("clustered_small.csv", "pure", "y", "cluster"),
}
SPLITS = {"noshuffle": {"shuffle": False}, "shuffle0": {"shuffle": True, "random_state": 0}} | {
    "shuffle42": {"shuffle": True, "random_state": 42}
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("split", SPLITS)
def test_stratified_group_kfold(reference, name, k, split):
    file, case, label, group = CASES[name]
    data = reference.data(file)
    if case:
        data = data[data["case"] == case]
    y, groups = data[label].to_numpy(), data[group].to_numpy()
    expected = reference.values("split_stratified_group_kfold")[name][f"k{k}_{split}"]
    fold = np.full(len(y), -1)
    for i, (_, test) in enumerate(StratifiedGroupKFold(k, **SPLITS[split]).split(y, y, groups)):
        assert (fold[test] == -1).all()
        fold[test] = i
    assert np.bincount(fold).tolist() == expected["fold_sizes"]
    assert [int(y[fold == i].sum()) for i in range(k)] == expected["fold_pos"]
    assert [len(set(groups[fold == i])) for i in range(k)] == expected["fold_groups"]
    deviation = max(abs(y[fold == i].mean() - y.mean()) for i in range(k))
    assert deviation == pytest.approx(expected["max_prev_deviation"], abs=1e-12)
    if expected["fold_of_row"] is not None:
        assert fold.tolist() == expected["fold_of_row"]
