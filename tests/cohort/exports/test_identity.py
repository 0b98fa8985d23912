"""Pseudonyms: the same for whoever has the key, nothing for whoever has not."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccta_lib.cohort.exports.identity import MAX_SHIFT_DAYS, Pseudonyms, label, load_key, merge
from ccta_lib.errors import InputError

KEY, OTHER = bytes(32), bytes(31) + b"\1"


def test_numbers_are_keyed_and_apart() -> None:
    one = Pseudonyms(KEY)
    assert one.number("patient", "7") == Pseudonyms(KEY).number("patient", "7")
    assert (
        len({one.number("patient", "7"), one.number("exam", "7"), Pseudonyms(OTHER).number("patient", "7")})
        == 3
    )
    assert one.number("patient", "") == 0
    assert one.fingerprint != Pseudonyms(OTHER).fingerprint


def test_leading_zeros() -> None:
    ignoring, keeping = Pseudonyms(KEY), Pseudonyms(KEY, leading_zeros="keep")
    assert ignoring.patient("00123") == ignoring.patient("123") != ignoring.patient("A00123")
    assert ignoring.patient("A0123") != ignoring.patient("A123")
    assert ignoring.patient("000") == ignoring.patient("0")
    assert keeping.patient("00123") != keeping.patient("123")


def test_shifts_are_per_patient_never_zero_and_bounded() -> None:
    shift = Pseudonyms(KEY).shift_days(range(1, 3000))
    assert np.array_equal(shift, Pseudonyms(KEY).shift_days(range(1, 3000)))
    assert (shift != Pseudonyms(OTHER).shift_days(range(1, 3000))).mean() > 0.99
    assert set(np.abs(shift)) == set(range(1, MAX_SHIFT_DAYS + 1))


def test_labels_do_not_collide_with_their_negatives() -> None:
    assert label("P", np.array([-1, 1, 0])).tolist() == [
        "Pffffffffffffffff",
        "P0000000000000001",
        "P0000000000000000",
    ]


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), max_size=20))
def test_merging_is_the_transitive_closure(pairs: list[tuple[int, int]]) -> None:
    found = merge(pairs)
    groups = {n: {n} for pair in pairs for n in pair}
    for _ in range(12):
        for one, other in pairs:
            groups[one] = groups[other] = groups[one] | groups[other]
    assert found == {n: min(group) for n, group in groups.items()}


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "cohort.key"
    key = load_key(path, tmp_path / "out")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(key) == 32
    assert load_key(path, tmp_path / "out") == key
    path.chmod(0o644)
    with pytest.raises(InputError, match="mode 644"):
        load_key(path, tmp_path / "out")
    path.chmod(0o600)
    path.write_text("secret?")
    with pytest.raises(InputError, match="holds no key") as error:
        load_key(path, tmp_path / "out")
    assert "secret?" not in str(error.value)
    with pytest.raises(InputError, match="lies inside"):
        load_key(tmp_path / "out" / "a.key", tmp_path / "out")
