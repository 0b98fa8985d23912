"""Every number a live figure shows, moved by hand, is the library's number."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccta_lib.cohort import WaveformStore
from ccta_lib.evaluation import kaplan_meier, net_benefit, operating_points
from ccta_lib.evaluation.followup import followup_patients, high_risk
from ccta_lib.explain import r_peaks
from ccta_lib.schema import LEADS, VESSELS, labels, read_predictions
from ccta_lib.simulate.components import typical_beat, typical_waves
from ccta_lib.simulate.settings import DEFAULT_SETTINGS
from ccta_lib.simulate.waves import dose_of

pytestmark = pytest.mark.slow

RATES = ("sensitivity", "specificity", "ppv", "npv")
# Moves a slider as a hand does, and reads the page after each step.
SWEEP = """([slider, ids]) => {
  const input = document.getElementById(slider), out = [];
  for (let v = Number(input.min); v <= Number(input.max); v += Number(input.step)) {
    input.value = v;
    input.dispatchEvent(new Event("input"));
    out.push([document.getElementById(slider + "-value").textContent,
              ...ids.map((id) => document.getElementById("live-" + id).textContent)]);
  }
  return out;
}"""


@pytest.fixture(scope="module")
def predictions(run_dir: Path) -> pd.DataFrame:
    return read_predictions(run_dir / "predictions.parquet")


def known(predictions: pd.DataFrame, vessel: Any, cohort: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = predictions[predictions["cohort"] == cohort]
    y = labels(rows[vessel.grade_column])
    rows = rows[~np.isnan(y)]
    return y[~np.isnan(y)], rows[vessel.prob_column].to_numpy(float), rows["patient_id"].to_numpy()


def shown(value: float, digits: int = 3) -> str:
    return (
        "–" if np.isnan(value) else f"{value:.{digits}f}".replace("-0." + "0" * digits, "0." + "0" * digits)
    )


def same(found: str, value: float, digits: int = 3) -> bool:
    """Tell whether a displayed number is `value` rounded; JavaScript and Python may differ on an exact half."""
    if np.isnan(value) or found == "–":
        return found == shown(value)
    return abs(float(found) - value) <= 0.5 * 10**-digits + 1e-8


@pytest.mark.parametrize("cohort", ["internal", "external"])
@pytest.mark.parametrize("vessel", VESSELS)
def test_threshold_moves_everything(
    watched: Any, html: Path, predictions: pd.DataFrame, vessel: Any, cohort: str
) -> None:
    page = watched.open(html / "interactive" / "thresholds.html")
    page.check(f"input[name=live-vessel][value={vessel}]")
    page.select_option("#live-cohort", cohort)
    ids = ["tp", "fp", "fn", "tn", *RATES, "benefit", "all"]
    rows = page.evaluate(SWEEP, ["live-threshold", ids])
    grid = [float(r[0]) for r in rows]
    assert len(grid) > 20
    y, p, patients = known(predictions, vessel, cohort)
    points = operating_points(y, p, grid, groups=patients)
    benefit = net_benefit(y, p, grid).pivot_table(index="threshold", columns="strategy", values="net_benefit")
    for row, (_, point) in zip(rows, points.iterrows(), strict=True):
        cells = dict(zip(ids, row[1:], strict=True))
        assert [int(cells[k]) for k in ("tp", "fp", "fn", "tn")] == [
            point[k] for k in ("tp", "fp", "fn", "tn")
        ]
        for rate in RATES:
            numbers = re.findall(r"[\d.]+|–", cells[rate])
            assert same(numbers[0], point[rate]), (rate, row)
            if len(numbers) == 3:
                assert same(numbers[1], point[f"{rate}_low"])
                assert same(numbers[2], point[f"{rate}_high"])
            else:
                assert np.isnan(point[f"{rate}_low"]) or np.isnan(point[rate])
        assert same(cells["benefit"], benefit.loc[point["threshold"], "model"], 4)
        assert same(cells["all"], benefit.loc[point["threshold"], "all"], 4)
    assert not watched.faults


@pytest.mark.parametrize("vessel", VESSELS)
def test_threshold_splits_the_followed(
    watched: Any, html: Path, predictions: pd.DataFrame, vessel: Any
) -> None:
    page = watched.open(html / "interactive" / "thresholds.html")
    page.check(f"input[name=live-vessel][value={vessel}]")
    people = followup_patients(predictions, origin="ccta", horizon=700.0)
    for key in ("Home", "ArrowRight", "PageUp", "End", "ArrowLeft"):
        page.press("#live-threshold", key)
        cut = float(page.text_content("#live-threshold-value"))
        members, high = high_risk(people, vessel, {vessel: cut})
        texts = page.locator(".live-key").all_text_contents()
        for text, inside, name in zip(texts, (~high, high), ("Below", "At or above"), strict=True):
            group = members[inside]
            if group.empty:
                assert text == f"{name}: nobody"
                continue
            end = kaplan_meier(group["time"], group["event"], times=[0.0, 350.0, 700.0])
            risk = 100 * (1 - end["survival"].iloc[-1])
            found = re.match(rf"{name}: (\d+)/(\d+), ([\d.]+) %", text)
            assert found, text
            assert (int(found[1]), int(found[2])) == (group["event"].sum(), len(group))
            assert abs(float(found[3]) - risk) <= 0.05 + 1e-6
            line = 0 if name == "Below" else 1
            at_risk = [int(page.text_content(f"#live-risk-{line}-{k}")) for k in (0, 2, 4)]
            assert at_risk == end["at_risk"].tolist()
    assert not watched.faults


def test_prevalence_moves_what_depends_on_it(watched: Any, html: Path, predictions: pd.DataFrame) -> None:
    page = watched.open(html / "interactive" / "thresholds.html")
    vessel = VESSELS[0]
    y, p, _ = known(predictions, vessel, "internal")
    cut = float(page.text_content("#live-threshold-value"))
    before = page.text_content("#live-sensitivity")
    rows = page.evaluate(SWEEP, ["live-prevalence", [*RATES, "benefit", "all"]])
    sens, spec = (float(v) for v in operating_points(y, p, cut)[["sensitivity", "specificity"]].to_numpy()[0])
    for words, *cells in rows:
        pi, odds = float(words.split(" ")[0]) / 100, cut / (1 - cut)
        expected = (
            sens * pi / (sens * pi + (1 - spec) * (1 - pi)),
            spec * (1 - pi) / (spec * (1 - pi) + (1 - sens) * pi),
        )
        assert cells[0] == before
        for cell, value in zip(cells[2:4], expected, strict=True):
            assert same(cell, value)
        assert same(cells[4], sens * pi - (1 - spec) * (1 - pi) * odds, 4)
        assert same(cells[5], pi - (1 - pi) * odds, 4)
    page.click("#live-reset")
    assert "as observed" in page.text_content("#live-prevalence-value")
    assert page.text_content("#live-ppv").endswith("]")


def test_roc_point_lies_where_the_rates_say(watched: Any, html: Path) -> None:
    page = watched.open(html / "interactive" / "thresholds.html")
    page.press("#live-threshold", "PageDown")
    sens, spec = (
        float(page.text_content(f"#live-{r}").split(" ")[0]) for r in ("sensitivity", "specificity")
    )
    x, y = (float(page.get_attribute("#live-roc-point", a)) for a in ("cx", "cy"))
    width, height = 360 - 52 - 12, 270 - 26 - 44
    assert x == pytest.approx(52 + (1 - spec) * width, abs=0.3)
    assert y == pytest.approx(270 - 44 - sens * height, abs=0.3)


def drawn(page: Any, lead: str) -> np.ndarray:
    """Points of a lead's last trace in millimetres."""
    text = page.locator(f"path.live-trace[data-lead={lead}]").last.get_attribute("d")
    return np.array(re.findall(r"[ML]([-\d.]+) ([-\d.]+)", text), dtype=float)


