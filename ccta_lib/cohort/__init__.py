"""From recordings and a table of who they belong to, to a checked cohort with its waveform store."""

from ccta_lib.cohort.build import build_store
from ccta_lib.cohort.ecg import Ecg, read_ecg, standardise
from ccta_lib.cohort.flow import flow_table
from ccta_lib.cohort.quality import Limits, assess
from ccta_lib.cohort.store import StoreWriter, WaveformStore
from ccta_lib.cohort.text import GradeReading, read_grades
from ccta_lib.schema import read_cohort

__all__ = [
    "Ecg",
    "GradeReading",
    "Limits",
    "StoreWriter",
    "WaveformStore",
    "assess",
    "build_store",
    "flow_table",
    "read_cohort",
    "read_ecg",
    "read_grades",
    "standardise",
]
