"""A second reader of report text: a language model behind an OpenAI-compatible endpoint.

De-identified text out, checked grades back: `deidentify` -> `question` -> `endpoint` -> `question` -> `reader`.
"""

from ccta_lib.cohort.language_model.deidentify import Identifiers, deidentify
from ccta_lib.cohort.language_model.endpoint import Endpoint
from ccta_lib.cohort.language_model.estimate import CostEstimate, estimate_cost
from ccta_lib.cohort.language_model.reader import LanguageModelReader

__all__ = ["CostEstimate", "Endpoint", "Identifiers", "LanguageModelReader", "deidentify", "estimate_cost"]
