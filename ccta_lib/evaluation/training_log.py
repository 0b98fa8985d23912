"""What a training log says: losses, AUC by epoch, the epoch's choice, weights and conflicts (Methods, training)."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from ccta_lib.schema import VESSELS


def by_vessel(log: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Return one quantity of the log in long form.

    Parameters
    ----------
    log : one row per fold and epoch, with columns `<quantity>_<vessel>`
    quantity : "loss", "weight", "log_variance", "auc_inner" or "auc_outer"

    Returns
    -------
    DataFrame
        fold, epoch, vessel, value; a vessel that was never labelled is left out.
    """
    columns = {f"{quantity}_{v.lower()}": str(v) for v in VESSELS}
    long = log.rename(columns=columns).melt(["fold", "epoch"], list(columns.values()), "vessel", "value")
    return long[long.groupby("vessel")["value"].transform(lambda x: x.notna().any())].reset_index(drop=True)


def epoch_choice(log: pd.DataFrame) -> pd.DataFrame:
    """Compare the two ways to choose the epoch, on the fold that is reported.

    *Nested*: the epoch that is best on patients held back for the purpose. *The paper's way*: the epoch that is
    best on the reported fold itself. Both from the same training run (DEFINITIONS, epoch selection).

    Returns
    -------
    DataFrame
        fold, nested_epoch, paper_epoch (counted from 1), nested_auc, paper_auc (macro, on the reported fold),
        optimism = paper_auc - nested_auc; one row per fold.
    """
    rows = []
    for fold, part in log.groupby("fold"):
        nested, paper = (part[part[f"chosen_{rule}"]].iloc[0] for rule in ("nested", "paper"))
        rows.append(
            (fold, nested["epoch"] + 1, paper["epoch"] + 1, nested["macro_outer"], paper["macro_outer"])
        )
    table = pd.DataFrame(rows, columns=["fold", "nested_epoch", "paper_epoch", "nested_auc", "paper_auc"])
    return table.assign(optimism=table["paper_auc"] - table["nested_auc"])


def vessel_optimism(log: pd.DataFrame) -> pd.DataFrame:
    """Return per vessel the mean over folds of its AUC on the reported fold at either epoch.

    Returns
    -------
    DataFrame
        vessel, nested_auc, paper_auc, optimism
    """
    rows = []
    for vessel in VESSELS:
        column = f"auc_outer_{vessel.lower()}"
        nested, paper = (log.loc[log[f"chosen_{rule}"], column].mean() for rule in ("nested", "paper"))
        if not np.isnan(nested):
            rows.append((str(vessel), nested, paper, paper - nested))
    return pd.DataFrame(rows, columns=["vessel", "nested_auc", "paper_auc", "optimism"])


def final_weights(log: pd.DataFrame) -> pd.DataFrame:
    """Return where the uncertainty weights ended, and where their optimum 1/loss lies, both scaled to mean 1.

    Returns
    -------
    DataFrame
        vessel, loss, weight, log_variance, relative_weight, relative_optimum (means over folds, last epoch)
    """
    last = log[log["epoch"] == log["epoch"].max()]
    table = pd.DataFrame(
        {
            "vessel": [str(v) for v in VESSELS],
            **{
                q: [last[f"{q}_{v.lower()}"].mean() for v in VESSELS]
                for q in ("loss", "weight", "log_variance")
            },
        }
    ).dropna(subset="loss")
    optimum = 1 / table["loss"]
    return table.assign(
        relative_weight=table["weight"] / table["weight"].mean(), relative_optimum=optimum / optimum.mean()
    )


def pcgrad_pairs(log: pd.DataFrame) -> pd.DataFrame:
    """Return how often each pair of vessels conflicted, by the trunk's gradients and by those at the feature vector.

    Returns
    -------
    DataFrame
        pair, conflict, feature_conflict: shares of the steps, means over folds and epochs; no row where the run
        compared nothing (another setting of `pcgrad`, or a log of an earlier version).
    """
    rows = []
    for a, b in combinations(VESSELS, 2):
        columns = [f"{kind}_{a.lower()}_{b.lower()}" for kind in ("conflict", "feature_conflict")]
        if set(columns) <= set(log) and log[columns].notna().any().all():
            rows.append((f"{a}-{b}", *log[columns].mean()))
    return pd.DataFrame(rows, columns=["pair", "conflict", "feature_conflict"])


def pcgrad_updates(log: pd.DataFrame) -> pd.Series:
    """Return how near the two updates of the trunk are: means over folds and epochs.

    Returns
    -------
    Series
        feature_agreement (share of pairs about which both say the same), update_cosine, update_ratio (norm of the
        feature-level update over that of the exact one); NaN where the run compared nothing.
    """
    names = ["feature_agreement", "update_cosine", "update_ratio"]
    return log.reindex(columns=names).astype(float).mean()