def test_viewer_draws_the_recording(
    watched: Any, html: Path, run_dir: Path, predictions: pd.DataFrame
) -> None:
    """Every lead of every ECG on paper is the stored recording, millivolt for millivolt, with the beats found in it."""
    store = WaveformStore.open(run_dir / "cohort" / "waveforms")
    by_id = predictions.assign(ecg_id=predictions["ecg_id"].astype(str)).set_index("ecg_id")
    page = watched.open(html / "interactive" / "ecg-viewer.html")
    page.select_option("#live-layout", "12x1")
    options = page.locator("#live-which option").count()
    assert options >= 5
    for i in range(options):
        page.select_option("#live-which", str(i))
        text = page.text_content(".live-person p")
        ecg_id = text.split(",")[0]
        signal = store.signals([ecg_id])[0]
        for row, lead in enumerate(LEADS):
            points, base = drawn(page, lead), 22 * (row + 0.5)
            assert len(points) == 2500
            np.testing.assert_allclose(points[:, 0], np.arange(2500) / 250 * 25, atol=0.006)
            np.testing.assert_allclose((base - points[:, 1]) / 10, signal[row, ::2], atol=0.0006)
        peaks = r_peaks(signal[None])[0]
        assert page.locator(".live-beat").count() == len(peaks)
        assert f"{len(peaks)} beats found" in text
        cells = page.locator(".live-person tbody tr").nth(2).locator("td").all_text_contents()
        for cell, vessel in zip(cells, VESSELS, strict=True):
            assert same(cell, by_id.loc[ecg_id, vessel.prob_column])
    assert not watched.faults


