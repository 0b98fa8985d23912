"""What is installed is known by hash, and what runs asks nobody on the network."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BY_VERSION_ONLY = {"torch"}  # its file differs between CPU and CUDA


def name_of(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9_.-]+", requirement)[0].lower())


@pytest.fixture(scope="module")
def locked() -> dict[str, tuple[str, list[str]]]:
    """Name to version and hashes."""
    entries = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / "requirements.lock").read_text())
    found = {}
    for entry in entries:
        pin = re.match(r"([A-Za-z0-9_.-]+)==(\S+)", entry)
        if pin:
            found[name_of(pin[1])] = (pin[2], re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry))
    return found


@pytest.fixture(scope="module")
def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {name_of(line): line.split("==")[1] for line in lines if line and not line.startswith("#")}


def test_every_locked_package_has_a_hash_and_the_tested_version(
    locked: dict[str, tuple[str, list[str]]], pinned: dict[str, str]
) -> None:
    assert len(locked) > 150
    assert [n for n, (_, hashes) in locked.items() if not hashes] == []
    elsewhere = {
        "appnope",
        "colorama",
        "pywinpty",
    }  # for other systems than the one the versions were tested on
    assert {n: v for n, (v, _) in locked.items() if pinned.get(n) != v and n not in elsewhere} == {}


def test_the_lock_holds_whatever_the_project_asks_for(locked: dict[str, tuple[str, list[str]]]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    asked = {name_of(r) for r in project["project"]["dependencies"] + project["build-system"]["requires"]}
    asked |= {name_of(r) for extra, rs in extras.items() if extra not in ("bench", "quality") for r in rs}
    assert asked - {"ccta-lib"} - set(locked) == BY_VERSION_ONLY


def test_make_installs_by_hash_only() -> None:
    lines = [
        line for line in (ROOT / "Makefile").read_text().splitlines()
        if "pip install" in line and "[quality]" not in line
    ]  # fmt: skip
    kinds = [
        "==" in line or "--require-hashes --no-deps" in line or line.endswith("constraints.txt torch")
        or "--no-deps --no-build-isolation --editable ." in line
        for line in lines
    ]  # fmt: skip
    assert len(lines) == 4
    assert all(kinds)


def test_the_container_is_no_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    user = max(i for i, line in enumerate(lines) if line.startswith("USER "))
    assert lines[user] != "USER root"
    assert user < min(i for i, line in enumerate(lines) if line.startswith(("COPY", "CMD")))


NO_NETWORK = """
import socket, sys

def refuse(self, address, *rest):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise SystemExit(f"asked the network: {address}")
    return real(self, address, *rest)

real = socket.socket.connect
socket.socket.connect = refuse
socket.getaddrinfo = lambda *a, **k: sys.exit(f"asked for a name: {a[:2]}")
"""


def test_simulating_and_evaluating_ask_nobody(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK)
    code = (
        "import sys, subprocess; import socket; assert socket.socket.connect.__name__ == 'refuse'\n"
        "from ccta_lib.cli import cli\n"
        f"cli(['simulate', '--profile', 'smoke', '--out', {str(tmp_path / 'cohort')!r}], standalone_mode=False)\n"
        f"cli(['check', {str(tmp_path / 'cohort' / 'cohort.parquet')!r}], standalone_mode=False)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    blocked = subprocess.run(
        [sys.executable, "-c", "import urllib.request; urllib.request.urlopen('http://example.org')"],
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
    )  # fmt: skip
    assert "asked for a name" in blocked.stderr


@contextmanager
def advisories(answer: Callable[[str, str], dict | None]) -> Iterator[str]:
    """Serve a database of vulnerabilities in the form of OSV on this machine; `None` from `answer` is a failure."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = answer(asked["package"]["name"], asked["version"])
            self.send_response(200 if found is not None else 500)
            self.end_headers()
            self.wfile.write(json.dumps(found or {}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()


def audit(url: str, cache: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("pip_audit", reason="make audit installs it (extra quality)")
    options = f"AUDIT_OPTIONS=-s osv --osv-url {url} --cache-dir {cache}"
    words = [
        "make",
        "--silent",
        "--assume-old=.venv/.quality",
        f"BIN={Path(sys.executable).parent}",
        options,
        "audit",
    ]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True)


def test_the_audit_asks_about_every_locked_package_and_names_the_vulnerable_one(
    locked: dict[str, tuple[str, list[str]]], tmp_path: Path
) -> None:
    version, asked = locked["requests"][0], set()

    def answer(name: str, its: str) -> dict:
        asked.add((name_of(name), its))
        if name != "requests":
            return {}
        affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "versions": [version]}]
        dates = {"modified": "2026-01-01T00:00:00Z", "published": "2026-01-01T00:00:00Z"}
        return {"vulns": [{"id": "OSV-PLANTED-1", "summary": "planted", "affected": affected, **dates}]}

    with advisories(answer) as url:
        done = audit(url, tmp_path)
    assert done.returncode != 0
    assert "OSV-PLANTED-1" in done.stdout, done.stderr
    assert re.search(rf"requests +{re.escape(version)}", done.stdout)
    here = {
        name_of(line.split("==")[0])
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    assert {(n, v) for n, (v, _) in locked.items() if n in here} <= asked


def test_an_audit_passes_when_nothing_is_known_and_fails_when_nobody_answers(tmp_path: Path) -> None:
    with advisories(lambda *_: {}) as url:
        assert audit(url, tmp_path / "a").returncode == 0
    with advisories(lambda *_: None) as url:
        assert audit(url, tmp_path / "b").returncode != 0
