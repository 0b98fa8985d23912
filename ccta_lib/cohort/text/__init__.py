"""Readers of clinical text: grades from CCTA reports, ECG statements, history, procedures. Rules, no model."""

from ccta_lib.cohort.text.degree import ABSTAIN_BELOW
from ccta_lib.cohort.text.grades import GradeReading, read_grades, read_vessel_text
from ccta_lib.cohort.text.history import HistoryReading, read_history
from ccta_lib.cohort.text.normalise import MAX_CHARS
from ccta_lib.cohort.text.procedures import ProcedureReading, read_procedure
from ccta_lib.cohort.text.statements import StatementReading, read_statement

__all__ = [
    "ABSTAIN_BELOW",
    "MAX_CHARS",
    "GradeReading",
    "HistoryReading",
    "ProcedureReading",
    "StatementReading",
    "read_grades",
    "read_history",
    "read_procedure",
    "read_statement",
    "read_vessel_text",
]
