"""Known layouts become contract 1: on miniatures of the real tables, worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ccta_lib.cli.adapters import adapt
from ccta_lib.cohort import build_store, read_cohort
from ccta_lib.cohort.adapters import cohort_from_authors, cohort_from_ptbxl
from ccta_lib.cohort.adapters.ptbxl import ISCHAEMIA, TERRITORY
from ccta_lib.errors import InputError, ParameterError, TableError

Writer = Callable[..., Path]
Tones = Callable[..., np.ndarray]

HEADER = ("ecg_id,patient_id,age,sex,height,report,recording_date,scp_codes,infarction_stadium1,strat_fold,filename_lr,"
          "filename_hr")  # fmt: skip
STATEMENTS = """,description,diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass
NORM,normal ECG,1.0,,,NORM,NORM
IMI,inferior myocardial infarction,1.0,,,MI,IMI
ASMI,anteroseptal myocardial infarction,1.0,,,MI,AMI
ILMI,inferolateral myocardial infarction,1.0,,,MI,IMI
ISC_,non-specific ischemic,1.0,,,STTC,ISC_
ISCAN,ischemic in anterior leads,1.0,,,STTC,ISCA
LVH,left ventricular hypertrophy,1.0,,,HYP,LVH
SR,sinus rhythm,,,1.0,,
ABQRS,abnormal QRS,,1.0,,,
"""
# scp_codes, expected grades of RCA, LAD, LCX, and normal or not
CASES = [
    ("{'NORM': 100.0, 'SR': 0.0}", "normal", "normal", "normal", True),
    ("{'IMI': 100.0, 'ABQRS': 0.0}", "severe", "normal", "normal", False),
    ("{'ASMI': 80.0, 'ILMI': 50.0}", "severe", "severe", "severe", False),
    ("{'ASMI': 35.0, 'LVH': 100.0}", "normal", None, "normal", False),  # perhaps an infarct
    ("{'IMI': 0.0, 'NORM': 80.0}", None, "normal", "normal", True),  # its likelihood is not stated
    ("{'ISC_': 100.0}", None, None, None, False),
    ("{'ISCAN': 100.0, 'IMI': 100.0}", "severe", None, "normal", False),
    ("{'SR': 0.0, 'ABQRS': 0.0}", None, None, None, None),  # no diagnosis at all
]


@pytest.fixture
def ptbxl(tmp_path: Path, write_wfdb: Writer, tones: Tones) -> Path:
    """A miniature of PTB-XL 1.0.3 as downloaded."""
    folder = tmp_path / "ptb-xl"
    lines = [HEADER]
    for i, (codes, *_) in enumerate(CASES, start=1):
        write_wfdb(f"{i:05d}_hr", tones(seed=i), folder=folder / "records500" / "00000")
        age = "300.0" if i == 2 else "56.0"
        lines.append(f'{i},15{i // 2}.0,{age},{i % 2},,"sinusrhythmus, Herr Meier",1984-11-09 09:17:34,"{codes}",,{i},'
                     f"records100/00000/{i:05d}_lr,records500/00000/{i:05d}_hr")  # fmt: skip
    (folder / "ptbxl_database.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "scp_statements.csv").write_text(STATEMENTS, "utf-8")
    return folder


def test_ptbxl_by_hand(ptbxl: Path, tmp_path: Path) -> None:
    path = cohort_from_ptbxl(ptbxl, out=tmp_path / "cohorts" / "ptbxl")
    table = read_cohort(path)
    for row, (_, rca, lad, lcx, normal) in zip(table.itertuples(), CASES, strict=True):
        found = [
            None if pd.isna(g) else g for g in (row.grade_rca, row.grade_lad, row.grade_lcx, row.ecg_normal)
        ]
        assert found == [rca, lad, lcx, normal]
    assert table["grade_lm"].isna().all()
    assert set(table["data_kind"]) == {"real_proxy"}
    assert table["strat_fold"].astype(int).tolist() == list(range(1, 9))
    assert table["sex"].tolist() == ["F", "M"] * 4
    assert table["age"].isna().tolist() == [False, True] + [False] * 6
    assert str(table["ecg_time"][0]) == "1984-11-09 09:17:34"
    assert "Meier" not in path.read_text("utf-8")
    assert (table["patient_id"].nunique(), table["ecg_id"][0], table["patient_id"][0]) == (
        5,
        "ptbxl-00001",
        "ptbxl-00150",
    )
    account = json.loads((path.parent / "adapted.json").read_text("utf-8"))
    assert account["severe_or_occluded"] == {"RCA": 3, "LM": 0, "LAD": 1, "LCX": 1}
    assert account["ages_over_89_left_empty"] == 1
    assert "report" in account["left_out_columns"]
    store = build_store(path, table, tmp_path / "store")
    assert len(store) == 8


def test_every_territory_of_ptbxl_is_said_once() -> None:
    assert not set(TERRITORY) & set(ISCHAEMIA)
    assert {v for vessels in TERRITORY.values() for v in vessels} == {"RCA", "LAD", "LCX"}


@pytest.mark.parametrize(("old", "new", "message"), [
    ("{'NORM': 100.0, 'SR': 0.0}", "NORM 100", "line 2 .ecg_id 1., column scp_codes: found 'NORM 100'"),
    ("1,150.0,", "1,,", "column patient_id: found ''"),
    ("scp_codes", "codes", "column scp_codes is missing"),
    ("00001_hr", "00099_hr", "1 of 8 recordings are not there, the first in line 2"),
    (",1,,\"sinus", ",7,,\"sinus", "column sex: found '7'"),
])  # fmt: skip
def test_wrong_ptbxl_is_named(old: str, new: str, message: str, ptbxl: Path, tmp_path: Path) -> None:
    database = ptbxl / "ptbxl_database.csv"
    text = database.read_text("utf-8")
    assert old in text
    database.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(InputError, match=message):
        cohort_from_ptbxl(ptbxl, out=tmp_path / "out")
    assert not (tmp_path / "out" / "cohort.csv").exists()


AUTHORS = "\n".join([
    "患者编号,姓名,性别,年龄,检查日期,右冠状动脉主干_诊断结果,左冠状动脉主干_诊断结果,"
    "左前降支_诊断结果,左回旋支_诊断结果,ECG文件路径",
    "P001,王小明,男,63岁,2021-03-04,未见明显狭窄,未见明显狭窄,重度狭窄,轻度狭窄,ecg/a.npy",
    "P001,王小明,男,63岁,2021年3月4日,未见明显狭窄,未见明显狭窄,重度狭窄,轻度狭窄,ecg\\b.npy",
    "P002,李四,女,,2021/12/5 14:30,完全堵塞,,中度狭窄,,ecg/c.npy",
    "",
])  # fmt: skip


@pytest.fixture
def authors(tmp_path: Path, tones: Tones) -> Path:
    folder = tmp_path / "authors"
    (folder / "ecg").mkdir(parents=True)
    for i, name in enumerate("abc"):
        np.save(folder / "ecg" / f"{name}.npy", tones(seed=i).astype(np.float32))
    return folder / "冠脉CTA.csv"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_authors_by_hand(encoding: str, authors: Path, tmp_path: Path) -> None:
    authors.write_text(AUTHORS, encoding)
    path = cohort_from_authors(authors, out=tmp_path / "out", sampling_hz=500, site="pkuph")
    table = read_cohort(path)
    assert table["ecg_id"].tolist() == ["P001-1", "P001-2", "P002-1"]
    assert table["exam_id"].tolist() == ["P001-20210304", "P001-20210304", "P002-20211205"]
    assert table["grade_rca"].tolist() == ["normal", "normal", "occluded"]
    assert table["grade_lm"].fillna("?").tolist() == ["normal", "normal", "?"]
    assert table["grade_lad"].tolist() == ["severe", "severe", "moderate"]
    assert table["grade_lcx"].fillna("?").tolist() == ["mild", "mild", "?"]
    assert table["sex"].tolist() == ["M", "M", "F"]
    assert table["age"].fillna(-1).tolist() == [63, 63, -1]
    assert str(table["ccta_time"][2]) == "2021-12-05 14:30:00"
    assert set(table["data_kind"]) == {"user"}
    assert "王小明" not in path.read_text("utf-8")
    assert json.loads((path.parent / "adapted.json").read_text("utf-8"))["left_out_columns"] == ["姓名"]
    assert len(build_store(path, table, tmp_path / "store")) == 3


@pytest.mark.parametrize(("old", "new", "message"), [
    ("重度狭窄", "严重", "line 2, column 左前降支_诊断结果: found the form 'aa'; expected one of 未见明显狭窄"),
    ("2021-03-04", "04.03", "line 2, column 检查日期: found the form '99.99'"),
    ("2021-03-04", "3/4/2021", "line 2, column 检查日期: found the form '9/9/9999'"),
    ("ecg/a.npy", "ecg/z.npy", "1 of 3 recordings are not there, the first in line 2"),
    ("ecg/c.npy", "ecg/a.npy", "line 4, column ECG文件路径: the same recording as line 2"),
    ("左回旋支_诊断结果", "左回旋支", "column 左回旋支_诊断结果 is missing"),
    ("P002", "", "line 4, column 患者编号: found an empty cell"),
    ("女", "雌", "column 性别: found the form 'a'"),
    ("ecg\\b.npy", "", "line 3, column ECG文件路径: found an empty cell"),
])  # fmt: skip
def test_wrong_authors_is_named(old: str, new: str, message: str, authors: Path, tmp_path: Path) -> None:
    assert old in AUTHORS
    authors.write_text(AUTHORS.replace(old, new, 1), "utf-8")
    with pytest.raises(InputError, match=message):
        cohort_from_authors(authors, out=tmp_path / "out", sampling_hz=500)


def test_two_grades_of_one_examination_are_named(authors: Path, tmp_path: Path) -> None:
    authors.write_text(AUTHORS.replace("重度狭窄", "中度狭窄", 1), "utf-8")
    with pytest.raises(TableError, match="its exam has two grades"):
        cohort_from_authors(authors, out=tmp_path / "out", sampling_hz=500)


def test_bytes_that_are_neither_encoding(authors: Path, tmp_path: Path) -> None:
    authors.write_bytes(b"\xff\xff\xff\n")
    with pytest.raises(TableError, match="neither UTF-8 nor GB18030"):
        cohort_from_authors(authors, out=tmp_path / "out", sampling_hz=500)


def test_command_line(ptbxl: Path, authors: Path, tmp_path: Path) -> None:
    authors.write_text(AUTHORS, "utf-8")
    run = CliRunner().invoke
    done = run(adapt, ["ptbxl", str(ptbxl), "--out", str(tmp_path / "p")])
    assert done.exit_code == 0, done.output
    assert "columns filename_lr, height, infarction_stadium1, report" in done.output
    done = run(adapt, ["authors", str(authors), "--out", str(tmp_path / "a"), "--sampling-hz", "500"])
    assert done.exit_code == 0, done.output
    assert done.output.rstrip().endswith(str(tmp_path / "a" / "cohort.csv"))
    for wrong in (["authors", str(authors)], ["ptbxl", str(ptbxl), "--sampling-hz", "250"],
                  ["ptbxl", str(ptbxl), "--site", "x"]):  # fmt: skip
        assert isinstance(run(adapt, [*wrong, "--out", str(tmp_path / "x")]).exception, ParameterError)
