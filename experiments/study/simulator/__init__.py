"""Runs on paper: the real engine over simulated operators and evaluator, on virtual time."""
