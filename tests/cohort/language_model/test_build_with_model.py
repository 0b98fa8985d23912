"""`ccta cohort build --language-model` as a user gives it: a new folder, a served model, and the same command again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ccta_lib.cli import cli
from ccta_lib.errors import InputError

CLEAR = {"grade": "normal", "percent": None, "evidence": "RCA, LM and LCX normal", "certainty": "high"}
SEVERE = {"grade": "severe", "percent": 75.0, "evidence": "LAD: 75% stenosis", "certainty": "high"}


@pytest.fixture
def served() -> Iterator[tuple[str, list[str]]]:
    """Return the URL of an OpenAI-compatible server, and the reports it is sent."""
    asked: list[str] = []

    class Door(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append(body["messages"][-1]["content"])
            answer = json.dumps({"RCA": CLEAR, "LM": CLEAR, "LAD": SEVERE, "LCX": CLEAR})
            reply = json.dumps(
                {"choices": [{"message": {"content": answer}, "finish_reason": "stop"}]}
            ).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_new_folder_is_built_with_a_model_and_nothing_is_asked_twice(
    served: tuple[str, list[str]], tmp_path: Path, tones: Callable[..., np.ndarray]
) -> None:
    url, asked = served
    ecgs, out = tmp_path / "ecgs", tmp_path / "out"
    ecgs.mkdir()
    np.save(ecgs / "a.npy", tones(seed=1).astype(np.float32))
    (ecgs / "manifest.csv").write_text(
        "path,patient_id,ecg_time,sampling_hz\na.npy,70042,2024-03-01 09:30,500\n"
    )
    reports = tmp_path / "reports.csv"
    reports.write_text("patient_id,name,ccta_time,report,age,sex\n70042,Quirinia Xantippe,2024-03-01 14:00,"
                       '"Quirinia Xantippe (70042). LAD: 75% stenosis. RCA, LM and LCX normal.",63,F\n')  # fmt: skip
    command = ["cohort", "build", "--ecgs", str(ecgs), "--reports", str(reports), "--out", str(out),
               "--language-model", url, "--model", "m", "--workers", "1"]  # fmt: skip

    declined = CliRunner().invoke(cli, command, input="n\n")
    assert isinstance(declined.exception, InputError), declined.output
    assert "nothing was sent" in str(declined.exception)
    assert asked == []

    for _ in range(2):
        done = CliRunner().invoke(cli, [*command, "--yes"])
        assert done.exit_code == 0, done.output
    assert len(asked) == 1
    assert "Xantippe" not in asked[0]
    assert "70042" not in asked[0]
    answers = out / "private" / "answers.sqlite"
    assert answers.stat().st_mode & 0o077 == 0
    assert pd.read_parquet(out / "cohort.parquet")["grade_lad"].tolist() == ["severe"]
