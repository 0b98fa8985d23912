"""Whatever is planted into whatever file of a build is found; what is not there is not."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from datetime import date
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccta_lib.cohort.exports.columns import ColumnsMap
from ccta_lib.cohort.privacy import Wanted, scan_build, wanted_from_tables
from ccta_lib.errors import InputError
from tests.fuzz.guard import SECONDS, time_limit

CLAUSE = "subtotal occlusion of the mid left anterior descending artery"


def wanted() -> Wanted:
    found = Wanted()
    for kind, text in [
        ("name", "Zhangsan Testperson"),
        ("name", "张测试"),
        ("identifier", "MRN-00421"),
        ("identifier", "8842177"),
    ]:
        found.add(kind, text)
    found.add_date(date(1961, 3, 7))
    found.add_report(f"{CLAUSE}, otherwise fine; 左前降支中段重度狭窄约百分之七十五")
    return found


PLANTED = {
    "name": ["by Zhangsan Testperson,", "ZHANGSAN  TESTPERSON", "患者张测试，男"],
    "identifier": ["id MRN-00421.", "file_8842177_0.xml", "8842177", "ｍｒｎ－00421"],
    "birth date": ["1961-03-07", "7.3.1961", "19610307", "1961年3月7日", "born 1961/03/07 10:00",
                   "Born 7.3.1961.", "born 19610307.", "geb.07.03.1961", "DOB.19610307"],
    "text of a report": [f"x; {CLAUSE.upper()}.", "“左前降支中段重度狭窄约百分之七十五”，"],
    "mobile number": ["13812345678", "Call 13812345678.", "Tel.13812345678"],
    "e-mail address": ["a.person@hospital.cn"],
    "Chinese identity number": ["11010519491231002X", "card.11010519491231002X."],
}  # fmt: skip


def kinds(folder: Path) -> set[str]:
    return {f.kind for f in scan_build(folder, wanted())}


@pytest.mark.parametrize(("kind", "text"), [(k, t) for k, texts in PLANTED.items() for t in texts])
def test_every_kind_is_found_however_it_is_written(tmp_path: Path, kind: str, text: str) -> None:
    (tmp_path / "page.html").write_text(f"<p>before {text} after</p>\n", encoding="utf-8")
    assert kinds(tmp_path) == {kind}


@pytest.mark.parametrize(
    "text", ["0.13812345678", "13812345678.25", "0.19610307", "19610307.5", "1.7.3.1961", "7.3.1961.2"]
)
def test_a_decimal_number_is_nobodys(text: str) -> None:
    assert list(wanted().found_in(f"before {text} after")) == []


@pytest.mark.parametrize("text", ["f" * 500_000, "1" * 500_000, "1." * 250_000, "a@" * 250_000])
def test_a_long_word_is_searched_once(text: str) -> None:
    with time_limit(SECONDS):
        assert list(wanted().found_in(text)) == []


def write(path: Path, text: str) -> None:
    """Put a text into a file of the kind its name says."""
    if path.suffix == ".parquet":
        pd.DataFrame({"a": ["x", text]}).to_parquet(path)
    elif path.suffix == ".ipynb":
        path.write_text(json.dumps({"cells": [{"outputs": [{"text": text}]}], "metadata": {}}))
    elif path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        book.active.append([text])
        book.save(path)
    elif path.suffix == ".npz":
        np.savez(path, **{text: np.zeros(3)})
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inside.txt", text)
    elif path.suffix == ".sqlite":
        with sqlite3.connect(path) as base:
            base.execute("CREATE TABLE t (a TEXT)")
            base.execute("INSERT INTO t VALUES (?)", (text,))
        base.close()
    elif path.suffix == ".png":
        figure = plt.figure(figsize=(0.5, 0.5))
        figure.savefig(path, metadata={"Author": text})
        plt.close(figure)
    elif path.suffix == ".bin":
        path.write_bytes(b"\xff\x00\x9c" + text.encode() + b"\x00\xfe")
    else:
        path.write_text(("x" * 900 + "\n") * 1500 + text, encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [
        "t.csv",
        "t.json",
        "t.log",
        "t.parquet",
        "t.ipynb",
        "t.xlsx",
        "t.npz",
        "t.zip",
        "t.sqlite",
        "t.png",
        "t.bin",
    ],
)
def test_every_format_is_searched(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, "MRN-00421")
    [found] = scan_build(tmp_path, wanted())
    assert (found.file, found.kind) == (name, "identifier")
    assert "00421" not in str(found)


def test_names_of_files_and_whole_numbers_in_tables_are_searched(tmp_path: Path) -> None:
    pd.DataFrame({"n": [1, 8842177]}).to_parquet(tmp_path / "numbers.parquet")
    (tmp_path / "zhangsan_testperson.txt").write_text("")
    (tmp_path / "MRN-00421").mkdir()
    (tmp_path / "MRN-00421" / "a.txt").write_text("x")
    assert {(f.file, f.kind) for f in scan_build(tmp_path, wanted())} == {
        ("numbers.parquet", "identifier"),
        ("MRN-00421/a.txt", "identifier"),
    }


def test_a_long_line_is_not_cut_through_what_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("x " * ((1 << 19) - 3) + "Zhangsan Testperson " + "y " * 1000)
    assert kinds(tmp_path) == {"name"}


def test_columns_that_name_people_are_told(tmp_path: Path) -> None:
    pd.DataFrame({"birth_date": [1.5]}).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("ecg_id,姓名\n1,x\n", encoding="utf-8")
    assert {(f.file, f.kind) for f in scan_build(tmp_path)} == {
        (n, "column that names people") for n in ("a.parquet", "b.csv")
    }


def test_ordinary_results_raise_no_alarm(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "ecg_id": [f"e{i:016x}" for i in range(2000)],
            "prob_lm": rng.random(2000),
            "n": rng.integers(0, 10_000, 2000),
        }
    )
    table.to_csv(tmp_path / "t.csv")
    table.to_parquet(tmp_path / "t.parquet")
    (tmp_path / "m.md").write_text(
        "Stenosis of the left anterior descending artery, 2021-01-01; 75 % 0.8842177 1.3812345678"
    )
    assert scan_build(tmp_path, wanted()) == []


def test_what_cannot_be_searched_is_said_and_what_is_private_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "b.parquet").write_bytes(b"broken")
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "c.csv").write_text("MRN-00421")
    assert [(f.file, f.kind) for f in scan_build(tmp_path, wanted())] == [
        ("a.pdf", "not searched"),
        ("b.parquet", "not searched"),
    ]
    with pytest.raises(InputError, match="no such folder"):
        scan_build(tmp_path / "absent")


def test_people_are_taken_from_the_inputs(tmp_path: Path) -> None:
    (tmp_path / "reports.csv").write_text(
        "patient_id,ccta_time,report,name,birth_date\n"
        f'MRN-00421,2021-01-02,"{CLAUSE}; CAD-RADS 4",Zhangsan Testperson,1961-03-07\n12,2021-01-02,x,,\n',
        encoding="utf-8",
    )
    found = wanted_from_tables({"reports": [tmp_path / "reports.csv"]}, ColumnsMap())
    assert found.counts["name"] == 1
    assert found.counts["birth date"] == 1
    assert found.counts["identifier too short to look for"] >= 1
    build = tmp_path / "build"
    build.mkdir()
    (build / "log.txt").write_text(f"MRN-00421 Testperson Zhangsan Testperson 1961-03-07\n{CLAUSE}\n")
    assert {f.kind for f in scan_build(build, found)} == {
        "name",
        "identifier",
        "birth date",
        "text of a report",
    }


@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    list(wanted().found_in(text))


@given(
    st.text(alphabet="abcdefghij0123456789", min_size=6, max_size=12),
    st.text(max_size=60),
    st.text(max_size=60),
)
def test_an_identifier_between_separators_is_always_found(token: str, before: str, after: str) -> None:
    found = Wanted()
    found.add("identifier", token)
    assert "identifier" in set(found.found_in(f"{before} {token} {after}"))
