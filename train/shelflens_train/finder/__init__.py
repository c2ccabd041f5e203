"""The product finder: scenes with exact masks, a small network, its training."""
