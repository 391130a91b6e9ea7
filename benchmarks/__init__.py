"""The benchmarks behind the figures in docs/performance.md: `python -m benchmarks [NAME...]`, or `make bench` for all of them."""
