"""The chaos suite: whatever dies, freezes or is cut off, nothing is lost and nothing counts twice.

docs/chaos.md has the report.
"""
