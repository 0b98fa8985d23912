"""Reads grades out of many reports with a language model: de-identified, cached, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from ccta_lib.cohort.language_model.cache import AnswerCache
from ccta_lib.cohort.language_model.deidentify import Identifiers, deidentify, still_identifies
from ccta_lib.cohort.language_model.endpoint import Endpoint
from ccta_lib.cohort.language_model.estimate import CostEstimate, estimate_cost
from ccta_lib.cohort.language_model.question import check_answer, fingerprint, messages, schema
from ccta_lib.cohort.text import MAX_CHARS, GradeReading
from ccta_lib.errors import InputError
from ccta_lib.schema import VESSELS, Vessel

if TYPE_CHECKING:
    import httpx

Readings = dict[Vessel, GradeReading]
WITHHELD = f"[withheld: still identifying after de-identification, or longer than {MAX_CHARS:,} characters]"


class LanguageModelReader:
    """A reader of grades behind an endpoint.

    Parameters
    ----------
    endpoint : where the model answers
    cache : SQLite file of answers; a question asked before is not asked again
    """

    def __init__(self, endpoint: Endpoint, *, cache: Path) -> None:
        self.endpoint = endpoint
        self._cache = AnswerCache(cache)
        self._question = fingerprint()

    def prepare(self, reports: Sequence[str], known: Sequence[Identifiers] | None = None) -> list[str | None]:
        """De-identify reports; None for one that must be withheld: still identifying, or too long to be one.

        Raises
        ------
        InputError
            If `known` has another length than `reports`.
        """
        known = [Identifiers()] * len(reports) if known is None else known
        if len(known) != len(reports):
            raise InputError(
                f"{len(known)} sets of identifiers for {len(reports)} reports; give one for each"
            )
        return [_prepare(r, k) for r, k in zip(reports, known, strict=True)]

    def estimate(
        self, prepared: Sequence[str | None], *, price_in: float | None = None, price_out: float | None = None
    ) -> CostEstimate:
        """Say what reading prepared reports will take; the same text is asked about once."""
        texts = list(dict.fromkeys(t for t in prepared if t is not None))
        new = [t for t in texts if self._cache.get(self._key(t)) is None]
        return estimate_cost(new, cached=len(texts) - len(new), price_in=price_in, price_out=price_out)

    def read(
        self, prepared: Sequence[str | None], *, workers: int = 4, progress: Callable[..., None] | None = None
    ) -> list[Readings]:
        """Read prepared reports.

        Parameters
        ----------
        prepared : as `prepare` returns them
        workers : questions under way at a time
        progress : called as progress(done, total, note)

        Returns
        -------
        list of dict
            A reading of all four vessels per report; a withheld report is an abstention.

        Raises
        ------
        EndpointError
            If the endpoint fails for good; answers so far are kept.
        """
        texts = list(dict.fromkeys(t for t in prepared if t is not None))
        found: dict[str, Readings] = {}
        with self.endpoint.client() as client, ThreadPoolExecutor(workers) as pool:
            jobs = {pool.submit(self._one, client, text): text for text in texts}
            try:
                for done, job in enumerate(as_completed(jobs), start=1):
                    found[jobs[job]] = job.result()
                    if progress is not None:
                        progress(done, len(texts), "")
            finally:
                pool.shutdown(cancel_futures=True)
        withheld = {v: GradeReading(None, None, WITHHELD, 0.0) for v in VESSELS}
        return [withheld if text is None else found[text] for text in prepared]

    def _one(self, client: httpx.Client, text: str) -> Readings:
        key = self._key(text)
        answer = self._cache.get(key)
        if answer is None:
            answer = self.endpoint.ask(client, messages(text), schema())
            self._cache.put(key, answer)
        return check_answer(answer.text, text, complete=answer.complete)

    def _key(self, text: str) -> str:
        return AnswerCache.key(self.endpoint.url.rstrip("/"), self.endpoint.model, self._question, text)


def _prepare(report: str, known: Identifiers) -> str | None:
    if len(report) > MAX_CHARS:  # not one report; and searching it for names takes the square of its length
        return None
    text = deidentify(report, known)
    return None if still_identifies(text, known) else text
