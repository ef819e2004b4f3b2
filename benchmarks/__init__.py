"""Benchmarks, one question per file; each prints figures of one run, and ratios for times."""
