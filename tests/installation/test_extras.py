"""Each extra alone, in an empty environment: minutes and gigabytes, run by `make test-install`.

`CCTA_INSTALL_PYTHON` names another Python to do it with, the oldest or the newest there is.
"""

from __future__ import annotations

import re
import tomllib

import pytest

from .conftest import ROOT, Built, Environment

pytestmark = pytest.mark.installation

# What each extra is for, in a line that fails without it.
USES = {
    "": "from ccta_lib.evaluation import auc_interval; print(auc_interval([0, 1, 0, 1], [.1, .4, .35, .8]))",
    "train": (
        "from ccta_lib.model.net1d import NANO_CONFIG, Net1D; import torch; "
        "Net1D(NANO_CONFIG)(torch.zeros(1, 12, 1000))"
    ),
    "exports": "from ccta_lib.cohort.audit import prepare_audit; from ccta_lib.cohort.language_model import Endpoint",
    "cluster": "import ccta_lib.dask_backend",
    "study": "import captum.attr, neurokit2",
    "book": "from ccta_lib.book.runner import read_chapter; print(read_chapter('discrimination').title)",
    "test": "import pytest, hypothesis, xdist",
    "bench": "import dcurves",
    "quality": "import atheris, pytest_cov, pip_audit, cyclonedx_py",
    "all": "import torch, captum, sphinx, dask; from ccta_lib.training import train",
}


def test_every_extra_is_tried() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(USES) - {""} == set(project["optional-dependencies"])


@pytest.mark.parametrize("extra", USES)
def test_an_extra_alone(extra: str, built: Built, environment: Environment) -> None:
    environment.install(f"{built.wheel}[{extra}]" if extra else str(built.wheel))
    environment.run("python", "-m", "pip", "check")
    environment.run("python", "-c", USES[extra])
    environment.run("ccta", "--help")
    environment.run("ccta", "simulate", "--profile", "smoke", "--out", "cohort")
    checked = environment.run("ccta", "check", "cohort/cohort.parquet")
    for cohort, ecgs in {"internal": 160, "external": 80, "followup": 60}.items():
        assert re.search(rf"^{cohort} +LAD +{ecgs} ", checked.stdout, flags=re.MULTILINE), checked.stdout


def test_without_torch_no_evaluation_is_missing(built: Built, environment: Environment) -> None:
    environment.install(str(built.wheel))
    environment.run(
        "python", "-c",
        "import pkgutil, importlib, ccta_lib.evaluation as e, ccta_lib.plots as p\n"
        "for package in (e, p):\n"
        "    for m in pkgutil.iter_modules(package.__path__):\n"
        "        importlib.import_module(f'{package.__name__}.{m.name}')\n",
    )  # fmt: skip
