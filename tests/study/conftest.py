"""The smallest size at which a network trains, and a workspace of it."""

import pytest

from ccta_lib.study.size import StudySize, load_size


@pytest.fixture(scope="session")
def tiny() -> StudySize:
    small = {"seeds": [1, 2], "patients": 40, "exams": 44, "ecgs": 80, "test_ecgs": 80, "epochs": 1}
    return load_size("smoke").model_copy(update=small)


@pytest.fixture(scope="session")
def workspace(tiny, tmp_path_factory):
    pytest.importorskip("torch")
    from ccta_lib.study.workspace import Workspace

    return Workspace(tmp_path_factory.mktemp("workspace"), tiny)
