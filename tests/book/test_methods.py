"""The methods page says what the record says: a setting that changes, changes its sentence."""

# ruff: noqa: E501 (tables)
from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from ccta_lib.book.locate import shipped_run
from ccta_lib.book.methods import all_settings, methods_text, patients, training
from ccta_lib.book.runner import chapter_names, read_chapter
from ccta_lib.files import read_json
from ccta_lib.pipeline import take_predictions
from ccta_lib.training.settings import TrainingSettings

OTHER = {
    "architecture": "ecgfounder", "augmentation": False, "batch_size": 48, "dropout": 0.2, "epochs": 77, "final_rate_fraction": 0.07,
    "head_bias": "random", "init": "scratch", "inner_fraction": 0.31, "input_contract": "paper", "learning_rate": 0.00071,
    "checkpointing": True, "layer_decay": 0.7, "micro_batch": 16, "precision": "bf16", "trainable": "head",
    "n_folds": 3, "pcgrad": False, "selection": "paper", "sigma_learning_rate": 0.013, "uncertainty": "equal",
    "warmup_fraction": 0.23, "weight_decay": 0.0044, "augmentation_schedule": "constant", "batch": "augmented",
    "normalisation": "per_recording",
}  # fmt: skip
NO_MATTER = {
    "device",
    "checkpoint_minutes",
    "tensorboard",
}  # for the result; the record's cost says where a fold ran
PARAMETERS = {
    "discrimination": {"n_boot": 777, "level": 0.83, "seed": 17, "vessels": ["LM"], "units": ["exam"]},
    "subgroups": {"level": 0.83, "cohort": "external", "unit": "patient", "factors": ["sex"], "vessels": ["LM"]},
    "severity": {"level": 0.83, "unit": "ecg", "units": ["exam"], "vessels": ["LM"]},
    "calibration": {"n_boot": 777, "level": 0.83, "group_size": 33, "frac": 0.41, "iterations": 2, "seed": 17,
                    "thresholds": {"LM": 0.07}, "vessels": ["LM"]},
    "time-to-infarction": {"horizon": 555.0, "windows": [44.0], "origin": "paper", "thresholds": {"LM": 0.07}, "level": 0.83},
    "decision-curves": {"n_boot": 777, "level": 0.83, "unit": "patient", "horizon": 555.0, "prevalence": {"LM": 0.03},
                        "thresholds": {"LM": 0.07}, "seed": 17},
    "explainability": {"n_permutations": 777, "cluster_threshold": 2.5, "peaks": "paper", "scale": "millivolt", "level": 0.83,
                       "cohort": "external", "thresholds": {"LM": 0.07}, "seed": 17},
    "paper": {"margin": 0.03, "calibration_margin": 0.4, "n_boot": 777, "level": 0.83, "origin": "ecg", "horizon": 555.0,
              "thresholds": {"LM": 0.07}, "seed": 17, "vessels": ["LM"]},
}  # fmt: skip


def sentences(run: dict[str, Any]) -> str:
    """The text without the tables of all settings, which would change in any case."""
    return methods_text(run).partition("## Every setting")[0]


@pytest.mark.parametrize("name", OTHER)
def test_a_setting_of_training_changes_its_sentence(name: str, run: dict) -> None:
    before = sentences(run)
    assert run["stages"]["training"]["settings"].get(name) != OTHER[name]
    run["stages"]["training"]["settings"][name] = OTHER[name]
    assert sentences(run) != before


def test_every_recorded_setting_of_training_has_been_thought_of(run: dict) -> None:
    assert set(OTHER) | NO_MATTER == set(TrainingSettings.model_fields)
    assert set(run["stages"]["training"]["settings"]) <= set(TrainingSettings.model_fields)


def test_transforms_that_took_part_are_named(run: dict) -> None:
    run["stages"]["training"]["settings"]["augmentation"] = ["shift", "amplitude", "blank"]
    assert "Of the four augmentations shift, amplitude and blank took part." in sentences(run)


@pytest.mark.parametrize(("chapter", "name"), [(c, n) for c, values in PARAMETERS.items() for n in values])
def test_a_parameter_of_a_chapter_changes_its_sentence(chapter: str, name: str, run: dict) -> None:
    before = sentences(run)
    parameters = run["stages"][f"chapter {chapter}"]["parameters"]
    assert parameters[name] != PARAMETERS[chapter][name]
    parameters[name] = PARAMETERS[chapter][name]
    assert sentences(run) != before


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("stages", "training", "settings", "learning_rate"), 0.00071, "peak learning rate of 0.00071"),
        (("stages", "training", "settings", "selection"), "paper", "which is optimistic"),
        (("stages", "chapter time-to-infarction", "parameters", "horizon"), 555.0, "Infarctions to day 555"),
        (("stages", "chapter discrimination", "parameters", "n_boot"), 12345, "12,345 resamples"),
        (("stages", "cohort", "sizes", "internal_ecgs"), 1234, "1,234 ECGs"),
        (("versions", "numpy"), "9.9", "NumPy 9.9"),
        (("commit",), "deadbeef", "commit `deadbeef`"),
    ],
)
def test_the_number_itself_stands_in_the_sentence(
    path: tuple[str, ...], value: Any, words: str, run: dict
) -> None:
    assert words not in sentences(run)
    place = run
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert words in sentences(run)


def test_the_table_holds_every_setting(run: dict) -> None:
    table = all_settings(run)
    for name in run["stages"]["training"]["settings"]:
        assert f"| training | `{name}` |" in table
    for chapter in chapter_names():
        stage = run["stages"].get(f"chapter {chapter}")
        for name in (stage or {}).get("parameters", {}):
            assert (f"| {chapter} | `{name}` |" in table) == (name != "run_dir")


def test_what_was_not_done_is_not_described(run: dict) -> None:
    given = copy.deepcopy(run)
    for stage in ("training", "cohort", "prediction", "chapter severity"):
        given["stages"].pop(stage)
    text = sentences(given)
    assert "how they were made is not in its record" in text
    assert "This chapter was not run in this run." in text
    assert "AdamW" not in text
    given["origin"] = {
        "training": run["stages"]["training"]["settings"],
        "sizes": run["stages"]["cohort"]["sizes"],
    }
    assert "AdamW" in sentences(given)


@pytest.mark.parametrize("kind", ["real_proxy", "user"])
def test_real_patients_are_not_called_simulated(kind: str, run: dict) -> None:
    run["data_kind"] = kind
    assert "simulated" not in sentences(run).partition("## Network")[0].lower()


def test_chapters_have_the_parameters_the_sentences_speak_of() -> None:
    for chapter, values in PARAMETERS.items():
        assert set(values) <= set(read_chapter(chapter).parameters)


def test_a_run_on_given_predictions_knows_how_they_were_made(run: dict, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    take_predictions(shipped_run() / "predictions.parquet", first)
    take_predictions(first / "predictions.parquet", second)
    for folder in (first, second):
        taken = read_json(folder / "run.json")
        assert taken["origin"]["training"] == run["stages"]["training"]["settings"]
        assert taken["origin"]["commit"] == run["commit"]
        taken |= {"commit": "here", "hardware": run["hardware"]}
        assert training(taken) == training(run)
        assert patients(taken) == patients(run)
