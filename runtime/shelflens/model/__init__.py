"""From an image to an embedding: decoding, the model card, inference engines, the embedder."""
