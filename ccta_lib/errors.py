"""Named exceptions. A message says which file, row, column or parameter, what was found and what to do."""

from __future__ import annotations


class CctaError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(CctaError):
    """The input is wrong (command-line exit code 2).

    Parameters
    ----------
    *faults : str
        One clear line per fault. All faults of an input are collected before raising.
    """

    def __init__(self, *faults: str) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(self.faults))

    def __reduce__(self) -> tuple[type[InputError], tuple[str, ...]]:
        # Exceptions cross process boundaries; the default would pickle the joined message as one fault.
        return type(self), tuple(self.faults)


class TableError(InputError):
    """A cohort or prediction table breaks its contract."""


class ParameterError(InputError):
    """A setting or chapter parameter is unknown, of the wrong type or out of range."""


class WaveformError(InputError):
    """A recording cannot be read as a 12-lead ECG."""


class WeightsError(InputError):
    """Weights do not fit the network, or their input contract does not fit the data."""


class MissingExtraError(InputError):
    """An optional dependency is not installed."""


class ChapterError(CctaError):
    """A chapter failed while running; names chapter, cell and first source line."""
