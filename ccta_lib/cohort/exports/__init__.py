"""From a hospital's exports (ECG files, reports, statements, procedures, follow-up) to a cohort table."""
