"""Measures of speed and memory; `python -m benchmarks` prints them all.

What half an hour of training reaches is measured by `python -m benchmarks.learning`.
"""
