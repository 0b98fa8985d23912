"""Exports of virtual hospitals, as a researcher receives them: ECG files, reports, statements, procedures."""

from ccta_lib.simulate.exports.folder import planted_identifiers, simulate_exports
from ccta_lib.simulate.exports.people import Trouble
from ccta_lib.simulate.exports.reports import LANGUAGES, SPLITS, report_set, write_report

__all__ = [
    "LANGUAGES",
    "SPLITS",
    "Trouble",
    "planted_identifiers",
    "report_set",
    "simulate_exports",
    "write_report",
]
