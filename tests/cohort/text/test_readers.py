"""Every line of the hand-written tables is read as a careful reader would; what must not matter does not."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ccta_lib.cohort import read_grades as exported
from ccta_lib.cohort.text import (
    ABSTAIN_BELOW,
    MAX_CHARS,
    GradeReading,
    read_grades,
    read_history,
    read_procedure,
    read_statement,
    read_vessel_text,
)
from ccta_lib.errors import InputError
from ccta_lib.schema import VESSELS, Grade, Vessel
from ccta_lib.simulate.exports.reports import report_set

HERE = Path(__file__).parent
LETTER = {True: "T", False: "F", None: "-"}


def lines(name: str) -> Iterator[tuple[str, str]]:
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            expected, text = line.split("\t")
            yield expected, text.replace("\\n", "\n").replace("\\t", "\t")


def pattern(readings: dict[Vessel, GradeReading]) -> str:
    return "".join("-" if (g := readings[v].grade) is None else str(g.rank) for v in VESSELS)


REPORTS = list(lines("grades.tsv"))


@pytest.mark.parametrize(("expected", "text"), REPORTS)
def test_reports(expected: str, text: str) -> None:
    assert pattern(read_grades(text)) == expected


@pytest.mark.parametrize(("expected", "text"), list(lines("statements.tsv")))
def test_statements(expected: str, text: str) -> None:
    assert LETTER[read_statement(text).ecg_normal] == expected


@pytest.mark.parametrize(("expected", "text"), list(lines("history.tsv")))
def test_history(expected: str, text: str) -> None:
    assert "".join(LETTER[r.value] for r in read_history(text).values()) == expected


@pytest.mark.parametrize(("expected", "text"), list(lines("procedures.tsv")))
def test_procedures(expected: str, text: str) -> None:
    assert (read_procedure(text).kind or "none") == expected


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_wording_the_rules_were_developed_on(language: str) -> None:
    reports = report_set("develop", n=400, seed=20, language=language)
    read = [read_grades(text) for text in reports["report"]]
    for v in VESSELS:
        truth = [t if isinstance(t, str) else None for t in reports[v.grade_column]]
        got = [r[v].grade for r in read]
        known = [(t, g) for t, g in zip(truth, got, strict=True) if t is not None]
        assert np.mean([t == g for t, g in known]) >= 0.985
        assert np.mean([g is None for _, g in known]) < 0.015
        assert not any(g is not None for t, g in zip(truth, got, strict=True) if t is None)


def test_catheter_reports_in_german_and_english(reference_data: Path) -> None:
    with (reference_data / "realecg" / "catheter_reports.csv").open(encoding="utf-8") as file:
        rows = {r["ecg_id"]: r for r in csv.DictReader(file)}
    read = {
        (k, v): read_vessel_text(r[f"text_{v.lower()}"], v).grade
        for k, r in rows.items() for v in (Vessel.LAD, Vessel.LCX, Vessel.RCA)
    }  # fmt: skip
    stenosed = {
        ("ptb_212_s0434_re", Vessel.LAD): Grade.SEVERE, ("ptb_212_s0434_re", Vessel.RCA): Grade.SEVERE,
        ("ptb_218_s0440_re", Vessel.LAD): Grade.MODERATE, ("ptb_220_s0442_re", Vessel.LAD): Grade.SEVERE,
        ("ptb_220_s0442_re", Vessel.LCX): Grade.SEVERE, ("ptb_220_s0442_re", Vessel.RCA): Grade.SEVERE,
        ("ptb_228_s0451_re", Vessel.LAD): Grade.SEVERE, ("ptb_228_s0451_re", Vessel.LCX): Grade.SEVERE,
        ("ptb_230_s0454_re", Vessel.LCX): Grade.SEVERE,
    }  # fmt: skip
    assert read == {key: stenosed.get(key, Grade.NORMAL) for key in read}


@pytest.mark.parametrize(("text", "grade"), [
    ("未见明显狭窄", Grade.NORMAL), ("轻度狭窄", Grade.MILD), ("中度狭窄", Grade.MODERATE), ("重度狭窄", Grade.SEVERE),
    ("完全堵塞", Grade.OCCLUDED), ("severe", Grade.SEVERE), ("中度", Grade.MODERATE), ("75%", Grade.SEVERE),
    ("50-69%", Grade.MODERATE), ("normal", Grade.NORMAL), ("", None), ("-", None), ("无", None), ("75", None),
    ("显影不佳,无法评价", None), ("RIVA proximal 75%, Ramus diagonalis 90%,", Grade.SEVERE), ("RCX 90%", None),
])  # fmt: skip
def test_a_column_of_one_vessel(text: str, grade: Grade | None) -> None:
    assert read_vessel_text(text, "LAD").grade == grade


def test_a_table_and_a_slip_are_quoted_as_they_stand() -> None:
    readings = read_grades("Vessel | Stenosis\nLAD | 60%\ncircumlfex | none")
    assert readings[Vessel.LAD].evidence == "LAD | 60%"
    assert (readings[Vessel.LAD].percent, readings[Vessel.LCX].evidence) == (60.0, "circumlfex | none")


def test_the_worst_number_is_kept() -> None:
    reading = read_vessel_text("RIVA proximal 75%, Ramus diagonalis_1 90%,", Vessel.LAD)
    assert (reading.percent, reading.evidence) == (90.0, "Ramus diagonalis_1 90%")


@pytest.mark.parametrize("percent", [0, 24, 25, 49, 50, 69, 70, 98, 99, 100])
def test_the_boundaries_are_those_of_the_schema(percent: int) -> None:
    for text in (f"LAD {percent}% stenosis", f"前降支管腔狭窄约{percent}%"):
        reading = read_grades(text)[Vessel.LAD]
        assert (reading.grade, reading.percent) == (Grade.from_percent(percent), percent)


def test_wrong_input_is_refused_and_a_flood_of_text_is_not_read() -> None:
    assert exported is read_grades
    for reader in (read_grades, read_history, read_statement, read_procedure):
        with pytest.raises(InputError, match="expected a string"):
            reader(float("nan"))  # type: ignore[operator]
    with pytest.raises(InputError, match="use one of RCA, LM, LAD, LCX"):
        read_vessel_text("normal", "aorta")
    flood = "LAD 80% stenosis. " * (MAX_CHARS // 18 + 1)
    assert all(r.grade is None and "longer than" in r.reason for r in read_grades(flood).values())


# ---------------------------------------------------------------------------------------------------------

REPORT = st.sampled_from([text for _, text in REPORTS])
WORDS = [
    "LAD", "RCA", "LM", "LCX", "D1", "前降支", "右冠", "回旋支", "左主干", "no", "未见", "stenosis", "狭窄",
    "50%", "70-99%", "<", "≥", "mild", "重度", "闭塞", "plaque", "斑块", "。", ".", "\n", ";", ",", " ",
    ":", "(", ")", "respectively", "分别", "possible", "不除外", "otherwise", "其余", "CAD-RADS 3", "prior",
    "前片", "graft", "stent", "segment 6", "of", "in", "and", "、", "?", "80",
]  # fmt: skip
PIECES = st.lists(st.sampled_from(WORDS), max_size=40).map("".join)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=300), REPORT, PIECES, st.tuples(REPORT, PIECES).map("".join)))
@example("ﬁ İ ẞ LAD 70%")
@example("")
def test_any_text_is_read_and_quoted_verbatim(text: str) -> None:
    readings = read_grades(text)
    assert list(readings) == list(VESSELS)
    for r in readings.values():
        assert r.evidence in text
        if r.grade is None:
            assert r.reason
            assert r.percent is None
            assert r.confidence == 0
        else:
            assert r.evidence
            assert ABSTAIN_BELOW <= r.confidence <= 1
    for evidence in (read_statement(text).evidence, read_procedure(text).evidence,
                     *(h.evidence for h in read_history(text).values())):  # fmt: skip
        assert evidence in text


@settings(max_examples=60, deadline=None)
@given(REPORT)
def test_full_width_signs_mean_the_same(text: str) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)
    assert pattern(read_grades(wide)) == pattern(read_grades(text))


UNRELATED = [
    "The lungs are clear. ", "LVEF was 55%. ", "Heart rate 62 bpm, 75% phase. ", "Calcium score 80. ",
    "升主动脉内径35mm。", "检查日期2020-05-01。", "左室射血分数60%。", "双肺未见明显异常。", "平均心率65次/分。",
]  # fmt: skip
OWN = st.sampled_from([
    "LAD: severe stenosis. ", "The RCA has 30% stenosis. ", "No stenosis in the LM. ",
    "Moderate stenosis of the LCX. ", "LAD 40% stenosis. ", "D1 mild stenosis. ",
    "前降支近段重度狭窄。", "右冠轻度狭窄。", "左主干未见狭窄。", "回旋支管腔狭窄约60%。",
])  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(OWN, min_size=1, max_size=6), st.sampled_from(UNRELATED), st.data())
def test_unrelated_sentences_and_the_order_do_not_matter(
    own: list[str], other: str, data: st.DataObject
) -> None:
    plain = pattern(read_grades("".join(own)))
    place = data.draw(st.integers(0, len(own)))
    assert pattern(read_grades("".join([*own[:place], other, *own[place:]]))) == plain
    assert pattern(read_grades("".join(data.draw(st.permutations(own))))) == plain


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(0, 100), min_size=1, max_size=5),
    st.sampled_from(["LAD {}% stenosis. ", "前降支狭窄约{}%。"]),
)
def test_the_worst_lesion_wins(percents: list[int], template: str) -> None:
    reading = read_grades("".join(template.format(p) for p in percents))[Vessel.LAD]
    assert (reading.grade, reading.percent) == (
        Grade.from_percent(max(percents)),
        max(percents) or reading.percent,
    )


@settings(max_examples=100, deadline=None)
@given(REPORT)
def test_a_worse_lesion_never_lowers_a_grade(text: str) -> None:
    before = read_grades(text)
    after = read_grades(text.rstrip() + "\nLAD: 100% stenosis.")
    lad = after[Vessel.LAD]
    assert lad.grade is None or lad.grade is Grade.OCCLUDED
    for v in set(VESSELS) - {Vessel.LAD}:
        ranks = [g.rank for r in (before[v], after[v]) if (g := r.grade) is not None]
        assert ranks == sorted(ranks)


@pytest.mark.parametrize("unit", [
    "LAD ", "50%-", "no ", "未见", "(", "狭窄", "前降支、", "segment 1,", "a", " ", "\n", "cannot be ", "与", "9",
    "2019年", "all of the ", "diabetes, ", "否认", "st-t ", "pci, ", "coronary ", "normal ", "mild to ", "1-", "≥",
    "冠状动脉", "a | b\n", "Vessel|Stenosis\n", "LAD,50%\n", "narowing ",
])  # fmt: skip
def test_no_text_takes_long(unit: str) -> None:
    text = (unit * (MAX_CHARS // len(unit)))[:MAX_CHARS]
    for reader in (read_grades, read_history, read_statement, read_procedure):
        reader(text)
