"""Tidy table in, matplotlib Axes out; no computing."""
