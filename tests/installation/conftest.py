"""A wheel built from this checkout, and empty environments to put it into."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Whoever asks for the newest or oldest Python gives its path; otherwise it is the one that runs the tests.
PYTHON = os.environ.get("CCTA_INSTALL_PYTHON", sys.executable)


@dataclass(frozen=True)
class Built:
    """Paths of the built distributions."""

    wheel: Path
    sdist: Path

    def names(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())


@dataclass(frozen=True)
class Environment:
    """A virtual environment outside the checkout; commands run in an empty folder."""

    folder: Path
    work: Path

    def run(self, *command: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "COV_"))
        }
        done = subprocess.run(
            [str(self.folder / "bin" / command[0]), *command[1:]],
            cwd=self.work, env=inherited | variables, capture_output=True, text=True,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done

    def install(self, *what: str) -> None:
        self.run(
            "python", "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), *what
        )


def build(source: Path, out: Path, *targets: str) -> list[Path]:
    kinds = [part for target in targets for part in ("-t", target)]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out), *kinds], cwd=source, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return sorted(out.iterdir(), key=lambda path: path.suffix, reverse=True)  # .whl, .gz


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    wheel, sdist = build(ROOT, tmp_path_factory.mktemp("dist"), "sdist", "wheel")
    return Built(wheel, sdist)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    asked = [sys.executable, "-m", "pip", "index", "versions", "click"]
    if subprocess.run(asked, capture_output=True).returncode:
        pytest.skip("no package index answers")
    subprocess.run([PYTHON, "-m", "venv", tmp_path / "venv"], check=True)
    (tmp_path / "empty").mkdir()
    return Environment(tmp_path / "venv", tmp_path / "empty")
