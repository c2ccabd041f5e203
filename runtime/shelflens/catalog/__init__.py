"""One file of embeddings: open, save, match, decide, add, remove."""
