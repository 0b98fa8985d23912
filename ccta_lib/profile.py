"""A profile fixes cohort size, model and chapter parameters; `book/parameters/*.yaml` is their one home."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ccta_lib.book.locate import book_folder
from ccta_lib.errors import ParameterError

PROFILES = ("smoke", "demo", "full", "paper")
Size = Annotated[int, Field(ge=1)]


class Simulation(BaseModel):
    """Sizes of the virtual cohort."""

    model_config = ConfigDict(extra="forbid", strict=True)
    internal_patients: Size
    internal_exams: Size
    internal_ecgs: Size
    external: Size
    followup: Size


class Profile(BaseModel):
    """Settings of one run."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    path: Path
    description: str
    seed: Annotated[int, Field(ge=0)]
    simulation: Simulation
    training: dict[str, Any]  # checked by TrainingSettings, which is imported only when torch is wanted
    chapters: dict[str, dict[str, Any]] = {}

    def chapter_parameters(self, names: list[str]) -> dict[str, dict[str, Any]]:
        """Return the settings of each chapter."""
        return {name: self.chapters.get(name, {}) for name in names}


def load_profile(name: str) -> Profile:
    """Read `book/parameters/<name>.yaml`.

    Raises
    ------
    ParameterError
        If there is no such profile, or with one line per wrong setting.
    """
    path = book_folder() / "parameters" / f"{name}.yaml"
    if not path.is_file():
        raise ParameterError(f"--profile: found {name!r}; expected one of {', '.join(PROFILES)}")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ParameterError(f"{path}: is not YAML ({error}); mend the file") from error
    try:
        return Profile(name=name, path=path, **values)
    except ValidationError as error:
        raise ParameterError(
            *(
                f"{path}: {'.'.join(str(p) for p in e['loc'])}: found {e['input']!r}; {e['msg']}"
                for e in error.errors()
            )
        ) from error
