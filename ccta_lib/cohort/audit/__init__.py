"""Where readers of reports disagree or abstain, people decide: the sheet they fill, and what it says of the readers."""

from ccta_lib.cohort.audit.agreement import agreement_table
from ccta_lib.cohort.audit.sheet import AuditSheet, final_grades, read_sheet, write_sheet

__all__ = ["AuditSheet", "agreement_table", "final_grades", "read_sheet", "write_sheet"]
