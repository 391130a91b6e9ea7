"""The escalation queue: what PR and Legal work on."""
