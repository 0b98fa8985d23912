"""The methods of a run as sentences, written from its record: text and code cannot disagree.

Every number in these sentences comes from `run.json`. A setting of training or of a chapter that no sentence mentions
still stands in the tables below them.
"""

# ruff: noqa: E501 (sentences)
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from ccta_lib.book.chapter import pipe_table

Values = Mapping[str, Any]

LEVELS = {"ecg": "ECGs", "exam": "CT examinations", "patient": "patients"}
COHORT_WORDS = {"internal": "internal", "external": "external", "followup": "follow-up"}
ORIGINS = {
    "ccta": "Time ran from the CCTA.",
    "ecg": "Time ran from the ECG, and a patient entered the risk set at the CCTA (delayed entry).",
    "paper": "Time ran from the ECG without delayed entry, as in the paper, which counts the days before the CCTA as survived.",
}
PROJECTIONS: dict[str | bool, str] = {
    "exact": "Conflicting gradients were projected (PCGrad {cite}`yu2020pcgrad`).",
    "features": "Conflicting gradients were projected (PCGrad {cite}`yu2020pcgrad`), conflicts being taken at the feature vector.",
    "none": "Gradients of the four tasks were summed.",
}
PROJECTIONS |= {True: PROJECTIONS["exact"], False: PROJECTIONS["none"]}  # runs of the first version
# The ordinary way, as the paper's text has it and as the weights state it, needs no sentence.
SCHEDULES = {
    "paper": "",
    "printed": "Their strength fell from 1 to 0 (equation 3 as printed).",
    "constant": "Their strength was the same in all epochs.",
}
NORMALISATIONS = {
    "contract": "",
    "per_lead": "Each lead was z-scored by itself, whatever the weights had been pretrained on.",
    "per_recording": "All leads of an ECG were z-scored together, whatever the weights had been pretrained on.",
}
WEIGHTINGS = {
    "published code": "in the form of the published code",
    "paper": "in the form of the paper's equation 1",
    "equal": "",
}


def methods_text(run: Values) -> str:
    """Return the methods of a run as MyST text.

    Parameters
    ----------
    run : content of `run.json`
    """
    parts = [
        ("Patients", patients(run)),
        ("Network and training", training(run)),
        ("Discrimination", _chapter(run, "discrimination", _discrimination)),
        ("Subgroups", _chapter(run, "subgroups", _subgroups)),
        ("Severity", _chapter(run, "severity", _severity)),
        ("Calibration", _chapter(run, "calibration", _calibration)),
        ("Time to infarction", _chapter(run, "time-to-infarction", _infarction)),
        ("Decisions", _chapter(run, "decision-curves", _decisions)),
        ("Explainability", _chapter(run, "explainability", _explainability)),
        ("Comparison with the paper", _chapter(run, "paper", _paper)),
        ("Computing", computing(run)),
    ]
    text = "\n\n".join(f"## {title}\n\n{body}" for title, body in parts)
    return f"{text}\n\n## Every setting of this run\n\n{all_settings(run)}\n"


def patients(run: Values) -> str:
    """Say whose ECGs they are, how many, and who made the predictions."""
    origin = run.get("origin", {})
    sizes = _stage(run, "cohort").get("sizes") or origin.get("sizes")
    seed = run.get("seed", origin.get("seed"))
    kind = {
        "simulated": "Patients, ECGs, CCTA grades and follow-up were simulated"
        + (f" with seed {seed}" if seed is not None else "") + ".",
        "real_proxy": "ECGs are real; their grades stand for an infarct or ischaemia territory, not for a CCTA.",
        "user": "ECGs and grades are the user's own.",
    }[run["data_kind"]]  # fmt: skip
    text = [kind, f"Analysed: {_counts(run)}."]
    if sizes and run["data_kind"] == "simulated":
        text.append(
            f"The internal cohort was drawn as {sizes['internal_patients']:,} patients with {sizes['internal_exams']:,} CT examinations "
            f"and {sizes['internal_ecgs']:,} ECGs, the external one as {sizes['external']:,} patients and the follow-up cohort as "
            f"{sizes['followup']:,}, one ECG each ([the virtual cohort](../virtual-cohort.md))."
        )
    text.append("An artery is positive when its grade is severe (70 to 98 %) or occluded (at least 99 %); an unknown grade is left out, "
                "never taken for negative.")  # fmt: skip
    return " ".join(text)


