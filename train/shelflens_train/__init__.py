"""ShelfLens training: what turns labelled pictures into an embedding model."""
