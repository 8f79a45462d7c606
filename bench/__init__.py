"""Measurements: `python -m bench` prints every part, `python -m bench p2` one; never run by a timed test."""
