"""From recordings and a table of who they belong to, to a checked cohort with its waveform store."""

from ccta_lib.cohort.store import StoreWriter, WaveformStore
from ccta_lib.schema import read_cohort

__all__ = ["StoreWriter", "WaveformStore", "read_cohort"]
