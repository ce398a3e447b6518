"""Timed runs of fixed seed and size: medians, machine facts, and the results kept as JSON."""
