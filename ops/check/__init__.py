"""Checks of what works and what does not: for a person, and for a supervisor."""
