"""From a hospital's exports (ECG files, reports, statements, procedures, follow-up) to a cohort table."""

from ccta_lib.cohort.exports.build import PRIVATE, BuildSettings, build_cohort
from ccta_lib.cohort.exports.columns import INPUTS, ColumnsMap, load_columns
from ccta_lib.cohort.exports.linkage import LinkageRules
from ccta_lib.cohort.exports.readers import SecondReader

__all__ = [
    "INPUTS",
    "PRIVATE",
    "BuildSettings",
    "ColumnsMap",
    "LinkageRules",
    "SecondReader",
    "build_cohort",
    "load_columns",
]
