"""What the figures in docs/performance.md come from: `python -m benchmarks [NAME...]`, or `make bench` for all of them."""
