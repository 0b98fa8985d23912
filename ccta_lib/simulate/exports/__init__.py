"""Exports of virtual hospitals, as a researcher receives them: ECG files, reports, statements, procedures."""

from ccta_lib.simulate.exports.reports import LANGUAGES, SPLITS, report_set, write_report

__all__ = ["LANGUAGES", "SPLITS", "report_set", "write_report"]
