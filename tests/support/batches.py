"""How near embeddings of a batch are to those of single photos."""

TOLERANCE = 1e-5
"""Of each number of a float32 embedding of length 1: sums are taken in another order."""
