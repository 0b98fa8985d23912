"""How large the studies are: `book/parameters/study.yaml` is the one home of these numbers.

A study that needs sizes of its own adds a model here, a field of `StudySize`, and a line to both sections of the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ccta_lib.book.locate import book_folder
from ccta_lib.errors import ParameterError

SIZES = ("study", "smoke")
Count = Annotated[int, Field(ge=1)]
Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class Section(BaseModel):
    """Base of all parts of a size: frozen, and a name nobody knows is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LearningCurves(Section):
    """Sizes of the training cohort, in patients, and the starts that are compared at each."""

    patients: Annotated[list[Annotated[int, Field(ge=30)]], Field(min_length=1)]
    inits: Annotated[list[Literal["nano", "scratch"]], Field(min_length=1)]


class Optimism(Section):
    """Sizes of the study of optimism.

    Attributes
    ----------
    cohorts, first_seed : how many virtual cohorts, and the seed of the first; the others follow it
    patients, exams, ecgs : of each
    fresh_ecgs : of other patients of the same distribution, on which the truth is measured
    n_boot : resamples of the bootstrap intervals
    """

    cohorts: Annotated[int, Field(ge=2)]
    first_seed: Annotated[int, Field(ge=0)]
    patients: Count
    exams: Count
    ecgs: Count
    fresh_ecgs: Count
    n_boot: Count


class ScoreSets(Section):
    """One setting of the simulated score sets, as in `ccta_lib.evaluation.coverage.draw_scores`."""

    patients: Count
    ecgs: Count
    prevalence: Annotated[float, Field(gt=0, lt=1)]
    auc: Annotated[float, Field(gt=0, lt=1)]
    correlation: Annotated[float, Field(ge=0, le=1)]


class Coverage(Section):
    """Sizes of the study of coverage.

    Attributes
    ----------
    sets, batches : score sets of each setting, and in how many cells they are drawn
    n_boot : resamples of the bootstrap intervals
    settings : by name
    """

    sets: Count
    batches: Count
    n_boot: Count
    settings: Annotated[dict[str, ScoreSets], Field(min_length=1)]

    @model_validator(mode="after")
    def _whole_batches(self) -> Self:
        if self.sets % self.batches:
            raise ValueError(f"sets: {self.sets} cannot be drawn in {self.batches} batches of one size")
        return self


class Leakage(Section):
    """Sizes of the study of leakage and shortcuts.

    Attributes
    ----------
    probe_ecgs : fresh ECGs whose features are probed, recorded with two devices
    external_ecgs : ECGs of the external cohort that are told from them
    test_patients : patients of `Workspace.test` on whom shortcuts and matching are evaluated
    odds : odds ratios of device noise and diseased LAD in training; 1 = no shortcut
    noise_millivolt : muscle noise that the noisy device adds
    """

    probe_ecgs: Count
    external_ecgs: Count
    test_patients: Count
    odds: Annotated[list[Annotated[float, Field(ge=1)]], Field(min_length=1)]
    noise_millivolt: Annotated[float, Field(gt=0)]


class Transport(Section):
    """Sizes of the study of transport.

    Attributes
    ----------
    patients : of `Workspace.test`, with one ECG each, to whom everything is done
    checked : of these, whose disturbed ECGs also go through files, reading and checks
    prevalences : to which the test patients are resampled
    draws : resamples for each
    """

    patients: Count
    checked: Count
    prevalences: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)]
    draws: Count


class Ablations(Section):
    """Sizes of the study of ingredients: what its own pretraining, stage by stage, is given.

    Attributes
    ----------
    pretraining_ecgs, pretraining_epochs : of the first stage; a second one takes a quarter of each
    """

    pretraining_ecgs: Annotated[int, Field(ge=400)]
    pretraining_epochs: Count


class Attributions(Section):
    """Sizes of the study of attributions.

    Attributes
    ----------
    ecgs_per_vessel : patients with a severe and visible stenosis of each vessel, one ECG each
    sanity_per_vessel : of these, who also meet networks that cannot know
    steps : points of integrated gradients
    n_boot : resamples of patients
    """

    ecgs_per_vessel: Annotated[int, Field(ge=2)]
    sanity_per_vessel: Annotated[int, Field(ge=2)]
    steps: Annotated[int, Field(ge=2)]
    n_boot: Annotated[int, Field(ge=20)]


class Baselines(Section):
    """Sizes of the study of simpler models.

    Attributes
    ----------
    imputations : fillings of what is missing
    probe_epochs, probe_learning_rate : of the linear probe, whose epochs cost next to nothing
    """

    imputations: Annotated[int, Field(ge=2)]
    probe_epochs: Count
    probe_learning_rate: Annotated[float, Field(gt=0, lt=1)]


class StudySize(Section):
    """Size of all studies.

    Attributes
    ----------
    seeds : one virtual cohort, split and network each; arms are compared within a seed
    patients, exams, ecgs : of the virtual cohort of a seed
    test_ecgs : fresh ECGs of other patients of the same distribution, on which every arm of a seed is reported
    epochs, learning_rate : of fine-tuning
    """

    seeds: Seeds
    patients: Count
    exams: Count
    ecgs: Count
    test_ecgs: Count
    epochs: Count
    learning_rate: Annotated[float, Field(gt=0, lt=1)]
    ablations: Ablations
    attributions: Attributions
    baselines: Baselines
    learning_curves: LearningCurves
    optimism: Optimism
    coverage: Coverage
    leakage: Leakage
    transport: Transport

    def shared(self) -> dict[str, Any]:
        """Return what every cell depends on: all but the seeds and the studies' own sections."""
        names = ("patients", "exams", "ecgs", "test_ecgs", "epochs", "learning_rate")
        return self.model_dump(mode="json", include=set(names))

    def section(self, study: str) -> dict[str, Any]:
        """Return a study's own section, empty where it has none."""
        part = getattr(self, study.replace("-", "_"), None)
        return part.model_dump(mode="json") if isinstance(part, Section) else {}


def load_size(name: str = "study", *, path: Path | None = None) -> StudySize:
    """Read one size from `book/parameters/study.yaml`.

    Raises
    ------
    ParameterError
        If there is no such size, or with one line per wrong setting.
    """
    path = path or book_folder() / "parameters" / "study.yaml"
    try:
        sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ParameterError(f"{path}: is not YAML ({error}); mend the file") from error
    if not isinstance(sections, dict) or name not in sections:
        known = ", ".join(sections) if isinstance(sections, dict) else "none"
        raise ParameterError(f"{path}: holds no section {name!r}; found {known}")
    if not isinstance(sections[name], dict):
        raise ParameterError(
            f"{path}: {name}: found {sections[name]!r}; expected a mapping of names to values"
        )
    try:
        return StudySize(**sections[name])
    except ValidationError as error:
        raise ParameterError(
            *(
                f"{path}: {name}.{'.'.join(str(p) for p in e['loc'])}: found {e['input']!r}; {e['msg']}"
                for e in error.errors()
            )
        ) from error
