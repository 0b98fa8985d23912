"""What reading will take, told before it starts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from ccta_lib.cohort.language_model.question import INSTRUCTIONS, schema

# Rules of thumb; every model cuts text in its own way. Rounded up, since a bill should not surprise.
_CHARACTERS_PER_TOKEN = 3.5  # alphabetic scripts
_TOKENS_PER_IDEOGRAPH = 1.2
_ANSWER_TOKENS = 260  # four arteries, each with a quote


@dataclass(frozen=True)
class CostEstimate:
    """Questions to ask, their tokens, and their price where prices were given.

    Attributes
    ----------
    questions, cached : int
        To be asked; answered before.
    tokens_in, tokens_out : int
    price : float or None
        In the currency of the prices; None without them.
    """

    questions: int
    cached: int
    tokens_in: int
    tokens_out: int
    price: float | None

    def __str__(self) -> str:
        """Say it in one sentence."""
        money = "" if self.price is None else f", about {self.price:,.2f} at the prices given"
        return (
            f"{self.questions} reports to ask about ({self.cached} answered before): some {self.tokens_in:,} tokens "
            f"in and {self.tokens_out:,} out{money}"
        )


def count_tokens(text: str) -> int:
    """Estimate the tokens of a text."""
    ideographs = sum("\u2e80" <= c <= "\u9fff" or "\uf900" <= c <= "\ufaff" for c in text)
    return round(_TOKENS_PER_IDEOGRAPH * ideographs + (len(text) - ideographs) / _CHARACTERS_PER_TOKEN + 0.5)


def estimate_cost(
    reports: Iterable[str], *, cached: int = 0, price_in: float | None = None, price_out: float | None = None
) -> CostEstimate:
    """Estimate tokens and price of asking about reports.

    Parameters
    ----------
    reports : texts to be sent
    cached : how many more are answered already
    price_in, price_out : per million tokens; both or neither
    """
    lengths = [count_tokens(r) for r in reports]
    fixed = count_tokens(INSTRUCTIONS) + count_tokens(json.dumps(schema()))
    into, out = sum(lengths) + fixed * len(lengths), _ANSWER_TOKENS * len(lengths)
    price = None if price_in is None or price_out is None else (into * price_in + out * price_out) / 1e6
    return CostEstimate(len(lengths), cached, into, out, price)
