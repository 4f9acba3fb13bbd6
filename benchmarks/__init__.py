"""Measures of speed and memory; `make bench` prints them all.

`python -m benchmarks --help` names them and what can be asked; RESULTS.md keeps what
they printed. On a machine with other work to do, go by what all cores together spent.
What half an hour of training reaches is measured by `python -m benchmarks.learning`.
"""
