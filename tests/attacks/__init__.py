"""Hostile and damaged inputs: short in the test suite, long with `python -m tests.attacks`."""
