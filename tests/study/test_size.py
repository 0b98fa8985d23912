"""Sizes come from one file, and a wrong one is told line by line."""

import pytest

from ccta_lib.errors import ParameterError
from ccta_lib.study.size import SIZES, StudySize, load_size


@pytest.mark.parametrize("name", SIZES)
def test_the_shipped_sizes_are_whole(name):
    size = load_size(name)
    assert size.exams >= size.patients
    assert size.section("learning-curves")["inits"] == ["nano", "scratch"]
    assert size.section("no-such-study") == {}


def test_the_study_is_of_the_size_the_issue_names():
    size = load_size()
    assert (size.ecgs, size.epochs, len(size.seeds)) == (1200, 6, 5)
    assert size.optimism.cohorts == 20
    assert size.coverage.sets == 2000
    assert all(s.ecgs == 2 for s in size.coverage.settings.values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("study: [1", "is not YAML"),
        ("other: {}", "holds no section 'study'; found other"),
        ("- 1", "holds no section 'study'; found none"),
        ("study: 3", "study: found 3; expected a mapping"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, text, said):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError) as error:
        load_size(path=path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_each_wrong_setting_is_a_line(tmp_path):
    import yaml

    values = load_size("smoke").model_dump(mode="json")
    values |= {"ecgs": 0, "seeds": [], "unknown": 1}
    values["coverage"]["batches"] = 3
    values["learning_curves"]["patients"] = [10]
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({"study": values}))
    with pytest.raises(ParameterError) as error:
        load_size(path=path)
    said = "\n".join(error.value.faults)
    assert len(error.value.faults) == 5
    for part in (
        "study.ecgs: found 0",
        "study.seeds: found []",
        "study.unknown",
        "3 batches",
        "patients.0: found 10",
    ):
        assert part in said


def test_a_size_is_frozen(tiny: StudySize):
    with pytest.raises(ValueError, match="frozen"):
        tiny.ecgs = 5
