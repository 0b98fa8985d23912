"""Searches a finished build for what should not be in it: people, and the words of their reports."""

from ccta_lib.cohort.privacy.scan import Finding, scan_build
from ccta_lib.cohort.privacy.wanted import Wanted, add_recordings, wanted_from_tables

__all__ = ["Finding", "Wanted", "add_recordings", "scan_build", "wanted_from_tables"]
