"""An OpenAI-compatible chat endpoint: one question, one answer, tried again while trying again can help."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ccta_lib.errors import CctaError, InputError, MissingExtraError

try:
    import httpx
    import tenacity
except ModuleNotFoundError as error:
    raise MissingExtraError(
        f"a language model's endpoint needs {error.name}: pip install 'ccta-lib[exports]'"
    ) from error

# Busy, restarting or overloaded: the same question may be answered a little later.
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT = 60.0  # seconds between two attempts


class EndpointError(CctaError):
    """The endpoint does not answer, or refuses the question."""


class Answer(NamedTuple):
    """What the model wrote, whether it came to its end, and the tokens it was billed for."""

    text: str
    complete: bool
    tokens_in: int
    tokens_out: int


class _PassingError(Exception):
    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Endpoint:
    """Where a model answers.

    Attributes
    ----------
    url : str
        Up to and with `/v1`: `http://localhost:8000/v1` (vLLM), `:11434/v1` (Ollama), `:8080/v1` (llama.cpp).
    model : str
        Its name there.
    key_variable : str
        Environment variable with the key, where one is needed; the key is never written anywhere.
    timeout : float
        Seconds for one answer.
    attempts : int
        Tries of one question, with growing pauses.
    longest_answer : int
        Tokens.
    """

    url: str
    model: str
    key_variable: str = "OPENAI_API_KEY"
    timeout: float = 120.0
    attempts: int = 6
    longest_answer: int = 900
    first_wait: float = 1.0
    transport: httpx.BaseTransport | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"endpoint {self.url!r}: expected a URL such as http://localhost:8000/v1")
        if parts.username or parts.password:
            raise InputError(f"endpoint of {parts.hostname}: the URL holds a password; put the key into the "
                             f"environment variable {self.key_variable} instead")  # fmt: skip

    @property
    def is_local(self) -> bool:
        """Whether the model runs on this machine, so that no text leaves it."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def client(self) -> httpx.Client:
        """Open a connection that many questions share; it may be used from several threads."""
        key = os.environ.get(self.key_variable, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # Proxies and .netrc of the environment are not asked: text goes to the named endpoint or nowhere.
        return httpx.Client(headers=headers, timeout=self.timeout, transport=self.transport, trust_env=False)

    def ask(self, client: httpx.Client, messages: list[dict[str, str]], schema: dict[str, Any]) -> Answer:
        """Ask one question; temperature 0, the answer bound to a JSON schema.

        Raises
        ------
        EndpointError
            If the endpoint cannot be reached, refuses, or is still busy after the last attempt.
        """
        body = {
            "model": self.model,
            "messages": messages,
            "temperature": 0,
            "seed": 0,
            "max_tokens": self.longest_answer,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            },
        }
        growing = tenacity.wait_exponential(multiplier=self.first_wait, max=_LONGEST_WAIT)

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            said = error.wait if isinstance(error, _PassingError) else 0.0
            return max(growing(state), min(said, _LONGEST_WAIT))

        retrying = tenacity.Retrying(stop=tenacity.stop_after_attempt(self.attempts), wait=wait, reraise=True,
                                     retry=tenacity.retry_if_exception_type(_PassingError))  # fmt: skip
        try:
            return retrying(self._once, client, body)
        except _PassingError as error:
            raise EndpointError(f"{self.url}: {error}, {self.attempts} times; the same command goes on where it "
                                "stopped") from None  # fmt: skip

    def _once(self, client: httpx.Client, body: dict[str, Any]) -> Answer:
        try:
            response = client.post(f"{self.url.rstrip('/')}/chat/completions", json=body)
        except httpx.TransportError as error:
            raise _PassingError(f"no answer ({type(error).__name__})") from error
        if response.status_code in _PASSING:
            waited = response.headers.get("retry-after", "")
            raise _PassingError(
                f"status {response.status_code}", float(waited) if waited.isdecimal() else 0.0
            )
        if response.status_code in (401, 403):
            raise EndpointError(f"{self.url}: status {response.status_code}, the key is missing or wrong; "
                                f"put it into {self.key_variable}")  # fmt: skip
        if response.is_error or response.is_redirect:
            said = " ".join(response.text.split())[:200]
            raise EndpointError(f"{self.url}: status {response.status_code} for model {self.model!r}: {said}")
        try:
            content = response.json()
            choice, usage = content["choices"][0], content.get("usage") or {}
            return Answer(str(choice["message"]["content"] or ""), choice.get("finish_reason") != "length",
                          int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))  # fmt: skip
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise EndpointError(f"{self.url}: answers, but not as an OpenAI-compatible chat endpoint "
                                f"({type(error).__name__})") from error  # fmt: skip