def training(run: Values) -> str:
    """Describe fine-tuning from the settings of the stage `training`, here or where the predictions were made."""
    settings = _training_settings(run)
    if not settings:
        return "The predictions were given to this run; how they were made is not in its record."
    s = settings
    start = {
        "nano": "the small network that ships with the library, pretrained on other simulated patients",
        "scratch": "random weights",
    }
    unequal = s["uncertainty"] != "equal"
    rate = "the network's own rate and weight decay" if s["sigma_learning_rate"] == "paper" else \
        f"a rate of their own, {s['sigma_learning_rate']:g}, without decay"  # fmt: skip
    sentences = [
        f"A Net1D ({s['architecture']}) with four outputs started from {start.get(s['init'], 'the weights `' + str(s['init']) + '`')}"
        f"{'' if s['input_contract'] is None else ', with the input contract `' + s['input_contract'] + '`'}.",
        f"Training used AdamW {{cite}}`loshchilov2019` for {s['epochs']} epochs with a peak learning rate of {s['learning_rate']:g} and weight "
        f"decay {s['weight_decay']:g}: a linear rise over {_percent(s['warmup_fraction'])} of the steps, then a cosine to "
        f"{_percent(s['final_rate_fraction'])} of the peak.",
        *_batches(s),
        f"Dropout was {s['dropout']:g}; the bias of the new head started at "
        + ("the log odds of each label in the training rows." if s["head_bias"] == "prevalence" else "PyTorch's random values."),
        f"The four losses (binary cross-entropy) were weighted by learned uncertainty {{cite}}`kendall2018` {WEIGHTINGS[s['uncertainty']]}, "
        f"learned at {rate}." if unequal else "The four losses (binary cross-entropy) had fixed equal weights.",
        PROJECTIONS[s["pcgrad"]],
        *_full_size(s),
        f"Internal patients were divided into {s['n_folds']} folds by patient, stratified on the pattern of labels.",
        f"The epoch of each fold was chosen by macro-AUC on {_percent(s['inner_fraction'])} of the training patients, who were neither "
        "trained on nor reported on." if s["selection"] == "nested" else
        "The epoch of each fold was chosen on the very patients it reports (the paper's way), which is optimistic.",
        f"Internal predictions are out of fold; all others are the mean of the {s['n_folds']} networks.",
    ]  # fmt: skip
    return " ".join(sentences)


def _batches(s: Values) -> list[str]:
    """Say what a batch held, what was done to the copies, and how its ECGs were scaled."""
    told, named = [], s["augmentation"]
    if not named:
        told.append(f"A batch held {s['batch_size']} ECGs, without augmented copies.")
    elif s.get("batch", "both") == "both":
        told.append(f"A batch held {s['batch_size']} ECGs and as many augmented copies.")
    else:
        told.append(f"A batch held augmented copies of {s['batch_size']} ECGs, and not the ECGs themselves.")
    if isinstance(named, list):
        told.append(f"Of the four augmentations {_list(named)} took part.")
    schedule = SCHEDULES[s.get("augmentation_schedule", "paper")]
    if named and schedule:
        told.append(schedule)
    scaled = NORMALISATIONS[s.get("normalisation", "contract")]
    return [*told, scaled] if scaled else told


