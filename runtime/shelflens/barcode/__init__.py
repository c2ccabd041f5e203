"""Barcodes of products: numbers and their check digits, and reading them from a photo."""
