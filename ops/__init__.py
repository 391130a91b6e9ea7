"""The top storey: puts the other storeys together into commands, roles, replays and the demo.

Only tests and benchmarks import it.
"""
