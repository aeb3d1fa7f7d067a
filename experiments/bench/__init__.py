"""Benchmarks: each prints ratios of things measured in one run and writes them to `experiments/results/`."""
