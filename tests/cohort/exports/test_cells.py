"""Cells as hospitals and spreadsheets write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccta_lib.cohort.exports import cells

NOON = datetime(2024, 3, 1, 12, 30)


@pytest.mark.parametrize(
    "cell",
    [
        "2024-03-01 12:30",
        "2024-03-01T12:30:00",
        "2024/3/1 12:30",
        "20240301123000",
        "202403011230",
        "2024年3月1日12时30分",
        "2024.03.01 12:30:00",
        45352 + 12.5 / 24,
        "45352.520833",
        datetime(2024, 3, 1, 12, 30),
    ],
)
def test_times_of_all_habits(cell: object) -> None:
    assert cells.moment(cell) == cells.Moment(NOON, False)


@pytest.mark.parametrize(
    "cell", ["2024-03-01", "20240301", "2024/3/1", "2024年3月1日", 45352, "45352", datetime(2024, 3, 1)]
)
def test_a_date_alone_is_the_whole_day(cell: object) -> None:
    moment = cells.moment(cell)
    assert moment == cells.Moment(datetime(2024, 3, 1), True)
    assert moment.latest == datetime(2024, 3, 1, 23, 59, 59)


@pytest.mark.parametrize(
    "cell",
    ["03/04/2024", "2024-13-01", "2024-02-30", "2024111", "soon", "", "#N/A", "0001-01-01", True, 12, 99999],
)
def test_what_could_be_two_days_or_none_is_not_read(cell: object) -> None:
    assert cells.moment(cell) is None


def test_a_pattern_decides() -> None:
    assert cells.moment("03/04/2024", pattern="%d/%m/%Y") == cells.Moment(datetime(2024, 4, 3), True)
    assert cells.moment("03/04/2024 08:05", pattern="%m/%d/%Y %H:%M") == cells.Moment(
        datetime(2024, 3, 4, 8, 5), False
    )
    assert cells.moment("2024-04-03", pattern="%d/%m/%Y") is None
    assert cells.moment(45352.0, pattern="%d/%m/%Y") == cells.Moment(datetime(2024, 3, 1), True)


def test_the_macintosh_epoch() -> None:
    assert cells.moment(45352 - 1462, epoch=datetime(1904, 1, 1)) == cells.Moment(datetime(2024, 3, 1), True)


def test_offsets_go_to_the_hospital_or_its_own_clock_counts() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    assert cells.moment("2024-03-01T04:30:00Z", zone=shanghai) == cells.Moment(NOON, False)
    assert cells.moment("2024-03-01T04:30:00+00:00") == cells.Moment(datetime(2024, 3, 1, 4, 30), False)
    assert cells.local(
        datetime(2024, 3, 1, 4, 30, tzinfo=timezone(timedelta(hours=-3))), shanghai
    ) == datetime(2024, 3, 1, 15, 30)


@given(st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1)))
def test_a_serial_number_gives_back_its_second(time: datetime) -> None:
    time = time.replace(microsecond=0)
    serial = (time - cells.EXCEL_EPOCH) / timedelta(days=1)
    assert cells.moment(serial).time == time


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("00123", "00123"),
        (123, "123"),
        (123.0, "123"),
        ("123.0", "123"),
        (" zs-7 ", "ZS-7"),
        ("１２３", "123"),
        (None, ""),
        ("  ", ""),
        (1.5, None),
        (True, None),
        (datetime(2024, 1, 1), None),
        ("1.23E+15", None),
        (1e300, None),
        ("#REF!", None),
        (-4.0, None),
    ],
)
def test_identifiers(cell: object, found: str | None) -> None:
    assert cells.identifier(cell) == found


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("63", 63),
        (63, 63),
        ("63岁", 63),
        ("63.5 years", 63.5),
        ("63,5", 63.5),
        ("-1", -1),
        ("old", None),
        (True, None),
    ],
)
def test_numbers(cell: object, found: float | None) -> None:
    assert cells.number(cell) == found


def test_words() -> None:
    known = {"男": "M", "1": "M", "female": "F"}
    assert [cells.word(c, known) for c in ("男", 1, 1.0, "Female ", "x")] == ["M", "M", "M", "F", None]
