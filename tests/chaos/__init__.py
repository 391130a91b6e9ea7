"""The chaos suite: whatever dies, freezes or is cut, nothing is lost and nothing is doubled. docs/chaos.md has the report."""
