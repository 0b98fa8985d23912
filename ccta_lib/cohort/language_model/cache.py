"""Answers already paid for, kept on disk one by one: a killed run goes on where it stopped."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from pathlib import Path

from ccta_lib.cohort.language_model.endpoint import Answer
from ccta_lib.errors import InputError


class AnswerCache:
    """Answers by question; the question itself is stored as a hash only, but answers quote reports.

    Parameters
    ----------
    path : SQLite file, readable by its owner alone
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        # A file that is not there yet is made with the first answer: a build refuses a folder that holds anything
        # before it has begun. One that is there is opened now, so that a wrong one is named at once.
        self._base = _opened(path) if path.exists() else None

    @staticmethod
    def key(*parts: str) -> str:
        """Return the key of a question: endpoint, model, wording, report."""
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def get(self, key: str) -> Answer | None:
        """Return an answer, or None."""
        with self._lock:
            if self._base is None:
                return None
            row = self._base.execute(
                "SELECT text, complete, tokens_in, tokens_out FROM answers WHERE key = ?", (key,)
            ).fetchone()
        return None if row is None else Answer(row[0], bool(row[1]), row[2], row[3])

    def put(self, key: str, answer: Answer) -> None:
        """Keep an answer; it is on disk when this returns."""
        row = (key, answer.text, int(answer.complete), answer.tokens_in, answer.tokens_out)
        with self._lock:
            if self._base is None:
                self._base = _opened(self._path)
            with self._base:
                self._base.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", row)

    def close(self) -> None:
        """Close the file."""
        if self._base is not None:
            self._base.close()


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    try:
        base = sqlite3.connect(path, check_same_thread=False, timeout=30)
        with base:
            base.execute(
                "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, text TEXT NOT NULL, "
                "complete INTEGER NOT NULL, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL)"
            )
    except sqlite3.DatabaseError as error:
        raise InputError(f"{path}: is no cache of answers ({error}); delete it or name another") from error
    return base
