"""`ccta study`: its help, its wrong input, and a kill in the middle of real training."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("torch")

from ccta_lib import cli
from ccta_lib.files import read_json


@pytest.fixture
def call(monkeypatch, capsys):
    def ccta(*words):
        monkeypatch.setattr(sys, "argv", ["ccta", "study", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return ccta


def test_help_shows_examples(call):
    code, out, _ = call("--help")
    assert code == 0
    assert "ccta study --only learning-curves" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only", "ablation"), "--only: no study 'ablation'; there are baselines, ablations, optimism"),
        (("--size", "huge"), "'huge' is not one of 'study', 'smoke'"),
        (("--workers", "0"), "0 is not in the range"),
    ],
)
def test_wrong_input_is_one_line_and_makes_nothing(call, tmp_path, words, said):
    code, out, err = call("--out", tmp_path / "out", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_killed_while_training_the_same_command_goes_on_to_the_same_bytes(tmp_path):
    def start(out, workers):
        command = [
            "study",
            "--size",
            "smoke",
            "--only",
            "learning-curves",
            "--out",
            str(out),
            "--workers",
            str(workers),
        ]
        return subprocess.Popen([sys.executable, "-m", "ccta_lib", *command], start_new_session=True)

    assert start(tmp_path / "untouched", 1).wait() == 0
    killed = tmp_path / "killed"
    for finished in (
        1,
        3,
    ):  # the first kill leaves cells and perhaps a network half trained; so does the second
        process, began = start(killed, 2), time.monotonic()
        while len(list(killed.glob("cells/*/*/cell.json"))) < finished and time.monotonic() - began < 120:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -9
    kept = {p: p.stat().st_mtime_ns for p in killed.glob("cells/*/*/cell.json")}
    assert 3 <= len(kept) < 8
    assert start(killed, 2).wait() == 0
    assert all(p.stat().st_mtime_ns == t for p, t in kept.items())  # no finished cell is made again
    name = "learning_curves.parquet"
    assert (killed / name).read_bytes() == (tmp_path / "untouched" / name).read_bytes()
    assert read_json(killed / "study.json")["studies"]["learning-curves"]["cells"] == 8
