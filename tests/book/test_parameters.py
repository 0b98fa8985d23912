"""Parameters of a chapter are typed, and wrong ones are refused before anything runs."""

from __future__ import annotations

import pytest

from ccta_lib.book.parameters import check_parameters, read_parameters
from ccta_lib.errors import ParameterError

CELL = """from ccta_lib.book.types import Count, Vessels
run_dir: str = ""  # where
n_boot: Count = 1000  # resamples = draws
level: float = 0.95  # coverage
mode: Literal["a", "b"] | None = None  # unions survive
vessels: Vessels = ["RCA"]  # arteries
"""


@pytest.fixture
def known() -> dict:
    return read_parameters(CELL, chapter="c")


def test_the_cell_is_read_without_running_it(known: dict) -> None:
    assert list(known) == ["run_dir", "n_boot", "level", "mode", "vessels"]
    assert known["n_boot"].meaning == "resamples = draws"
    assert known["mode"].annotation == "Literal['a', 'b'] | None"
    assert known["vessels"].default == ["RCA"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("n_boot", "2000", 2000), ("level", "1e-3", 0.001), ("mode", "a", "a"), ("mode", "null", None),
     ("vessels", '["LAD", "LM"]', ["LAD", "LM"]), ("run_dir", "12", "12")],
)  # fmt: skip
def test_command_line_text_becomes_the_declared_type(
    known: dict, name: str, text: str, value: object
) -> None:
    given = {name: known[name].parse(text)}
    assert check_parameters("c", known, given)[name] == value


@pytest.mark.parametrize(
    ("name", "text"),
    [("n_boot", "010"), ("n_boot", "0"), ("n_boot", "1.5"), ("n_boot", "many"), ("n_boot", "1000001"),
     ("level", "high"), ("mode", "z"), ("vessels", '["AORTA"]'), ("vessels", "[]"), ("vessels", "LAD")],
)  # fmt: skip
def test_wrong_values_are_refused(known: dict, name: str, text: str) -> None:
    with pytest.raises(ParameterError, match=f"parameter {name} of chapter c: found"):
        check_parameters("c", known, {name: known[name].parse(text)})


def test_all_faults_at_once_and_unknown_names_with_the_known_ones(known: dict) -> None:
    with pytest.raises(ParameterError) as caught:
        check_parameters("c", known, {"n_bot": 1, "level": "x"}, where="demo.yaml")
    assert len(caught.value.faults) == 2
    assert "has no parameter n_bot; it has run_dir, n_boot" in caught.value.faults[0]
    assert all(f.startswith("demo.yaml") for f in caught.value.faults)


def test_a_yaml_string_is_not_a_number(known: dict) -> None:
    with pytest.raises(ParameterError):
        check_parameters("c", known, {"level": "1e-3"})


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # no type",
        "x: int = 1",
        "x: int  # no default",
        "print(1)  # a call",
        "x: Colour = 1  # no such type",
    ],
)
def test_an_unreadable_line_is_named(line: str) -> None:
    with pytest.raises(ParameterError, match="line 2"):
        read_parameters(f"a: int = 1  # first\n{line}\n", chapter="c")