def test_viewer_by_keyboard(watched: Any, html: Path) -> None:
    page = watched.open(html / "interactive" / "ecg-viewer.html")

    def reading() -> str:
        return str(page.text_content("#live-reading"))

    page.focus("#live-paper")
    assert "at 1.000 s" in reading()
    page.keyboard.press("ArrowRight")
    assert "at 1.012 s" in reading() or "at 1.008 s" in reading()
    page.keyboard.press("ArrowDown")
    assert reading().startswith("Lead III")
    page.keyboard.press("Home")
    page.keyboard.press("b")
    page.keyboard.press("m")
    page.keyboard.press("b")
    gap = int(re.search(r"Calipers: (\d+) ms \((\d+)/min\)", reading())[1])
    rate = int(re.search(r"(\d+) beats/min", page.text_content(".live-person p"))[1])
    assert 60000 / gap == pytest.approx(rate, rel=0.35)
    width = page.locator(".live-ecg").evaluate("e => e.clientWidth")
    page.keyboard.press("+")
    assert page.locator(".live-ecg").evaluate("e => e.clientWidth") > width * 1.2
    page.keyboard.press("n")
    assert page.input_value("#live-which") == "1"
    page.select_option("#live-overlay", "none")
    assert page.locator(".live-overlay").count() == 0
    assert not watched.faults


def test_simulator_adds_up_as_the_library_does(watched: Any, html: Path) -> None:
    page = watched.open(html / "interactive" / "simulator.html")
    ms = np.arange(-300.0, 601.0, 4.0)
    cases = [
        ({"RCA": 0, "LM": 0, "LAD": 0, "LCX": 0}, 60, "M", 70),
        ({"RCA": 85, "LM": 20, "LAD": 0, "LCX": 99}, 30, "F", 110),
        ({"RCA": 41, "LM": 77, "LAD": 100, "LCX": 55}, 90, "M", 50),
    ]
    for percent, age, sex, rate in cases:
        for slider, value in {**percent, "age": (age - 30) // 10, "rate": (rate - 50) // 10}.items():
            page.locator(f"#live-{slider}").fill(str(value))
        page.select_option("#live-sex", str("FM".index(sex)))
        dose = dose_of(np.array([percent[str(v)] for v in VESSELS], dtype=float), DEFAULT_SETTINGS)
        beat = page.evaluate("document.getElementById('live-simulator').beat()")
        expected = typical_beat(dose, ms, age=age, male=sex == "M", rate=rate)
        for i, lead in enumerate(LEADS):
            np.testing.assert_allclose(beat[lead], expected[i], atol=1e-6)
        planted = 1000 * typical_waves(dose[None], age=age, male=sex == "M", rate=rate).planted[0]
        for i, lead in enumerate(LEADS):
            for wave, place in (("st", 1), ("t", 2)):
                cell = page.text_content(f"#live-{wave}-{lead}").replace("−", "-")
                assert same(cell, planted[i, place], 1), (lead, wave)
    page.click("#live-reset")
    assert {page.text_content(f"#live-t-{lead}") for lead in LEADS} == {"0.0"}
    assert not watched.faults


@pytest.mark.parametrize("vessel", VESSELS)
def test_each_stenosis_slider_by_keyboard(watched: Any, html: Path, vessel: Any) -> None:
    page = watched.open(html / "interactive" / "simulator.html")
    page.click("#live-reset")
    page.press(f"#live-{vessel}", "End")
    assert page.get_attribute(f"#live-{vessel}", "aria-valuetext") == "100 %"
    dose = np.eye(4)[VESSELS.index(vessel)]
    planted = 1000 * typical_waves(dose[None], age=60, male=True, rate=70).planted[0, :, 2]
    cells = [page.text_content(f"#live-t-{lead}").replace("−", "-") for lead in LEADS]
    assert all(same(c, v, 1) for c, v in zip(cells, planted, strict=True))
