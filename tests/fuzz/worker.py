"""One target in a process of its own: its memory is limited, and a crash is the end of nothing else."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.guard import Tally, attempt, limit_memory

_INSTRUMENTED = ["ccta_lib", "edfio", "wfdb", "pydicom", "defusedxml", "ecgdatakit", "openpyxl", "yaml"]


def main() -> None:
    """Run one target; the tally is in a file that the caller reads, also after a crash."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.worker")
    parser.add_argument("target")
    parser.add_argument("--engine", choices=("damage", "atheris"), default="damage")
    parser.add_argument("--seconds", type=float, default=10, help="of the processor")
    parser.add_argument("--inputs", type=int, default=0, help="0 = as many as time allows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    fast = Path("/dev/shm")
    with TemporaryDirectory(dir=fast if fast.is_dir() else None, prefix="fuzz") as place:
        if given.engine == "atheris":
            _guided(given, Path(place))
        else:
            _random(given, Path(place))


def _save(given: argparse.Namespace, tally: Tally, seconds: float, *, done: bool) -> None:
    given.out.mkdir(parents=True, exist_ok=True)
    found = []
    for sort in tally.findings.values():
        for one in sort:
            name = f"{given.target}-{hashlib.sha256(one.data).hexdigest()[:12]}"
            (given.out / name).write_bytes(one.data)
            found.append(
                {"what": one.what, "where": one.where, "kind": one.kind, "input": name, "trace": one.trace}
            )
    record = {"target": given.target, "engine": given.engine, "seed": given.seed, "seconds": round(seconds, 1),
              "done": done, **tally.counts, "found": found}  # fmt: skip
    temporary = given.out / f".{given.target}-{given.engine}.json"
    temporary.write_text(json.dumps(record, indent=1))
    temporary.replace(given.out / f"{given.target}-{given.engine}.json")


def _random(given: argparse.Namespace, folder: Path) -> None:
    from tests.fuzz.registry import TARGETS

    target, tally = TARGETS[given.target], Tally()
    samples = target.samples(folder)
    for sample in samples:  # also loads what is loaded on first use, before memory is limited
        tally.add(attempt(target, folder, sample, "whole"))
    limit_memory()
    start = saved = time.process_time()
    number = 0
    while (time.process_time() - start < given.seconds) if not given.inputs else number < given.inputs:
        rng = random.Random(f"{given.target} {given.seed} {number}")
        found = target.damage(rng, rng.choice(samples))
        tally.add(attempt(target, folder, found.data, found.kind))
        number += 1
        if time.process_time() - saved > 5:
            saved = time.process_time()
            _save(given, tally, saved - start, done=False)
    _save(given, tally, time.process_time() - start, done=True)


def _guided(given: argparse.Namespace, folder: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED):
        from tests.fuzz.registry import TARGETS

        target, tally = TARGETS[given.target], Tally()
        samples = target.samples(folder)
        for sample in samples:
            tally.add(attempt(target, folder, sample, "whole"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, sample in enumerate(samples):
        (corpus / str(number)).write_bytes(sample)
    limit_memory()
    start = saved = time.process_time()

    def one(data: bytes) -> None:
        nonlocal saved
        tally.add(attempt(target, folder, data, "other"))
        now = time.process_time()
        if now - saved > 1 or now - start > given.seconds:
            saved = now
            _save(given, tally, now - start, done=now - start > given.seconds)
        if now - start > given.seconds:
            os._exit(0)  # libFuzzer has no other way to be left in peace

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        if seed % 2:
            return atheris.Mutate(data, most)
        rng = random.Random(seed)
        try:
            return target.damage(rng, data or rng.choice(samples)).data[:most]
        except (ValueError, LookupError):  # damage that knows a format, of what is none any more
            return atheris.Mutate(data, most)

    longest = 2 * max(map(len, samples)) + 4096
    atheris.Setup(
        [sys.argv[0], str(corpus), f"-seed={given.seed + 1}", f"-max_len={longest}", "-rss_limit_mb=0", "-timeout=3600",
         "-max_total_time=86400", f"-artifact_prefix={folder}/", "-verbosity=0"],
        one, custom_mutator=mutate,
    )  # fmt: skip
    atheris.Fuzz()


if __name__ == "__main__":
    main()