def _full_size(s: Values) -> list[str]:
    """Say what was trained and how its arithmetic was done, where that is not the ordinary way."""
    told = []
    if s.get("trainable", "all") != "all":
        part = (
            "The head alone was"
            if s["trainable"] == "head"
            else f"The last {s['trainable']} stages and the head were"
        )
        told.append(f"{part} trained; the rest of the network kept its starting weights.")
    if s.get("layer_decay", 1.0) != 1:
        told.append(
            f"The learning rate of each stage was {s['layer_decay']:g} of that of the stage above it."
        )
    if s.get("micro_batch") is not None:
        told.append(
            f"A batch went through the network in parts of {s['micro_batch']} ECGs, which leaves the result as it is."
        )
    if s.get("precision", "fp32") != "fp32":
        told.append(f"The trunk was computed in half precision ({s['precision']}).")
    if s.get("checkpointing"):
        told.append(
            "Activations were computed again for the backward pass, which saves memory and leaves the result as it is."
        )
    return told


def _discrimination(p: Values) -> str:
    return (
        f"Areas under the ROC curve of {_vessels(p)} carry {_percent(p['level'])} intervals from DeLong's variance {{cite}}`delong1988`, "
        "clustered by patient {cite}`obuchowski1997`. The table by level, with macro and micro averages, takes percentiles of "
        f"{p['n_boot']:,} resamples of patients {{cite}}`efron1993` (seed {p['seed']}); its levels are {_units(p['units'])}."
    )


def _subgroups(p: Values) -> str:
    return (
        f"Subgroups of {COHORT_WORDS[p['cohort']]} {LEVELS[p['unit']]} by {_list(p['factors'])} were compared for {_vessels(p)} by the difference "
        f"in AUC with {_percent(p['level'])} intervals, and by the interaction of score and factor in a logistic model. Holm's correction "
        f"{{cite}}`holm1979` ran over all arteries and factors of each question, {len(p['vessels']) * len(p['factors'])} tests each."
    )


def _severity(p: Values) -> str:
    return (
        f"The trend of the probability over grades was tested for {_vessels(p)} by Spearman's correlation and by the test of Jonckheere "
        f"{{cite}}`jonckheere1954` and Terpstra {{cite}}`terpstra1952`, at the level of {_list([LEVELS[u] for u in p['units']])}, with "
        f"{_percent(p['level'])} intervals and Holm's correction over {len(p['vessels'])} arteries; figures show {LEVELS[p['unit']]}."
    )


def _calibration(p: Values) -> str:
    return (
        f"Calibration of {_vessels(p)} was drawn from groups of {p['group_size']} ECGs in order of probability, with LOWESS {{cite}}`cleveland1979` "
        f"over {_percent(p['frac'])} of the points, {p['iterations']} robust iterations, and bands from {p['n_boot']:,} resamples of patients "
        f"(seed {p['seed']}). Intervals cover {_percent(p['level'])}. High risk means a probability at or above {_cuts(p['thresholds'])}."
    )


def _infarction(p: Values) -> str:
    return (
        f"Infarctions to day {p['horizon']:g} were compared between risk groups ({_cuts(p['thresholds'])}) by Kaplan-Meier curves {{cite}}`kaplan1958` "
        f"and log-rank tests {{cite}}`mantel1966` with Holm's correction over {len(p['vessels'])} arteries, by Cox's model {{cite}}`cox1972`, and with "
        f"death and revascularisation as competing events {{cite}}`aalen1978`. {ORIGINS[p['origin']]} Bars stand at "
        f"{_list([f'{w:g}' for w in p['windows']])} days; intervals cover {_percent(p['level'])}."
    )


def _decisions(p: Values) -> str:
    return (
        f"Net benefit {{cite}}`vickers2006` was computed for {LEVELS[p['unit']]}, with {_percent(p['level'])} bands from {p['n_boot']:,} resamples of "
        f"patients (seed {p['seed']}); risk groups were cut at {_cuts(p['thresholds'])} and carried to a population with prevalences "
        f"{_cuts(p['prevalence'])}. For infarction the horizon was {p['horizon']:g} days {{cite}}`vickers2008`."
    )


