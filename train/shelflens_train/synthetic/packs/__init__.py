"""Packs: a product as a carton, can, jar or bag, cut out."""
