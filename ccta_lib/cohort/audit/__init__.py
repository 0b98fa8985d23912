"""Where readers of reports disagree or abstain, people decide: the sheet they fill, and what it says of the readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ccta_lib.extras import load_name

if TYPE_CHECKING:
    from ccta_lib.cohort.audit.agreement import agreement_table
    from ccta_lib.cohort.audit.build import finish_audit, prepare_audit
    from ccta_lib.cohort.audit.sheet import AuditSheet, final_grades, read_sheet, write_sheet

_HOME = {
    "AuditSheet": "sheet",
    "agreement_table": "agreement",
    "final_grades": "sheet",
    "finish_audit": "build",
    "prepare_audit": "build",
    "read_sheet": "sheet",
    "write_sheet": "sheet",
}
__all__ = [
    "AuditSheet",
    "agreement_table",
    "final_grades",
    "finish_audit",
    "prepare_audit",
    "read_sheet",
    "write_sheet",
]


def __getattr__(name: str) -> Any:
    return load_name(__name__, _HOME, name)