def _explainability(p: Values) -> str:
    peaks = "by all leads together" if p["peaks"] == "all leads" else "on lead II alone, as in the paper"
    return (
        f"Beats of {COHORT_WORDS[p['cohort']]} patients were found {peaks}, shown as {p['scale']}, and averaged per patient. Groups were cut at "
        f"{_cuts(p['thresholds'])} and compared within matched sets by {p['n_permutations']:,} permutations with clusters {{cite}}`maris2007` from a "
        f"statistic of {p['cluster_threshold']:g} (seed {p['seed']}); clusters with p below {1 - p['level']:.3g} are marked."
    )


def _paper(p: Values) -> str:
    return (
        f"Claims of the paper were judged for {_vessels(p)}: AUCs within {p['margin']:g} count as similar, calibration slope and "
        f"observed/expected within {p['calibration_margin']:g} of 1 as good; intervals cover {_percent(p['level'])}, from {p['n_boot']:,} resamples of "
        f"patients where one needs them (seed {p['seed']}). Risk groups were cut at {_cuts(p['thresholds'])} and followed for {p['horizon']:g} "
        f"days. {ORIGINS[p['origin']]}"
    )


def computing(run: Values) -> str:
    """Name version, commit, hardware and the seed of the run."""
    v, h = run["versions"], run.get("hardware", {})
    machine = f" on {h['cores']} cores of {h['processor']} with {h['memory_gib']:g} GiB" if h else ""
    return (
        f"Computed with ccta-lib {v['ccta-lib']} (commit `{run['commit']}`), Python {v['python']}, NumPy {v['numpy']}, pandas {v['pandas']}, "
        f"scikit-learn {v['scikit-learn']}, statsmodels {v['statsmodels']} and lifelines {v['lifelines']}{machine}. The predictions have "
        f"SHA-256 `{run['predictions_sha256'][:16]}…`. Times are on [the status page](status.md)."
    )


def all_settings(run: Values) -> str:
    """Return a table of every recorded setting: of training and of each chapter."""
    rows: list[tuple[str, str, Any]] = [
        ("training", k, v) for k, v in sorted((_training_settings(run) or {}).items())
    ]
    for name, stage in sorted(run["stages"].items()):
        if name.startswith("chapter "):
            rows += [
                (name.removeprefix("chapter "), k, v)
                for k, v in sorted(stage["parameters"].items())
                if k != "run_dir"
            ]
    cells = [(stage, f"`{name}`", f"`{value!r}`") for stage, name, value in rows]
    return pipe_table(pd.DataFrame(cells, columns=["stage", "setting", "value"]))


def _chapter(run: Values, name: str, write: Callable[[Values], str]) -> str:
    stage = _stage(run, f"chapter {name}")
    if not stage:
        return "This chapter was not run in this run."
    return f"{write(stage['parameters'])} [Results](../chapters/{name}.ipynb)."


def _stage(run: Values, name: str) -> Values:
    found: Values = run["stages"].get(name, {})
    return found


def _training_settings(run: Values) -> Values | None:
    found: Values | None = _stage(run, "training").get("settings") or run.get("origin", {}).get("training")
    return found


def _counts(run: Values) -> str:
    text = str(run.get("counts", "unknown"))
    for name, words in COHORT_WORDS.items():
        text = text.replace(f"{name} ", f"{words} cohort, ")
    return text.replace(" of ", " ECGs of ")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _list(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _vessels(p: Values) -> str:
    return _list(p["vessels"])


def _units(units: list[str]) -> str:
    return _list([{"ecg": "ECG", "exam": "CT examination", "patient": "patient"}[u] for u in units])


def _cuts(values: Values) -> str:
    return _list([f"{100 * v:g} % ({k})" for k, v in values.items()])
