"""A profile fixes cohort size, model and chapter parameters; `book/parameters/*.yaml` is their one home."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ccta_lib.book.locate import book_folder
from ccta_lib.errors import InputError, ParameterError
from ccta_lib.yaml_files import read_yaml

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
    return read_profile(path)


def read_profile(path: Path) -> Profile:
    """Read the file of a profile, which is named as the file is.

    Raises
    ------
    ParameterError
        With one line per wrong setting.
    """
    try:
        values = read_yaml(path)
    except InputError as error:
        raise ParameterError(*error.faults) from error
    if not isinstance(values, dict) or {"name", "path"} & set(values):
        raise ParameterError(f"{path}: expected settings (`name: value`), without a name or path of its own")
    try:
        return Profile.model_validate({**values, "name": path.stem, "path": path})
    except ValidationError as error:
        raise ParameterError(
            *(
                f"{path}: {'.'.join(str(p) for p in e['loc'])}: found {_short(e['input'])}; {e['msg']}"
                for e in error.errors()
            )
        ) from error


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
