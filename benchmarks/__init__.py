"""The benchmarks behind the figures in docs/performance.md and docs/everyday.md.

`python -m benchmarks [NAME...]` runs some, `make bench` all of them.
"""
