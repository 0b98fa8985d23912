"""Coverage of four intervals of the AUC, counted on simulated score sets whose AUC is known; nothing is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ccta_lib.evaluation.coverage import draw_scores, judge, tally
from ccta_lib.study.cell import Cell
from ccta_lib.study.size import StudySize

if TYPE_CHECKING:
    from ccta_lib.study.workspace import Workspace

STUDY = "coverage"
STREAM = 7_000_057  # sets these draws apart from those of cohorts


def cells(size: StudySize) -> list[Cell]:
    """Return one cell per setting and batch of score sets; the batch stands in the place of the seed."""
    own = size.coverage
    return [
        Cell(
            STUDY, name, batch, setting.model_dump() | {"sets": own.sets // own.batches, "n_boot": own.n_boot}
        )
        for name, setting in own.settings.items()
        for batch in range(own.batches)
    ]


def run(cell: Cell, workspace: Workspace) -> dict[str, pd.DataFrame]:
    """Draw the batch's score sets, make the four intervals of each, and count.

    Every set has random numbers of its own, and the same ones in all settings.

    Returns
    -------
    dict
        `coverage`: per method the columns of `ccta_lib.evaluation.coverage.tally`, and the setting.
    """
    s = cell.settings
    setting = {k: s[k] for k in ("patients", "ecgs", "prevalence", "auc", "correlation")}
    judged = []
    for i in range(s["sets"]):
        generator = np.random.default_rng([STREAM, cell.seed, i])
        y, score, patient = draw_scores(**setting, generator=generator)
        judged.append(judge(y, score, patient, s["auc"], n_boot=s["n_boot"], generator=generator))
    counts = tally(pd.concat(judged, ignore_index=True))
    return {"coverage": counts.assign(**setting)}
