"""Settings from elsewhere: plain values, or one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccta_lib.cohort.exports.columns import load_columns
from ccta_lib.errors import InputError, ParameterError
from ccta_lib.profile import read_profile
from ccta_lib.yaml_files import MOST_BYTES, read_yaml

LAUGHS = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (LAUGHS, "an alias"),
        ("a: &x [*x]", "an alias"),
        ("a: 1\na: 2", "'a' stands twice"),
        ("a: {b: 1, b: 2}", "'b' stands twice"),
        ("a: !!python/object/apply:os.system ['touch ran']", "could not determine a constructor"),
        ("a: " + "[" * 5000, "levels"),
        ("[1]: 2", "a key that is no word"),
        ("a: 2024-13-45", "month must be in"),
        ("a: [", "while parsing"),
        ("a: \x00", "special characters are not allowed"),
        ("# " + "x" * MOST_BYTES, "more than"),
    ],
)
def test_what_is_not_plain_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "map.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=why) as caught:
        read_yaml(path)
    assert len(caught.value.faults) == 1
    with pytest.raises(InputError):
        load_columns(path)
    with pytest.raises(ParameterError):
        read_profile(path)
    assert not (tmp_path / "ran").exists()


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_bytes("data_kind: 张".encode("gb18030"))
    with pytest.raises(InputError, match="YAML in UTF-8"):
        read_yaml(tmp_path / "m.yaml")


@pytest.mark.parametrize(
    "text", ["", "[1]", "text", "name: other\ndescription: x", "path: /etc/passwd", "seed: 1"]
)
def test_a_profile_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ParameterError):
        read_profile(tmp_path / "p.yaml")


def test_a_pattern_that_no_engine_takes(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text('ecgs: {pattern: "(?P<patient_id>[0-9]{99999999999})"}')
    with pytest.raises(InputError, match="no regular expression"):
        load_columns(tmp_path / "m.yaml")
