"""Tables of known layouts to the cohort table (contract 1), one file per layout.

What each column means stands once, in the how-to page "Tables of a known layout".
"""

from ccta_lib.cohort.adapters.authors import cohort_from_authors
from ccta_lib.cohort.adapters.ptbxl import cohort_from_ptbxl

__all__ = ["cohort_from_authors", "cohort_from_ptbxl"]
