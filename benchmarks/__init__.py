"""Measurements of ShelfLens, run from the repository's root: `python -m benchmarks.ROOM.MODULE`."""
