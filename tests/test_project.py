"""The project's own files agree with each other."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
CONDA_NAMES = {"torch": "pytorch"}  # where conda-forge calls a package by another name


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def split(requirement: str) -> tuple[str, str]:
    name, rest = re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?(.*)", requirement.strip()).groups()
    name = name.lower()
    return CONDA_NAMES.get(name, name), rest.replace(" ", "")


def requirements(pyproject: dict) -> dict[str, str]:
    extras = pyproject["project"]["optional-dependencies"]
    everything = pyproject["project"]["dependencies"] + [
        r for v in extras.values() for r in v if not r.startswith("ccta-lib[")
    ]
    return dict(split(r) for r in everything + pyproject["build-system"]["requires"])


def test_conda_environment_is_in_step(pyproject: dict) -> None:
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    plain = [d for d in listed if isinstance(d, str)] + [
        p for d in listed if isinstance(d, dict) for p in d["pip"]
    ]
    found = dict(split(d) for d in plain if not d.startswith("--"))
    assert found.pop("python") == pyproject["project"]["requires-python"]
    found.pop("pip")
    assert found == requirements(pyproject)


def test_constraints_pin_every_requirement(pyproject: dict) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.lower().split("==") for line in lines if line and not line.startswith("#"))
    names = {n.lower().replace("_", "-") for n in pins}
    wanted = {"torch" if n == "pytorch" else n for n in requirements(pyproject)} - {"hatchling"}
    assert wanted <= names


def test_versions_agree(pyproject: dict) -> None:
    version = pyproject["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == version
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_book_travels_in_the_wheel(pyproject: dict) -> None:
    assert pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"] == {
        "book": "ccta_lib/_book"
    }


def extras_in(text: str) -> set[str]:
    return set(re.search(r"--editable '?\.\[([a-z,]+)\]", text)[1].split(","))


def test_binder_and_container_are_in_step(pyproject: dict) -> None:
    known = set(pyproject["project"]["optional-dependencies"])
    oldest = re.search(r"\d+\.\d+", pyproject["project"]["requires-python"])[0]
    binder = (ROOT / "binder" / "requirements.txt").read_text()
    container = (ROOT / "Dockerfile").read_text()
    assert (ROOT / "binder" / "runtime.txt").read_text().strip() == f"python-{oldest}"
    assert f"FROM python:{oldest}-slim" in container
    assert extras_in(binder) <= known
    # Whatever is neither for tests nor for benchmarks is in the container.
    assert extras_in(container) == known - {"test", "bench", "quality", "all"}
    assert "--constraint ../constraints.txt" in binder
    assert "--constraint constraints.txt" in container
    for text in (binder, container):
        assert "was not tested by the authors" in text


WITHOUT_TORCH = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "safetensors"}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
"""


def run_without_torch(code: str) -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH + code], check=True, cwd=ROOT)


def test_all_but_training_works_without_torch() -> None:
    run_without_torch(
        "import ccta_lib.cli, ccta_lib.pipeline, ccta_lib.evaluation, ccta_lib.cohort, ccta_lib.simulate\n"
        "from ccta_lib.book import runner, render, chapter\n"
    )


def test_training_without_torch_names_the_extra() -> None:
    run_without_torch(
        "from ccta_lib.errors import MissingExtraError\n"
        "try:\n    from ccta_lib.training import train\n"
        "except MissingExtraError as error:\n    assert 'ccta-lib[train]' in str(error)\n"
        "else:\n    raise SystemExit(1)\n"
    )


@pytest.mark.parametrize("code", [
    "from ccta_lib.cohort.audit import prepare_audit", "from ccta_lib.cohort.language_model import Endpoint",
])  # fmt: skip
def test_without_the_extra_exports_its_name_is_told(code: str) -> None:
    absent = WITHOUT_TORCH.replace('{"torch", "safetensors"}', '{"openpyxl", "httpx", "tenacity"}')
    told = (
        f"try:\n    {code}\nexcept Exception as error:\n    assert 'ccta-lib[exports]' in str(error), error\n"
        "else:\n    raise SystemExit(1)\n"
    )
    subprocess.run([sys.executable, "-c", absent + told], check=True, cwd=ROOT)
